"""Image ``broken-files``: key files that are gone, foreign, re-created, damaged or cut off."""

from __future__ import annotations

import struct
from typing import Any

from testdata.builder.capi import Slot
from testdata.builder.cng import ALLOW_EXPORT, CngKey
from testdata.builder.dpapi import MasterKey
from testdata.builder.folders import MACHINE
from testdata.builder.keys import ec_key, rsa_key
from testdata.builder.machine import machine
from testdata.builder.names import capi_file_name
from testdata.builder.scenario import SOUND, UNREACHED, Judged, Scenario, Script, plain
from testdata.builder.scenarios.common import capi_certificate, cng_certificate, container_of

OLD_GUID = "c0ffee00-1111-4222-8333-0123456789ab"

ABSENT: Judged = UNREACHED | {
    "key_file": "absent",
    "verdict": "unusable",
    "broken_at": "key_file",
    "recoverable": False,
    "known_by": "inference",
}
UNREADABLE: Judged = ABSENT | {"key_file": "unreadable", "access": "ok"}
FOREIGN: Judged = SOUND | {
    "key_file": "other_machine_guid",
    "verdict": "unusable",
    "broken_at": "key_file",
    "recoverable": True,
    "known_by": "inference",
}
REPLACED: Judged = SOUND | {
    "public_key": "mismatch",
    "verdict": "unusable",
    "broken_at": "public_key",
    "recoverable": False,
    "known_by": "public_key",
}
"""The file is sound and holds another key than the certificate's."""

DAMAGED: Judged = SOUND | {
    "private_key": "damaged",
    "verdict": "unusable",
    "broken_at": "private_key",
    "recoverable": True,
    "known_by": "decryption",
}
"""The MAC is wrong, the key itself is whole."""

BEYOND_USE: Judged = DAMAGED | {"recoverable": False}
ORPHAN_FOREIGN: Judged = FOREIGN | {"public_key": "not_examined"}
ORPHAN_SOUND: Judged = SOUND | {"public_key": "not_examined"}


def broken_files() -> Scenario:
    script = Script(machine("broken-files"))
    lost = script.machine.add_master_key(MACHINE, "lost", in_use=False)
    script.machine.remove(f"{MACHINE.protect_folder}/{lost.guid}")
    capi_certificate(script, "absent-capi.contoso.test", "2048-01", ABSENT, "no file at all", **_no_file())
    cng_certificate(script, "absent-cng.contoso.test", "absent", ABSENT, "no file at all, CNG", **_no_file())
    _foreign(script, lost)
    _replaced(script)
    _unreadable(script)
    _damaged(script)
    return plain("broken-files", "Key files gone, foreign, re-created, damaged or cut off", script)


def _no_file() -> dict[str, Any]:
    return {"written": False, "master_key": None, "exportable": "unknown"}


def _foreign(script: Script, lost: MasterKey) -> None:
    forged = script.machine
    host = "old-guid-capi.contoso.test"
    path = forged.put_capi(container_of(host), exchange=Slot(rsa_key("2048-02"), True), suffix=OLD_GUID)
    capi_certificate(
        script, host, "2048-02", FOREIGN, "file under another MachineGuid, still opens", path=path, exportable="yes"
    )
    host, key = "old-guid-cng.contoso.test", ec_key("P-384", "old guid")
    path = forged.put_cng(container_of(host), CngKey.ec(key), suffix=OLD_GUID, export_policy=ALLOW_EXPORT)
    cng_certificate(
        script,
        host,
        "old guid",
        FOREIGN,
        "CNG file under another MachineGuid, still opens",
        path=path,
        curve="P-384",
        exportable="yes",
    )
    host = "old-guid-lost.contoso.test"
    path = forged.put_capi(container_of(host), exchange=Slot(rsa_key("2048-03")), suffix=OLD_GUID, master_key=lost)
    capi_certificate(
        script,
        host,
        "2048-03",
        FOREIGN | {"master_key": "absent", "unlocked_by": "not_tried", "private_key": "locked", "recoverable": False},
        "file under another MachineGuid, and its master key is gone",
        path=path,
        master_key=lost.guid,
        exportable="unknown",
    )


def _replaced(script: Script) -> None:
    forged = script.machine
    guid = forged.keys[MACHINE].guid
    host = "recreated-capi.contoso.test"
    path = forged.put_capi(container_of(host), exchange=Slot(rsa_key("2048-05")))
    orphan = forged.put_capi(container_of(host), exchange=Slot(rsa_key("2048-04"), True), suffix=OLD_GUID)
    capi_certificate(
        script,
        host,
        "2048-04",
        REPLACED | {"recoverable": True},
        "container re-created with another key; the right one lies under the old MachineGuid",
        path=path,
    )
    script.orphan(
        ORPHAN_FOREIGN,
        "the key that the re-created container replaced",
        container=container_of(host),
        provider_kind="capi",
        path=orphan,
        master_key=guid,
        exportable="yes",
    )
    host = "recreated-lost.contoso.test"
    path = forged.put_capi(container_of(host), exchange=Slot(rsa_key("2048-07")))
    capi_certificate(script, host, "2048-06", REPLACED, "container re-created, the old key is nowhere", path=path)
    host = "recreated-cng.contoso.test"
    path = forged.put_cng(container_of(host), CngKey.ec(ec_key("P-256", "the new one")))
    orphan = forged.put_cng(container_of(host), CngKey.ec(ec_key("P-256", "the right one")), suffix=OLD_GUID)
    cng_certificate(
        script,
        host,
        "the right one",
        REPLACED | {"recoverable": True},
        "CNG container re-created; the right key lies under the old MachineGuid",
        path=path,
    )
    script.orphan(
        ORPHAN_FOREIGN,
        "the CNG key that the re-created container replaced",
        container=container_of(host),
        provider_kind="cng",
        path=orphan,
        master_key=guid,
    )


