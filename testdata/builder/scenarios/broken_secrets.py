"""Image ``broken-secrets``: master keys that are gone, damaged, or protected by an earlier secret."""

from __future__ import annotations

from datetime import UTC, datetime

from testdata.builder import dpapi
from testdata.builder.capi import Slot
from testdata.builder.certs import CNG_SOFTWARE
from testdata.builder.cng import CngKey
from testdata.builder.folders import LOCAL_SYSTEM, MACHINE
from testdata.builder.keys import ec_key, rsa_key
from testdata.builder.machine import cng_link, machine
from testdata.builder.scenario import SOUND, Judged, Scenario, Script, plain
from testdata.builder.scenarios.common import capi_certificate, cng_certificate, container_of

CHANGED = datetime(2025, 11, 7, 6, 30, 0, tzinfo=UTC)
LOCKED: Judged = SOUND | {
    "unlocked_by": "not_tried",
    "private_key": "locked",
    "verdict": "unusable",
    "broken_at": "master_key",
    "recoverable": False,
    "known_by": "inference",
}
"""The master key file is no use."""

MASTER_KEY_ABSENT: Judged = LOCKED | {"master_key": "absent"}
MASTER_KEY_UNREADABLE: Judged = LOCKED | {"master_key": "unreadable"}
PREVIOUS: Judged = SOUND | {
    "unlocked_by": "previous",
    "verdict": "unusable",
    "broken_at": "secret",
    "recoverable": True,
    "known_by": "decryption",
}
NOTHING: Judged = LOCKED | {"unlocked_by": "nothing", "broken_at": "secret", "known_by": "decryption"}


def broken_secrets() -> Scenario:
    script = Script(machine("broken-secrets", with_keys=False, secret_set=CHANGED, lsa_older_keys=1))
    forged = script.machine
    forged.previous = dpapi.DpapiSystem.seeded("broken-secrets/previous")
    stranger = dpapi.DpapiSystem.seeded("broken-secrets/of another machine")
    labels = ("gone", "empty", "cut", "other guid", "both sections", "old", "strange", "old 3des")
    secrets = {"old": forged.previous, "old 3des": forged.previous, "strange": stranger}
    made = {
        label: forged.add_master_key(
            MACHINE,
            label,
            secret=secrets.get(label),
            suite=dpapi.TDES_SHA1 if label == "old 3des" else dpapi.AES_SHA512,
        )
        for label in labels
    }
    current = forged.add_master_key(MACHINE, "current", created=CHANGED)
    forged.add_master_key(LOCAL_SYSTEM, "old", secret=forged.previous)
    old_system_key = forged.keys[LOCAL_SYSTEM]
    forged.add_master_key(LOCAL_SYSTEM, "current", created=CHANGED)
    folder = MACHINE.protect_folder

    capi_certificate(script, "fine.contoso.test", "2048-01", SOUND, "its master key opens with CurrVal")
    cases: tuple[tuple[str, str, str, Judged, str, list[str]], ...] = (
        ("gone", "2048-02", "gone", MASTER_KEY_ABSENT, "master key file absent", []),
        ("empty", "2048-03", "empty", MASTER_KEY_UNREADABLE, "master key file of 0 bytes", []),
        ("cut", "2048-04", "cut", MASTER_KEY_UNREADABLE, "master key file cut off after 200 bytes", []),
        ("other-guid", "2048-05", "other guid", MASTER_KEY_UNREADABLE, "another GUID inside than its name", []),
        (
            "both-sections",
            "2048-06",
            "both sections",
            MASTER_KEY_UNREADABLE,
            "master and backup section damaged: the backup, which needs no secret, does not open either",
            ["unlocked_by", "known_by"],
        ),
        ("old-secret", "2048-07", "old", PREVIOUS, "opens with OldVal only", []),
        ("old-secret-3des", "2048-08", "old 3des", PREVIOUS, "3DES master key, opens with OldVal only", []),
        ("no-secret", "2048-09", "strange", NOTHING, "intact, opens with neither CurrVal nor OldVal", []),
    )
    for label, key, master, judged, why, unsettled in cases:
        host = f"{label}.contoso.test"
        path = forged.put_capi(container_of(host), exchange=Slot(rsa_key(key)), master_key=made[master])
        capi_certificate(
            script,
            host,
            key,
            judged,
            why,
            path=path,
            master_key=made[master].guid,
            exportable="no" if judged is PREVIOUS else "unknown",
            unsettled=unsettled,
        )
    forged.remove(f"{folder}/{made['gone'].guid}")
    forged.change(f"{folder}/{made['empty'].guid}", lambda data: b"")
    forged.change(f"{folder}/{made['cut'].guid}", lambda data: data[:200])
    forged.change(f"{folder}/{made['other guid'].guid}", lambda data: data[:12] + current.file[12:84] + data[84:])
    forged.change(f"{folder}/{made['both sections'].guid}", _damage_both_sections)
    _cng_cases(script, made, old_system_key)
    return plain("broken-secrets", "Master keys gone, damaged, or under another DPAPI_SYSTEM", script)


def _damage_both_sections(data: bytes) -> bytes:
    changed = bytearray(data)
    changed[128 + 60] ^= 0xFF
    changed[128 + 176 + 60] ^= 0xFF
    return bytes(changed)


def _cng_cases(script: Script, made: dict[str, dpapi.MasterKey], old_system_key: dpapi.MasterKey) -> None:
    forged = script.machine
    for label, seed, master, judged in (
        ("cng-old-secret", "old", "old", PREVIOUS),
        ("cng-no-secret", "strange", "strange", NOTHING),
        ("cng-gone", "gone", "gone", MASTER_KEY_ABSENT),
    ):
        host = f"{label}.contoso.test"
        path = forged.put_cng(container_of(host), CngKey.ec(ec_key("P-256", seed)), master_key=made[master])
        cng_certificate(
            script,
            host,
            seed,
            judged,
            f"CNG key under the master key '{master}'",
            path=path,
            master_key=made[master].guid,
            exportable="no" if judged is PREVIOUS else "unknown",
        )
    host, key = "system-old-secret.contoso.test", ec_key("P-256", "system old")
    path = forged.put_cng(container_of(host), CngKey.ec(key), owner=LOCAL_SYSTEM, master_key=old_system_key)
    cng_certificate(
        script,
        host,
        "system old",
        PREVIOUS,
        "SYSTEM's own key: its master key opens with the user half of OldVal",
        path=path,
        link=cng_link(container_of(host), CNG_SOFTWARE, machine_keyset=False),
        master_key=old_system_key.guid,
    )