def _unreadable(script: Script) -> None:
    forged = script.machine
    for host, key, change, why in (
        ("zero.contoso.test", "2048-08", lambda data: b"", "key file of 0 bytes"),
        ("truncated.contoso.test", "2048-09", lambda data: data[: len(data) // 2], "key file cut off in the middle"),
        ("lying.contoso.test", "2048-10", _lie, "key file whose length of the private section runs past its end"),
        (
            "zeroed.contoso.test",
            "2048-11",
            lambda data: bytes(len(data)),
            "key file full of zeros",
        ),
    ):
        path = f"{MACHINE.capi_folder}/{capi_file_name(container_of(host), forged.suffix)}"
        forged.put_capi(container_of(host), exchange=Slot(rsa_key(key)))
        forged.change(path, change)
        capi_certificate(
            script,
            host,
            key,
            UNREADABLE,
            why,
            path=path,
            master_key=None,
            exportable="unknown",
        )
    host, curve_key = "truncated-cng.contoso.test", ec_key("P-256", "truncated")
    path = forged.put_cng(container_of(host), CngKey.ec(curve_key))
    forged.change(path, lambda data: data[:200])
    cng_certificate(
        script,
        host,
        "truncated",
        UNREADABLE,
        "CNG key file cut off after 200 bytes",
        path=path,
        master_key=None,
        exportable="unknown",
    )


def _lie(data: bytes) -> bytes:
    return data[:24] + struct.pack("<I", 0x7FFFFFF0) + data[28:]


def _damaged(script: Script) -> None:
    forged = script.machine
    host = "bad-sign-capi.contoso.test"
    path = forged.put_capi(container_of(host), exchange=Slot(rsa_key("2048-12")))
    forged.change(path, lambda data: _flip(data, _capi_private_end(data) - 1))
    capi_certificate(script, host, "2048-12", DAMAGED, "last byte of the MAC flipped: the key is whole", path=path)
    host = "bad-middle-capi.contoso.test"
    path = forged.put_capi(container_of(host), exchange=Slot(rsa_key("2048-13")))
    forged.change(path, lambda data: _flip(data, _capi_private_end(data) - 64 - 4 - 900))
    capi_certificate(script, host, "2048-13", BEYOND_USE, "a byte in the middle of the ciphertext flipped", path=path)
    host = "bad-tail-capi.contoso.test"
    path = forged.put_capi(container_of(host), exchange=Slot(rsa_key("2048-14")))
    forged.change(path, lambda data: _flip(data, _capi_private_end(data) - 64 - 4 - 2))
    capi_certificate(
        script,
        host,
        "2048-14",
        DAMAGED,
        "end of the ciphertext flipped: padding broken, arithmetic sound",
        path=path,
    )
    host = "bad-sign-cng.contoso.test"
    path = forged.put_cng(container_of(host), CngKey.ec(ec_key("P-256", "bad sign")))
    forged.change(path, lambda data: _flip(data, len(data) - 1))
    cng_certificate(script, host, "bad sign", DAMAGED, "CNG: last byte of the MAC flipped", path=path)
    host = "bad-middle-cng.contoso.test"
    path = forged.put_cng(container_of(host), CngKey.ec(ec_key("P-256", "bad middle")))
    forged.change(path, lambda data: _flip(data, len(data) - 64 - 4 - 40))
    cng_certificate(script, host, "bad middle", BEYOND_USE, "CNG: a byte of d flipped in the ciphertext", path=path)
    host = "bad-properties.contoso.test"
    broken = struct.pack("<5I", 0x1000, 10, 0, 0, 0x0FEC) + b"ECS1"
    path = forged.put_cng(container_of(host), CngKey.ec(ec_key("P-256", "bad list")), public_properties=broken)
    cng_certificate(
        script,
        host,
        "bad list",
        SOUND | {"public_key": "not_stored"},
        "CNG: public property list broken, everything else whole",
        path=path,
        unsettled=["public_key", "verdict", "broken_at", "recoverable"],
    )
    host = "no-public-half.contoso.test"
    path = forged.put_cng(container_of(host), CngKey.ec(ec_key("P-256", "no public")), public_properties=b"")
    cng_certificate(
        script,
        host,
        "no public",
        SOUND | {"public_key": "not_stored"},
        "CNG: no public property at all; the private half is the certificate's",
        path=path,
        unsettled=["public_key"],
    )
    host = "wrong-public-half.contoso.test"
    path = forged.put_capi(container_of(host), exchange=Slot(rsa_key("2048-16"), public_key=rsa_key("2048-15")))
    capi_certificate(
        script,
        host,
        "2048-15",
        SOUND
        | {
            "private_key": "damaged",
            "verdict": "unusable",
            "broken_at": "private_key",
            "recoverable": False,
        },
        "the public half in the file is the certificate's, the private half another key's",
        path=path,
        unsettled=["public_key", "private_key", "broken_at"],
    )


def _capi_private_end(data: bytes) -> int:
    """Offset behind the exchange slot's private blob (whose slot alone is filled, with an export flag last)."""
    return len(data) - int.from_bytes(data[36:40], "little")


def _flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x5A]) + data[at + 1 :]
