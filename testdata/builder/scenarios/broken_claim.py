"""Image ``broken-claim``: what the certificate says of its key is missing, unreadable or wrong; providers."""

from __future__ import annotations

from testdata.builder import certs
from testdata.builder.capi import Slot
from testdata.builder.cng import CngKey
from testdata.builder.folders import MACHINE
from testdata.builder.keys import ec_key, rsa_key
from testdata.builder.machine import capi_link, cng_link, machine
from testdata.builder.names import capi_file_name, capi_name_hash, cng_file_name
from testdata.builder.scenario import SOUND, UNREACHED, Judged, Scenario, Script, plain
from testdata.builder.scenarios.common import capi_certificate, cng_certificate, container_of

CAROL = "S-1-5-21-1212121212-2323232323-3434343434-1001"
PASSWORDS = {CAROL: "Tr0ub4dor-and-3"}
OLD_GUID = "5a1d7f00-2b64-4c1e-8a6d-0e9c11d5b7aa"
THIRD_PARTY = "Utimaco CryptoServer Key Storage Provider"
UNREGISTERED = "SafeNet Key Storage Provider"

CLAIM_FOUND: Judged = SOUND | {
    "verdict": "unusable",
    "broken_at": "claim",
    "recoverable": True,
    "known_by": "public_key",
}
"""The key is there and opens; only the certificate does not lead to it."""

CLAIM_LOST: Judged = UNREACHED | {
    "key_file": "absent",
    "verdict": "unusable",
    "broken_at": "claim",
    "recoverable": False,
    "known_by": "public_key",
}
"""No link, and no key file on the disk holds the certificate's public half."""

NO_LINK_COLUMNS = ("container", "provider", "provider_kind")


def broken_claim() -> Scenario:
    script = Script(machine("broken-claim", machine_sid="S-1-5-21-1212121212-2323232323-3434343434"))
    _missing_links(script)
    _wrong_links(script)
    _providers(script)
    _personal_key(script)
    return plain(
        "broken-claim", "KEY_PROV_INFO missing, unreadable or wrong; foreign providers", script, passwords=PASSWORDS
    )


def _missing_links(script: Script) -> None:
    capi_certificate(
        script,
        "no-link-capi.contoso.test",
        "2048-01",
        CLAIM_FOUND,
        "no KEY_PROV_INFO; a CryptoAPI file holds the key",
        link=None,
        provider=None,
        unsettled=NO_LINK_COLUMNS,
    )
    cng_certificate(
        script,
        "no-link-cng.contoso.test",
        "no link",
        CLAIM_FOUND,
        "no KEY_PROV_INFO; a CNG file holds the key",
        link=None,
        provider=None,
        unsettled=NO_LINK_COLUMNS,
    )
    capi_certificate(
        script,
        "no-link-no-key.contoso.test",
        "2048-02",
        CLAIM_LOST,
        "no KEY_PROV_INFO, and no file with that public key",
        link=None,
        container=None,
        provider=None,
        provider_kind=None,
        written=False,
        master_key=None,
        exportable="unknown",
        unsettled=["known_by", "key_file"],
    )
    whole = capi_link(container_of("bad-link.contoso.test"), certs.CAPI_ENHANCED)
    capi_certificate(
        script,
        "bad-link.contoso.test",
        "2048-03",
        CLAIM_FOUND,
        "KEY_PROV_INFO cut off in the middle of its header; a file holds the key",
        link=whole[:18],
        provider=None,
        unsettled=NO_LINK_COLUMNS,
    )
    cng_certificate(
        script,
        "bad-offset.contoso.test",
        "bad offset",
        CLAIM_FOUND,
        "KEY_PROV_INFO whose offset of the container lies far outside; a file holds the key",
        link=b"\0\0\0\x7f" + cng_link("x", certs.CNG_SOFTWARE)[4:],
        provider=None,
        unsettled=NO_LINK_COLUMNS,
    )


def _wrong_links(script: Script) -> None:
    forged = script.machine
    capi_certificate(
        script,
        "empty-slot.contoso.test",
        "2048-04",
        CLAIM_FOUND,
        "KEY_PROV_INFO names the signature slot, the key is in the exchange slot",
        link=capi_link(container_of("empty-slot.contoso.test"), certs.CAPI_ENHANCED, key_spec=2),
        unsettled=["known_by"],
    )
    container = "two-slots"
    path = forged.put_capi(container, exchange=Slot(rsa_key("2048-05")), signature=Slot(rsa_key("2048-06")))
    for slot, key, spec in (("exchange", "2048-05", 1), ("signature", "2048-06", 2)):
        capi_certificate(
            script,
            f"{slot}-of-two.contoso.test",
            key,
            SOUND,
            f"container with both slots filled; this certificate is of the {slot} slot",
            path=path,
            container=container,
            link=capi_link(container, certs.CAPI_ENHANCED, key_spec=spec),
        )
    capi_certificate(
        script,
        "wrong-of-two.contoso.test",
        "2048-07",
        SOUND
        | {
            "public_key": "mismatch",
            "verdict": "unusable",
            "broken_at": "public_key",
            "recoverable": True,
            "known_by": "public_key",
        },
        "both slots filled, KEY_PROV_INFO names the exchange slot, the certificate's key is in the signature slot",
        path=forged.put_capi("swapped", exchange=Slot(rsa_key("2048-08")), signature=Slot(rsa_key("2048-07"))),
        container="swapped",
        link=capi_link("swapped", certs.CAPI_ENHANCED, key_spec=1),
    )
    unique = capi_file_name("unique-now", forged.suffix)
    capi_certificate(
        script,
        "unique-now.contoso.test",
        "2048-09",
        SOUND,
        "KEY_PROV_INFO names the file itself: hash and today's MachineGuid",
        path=forged.put_capi("unique-now", exchange=Slot(rsa_key("2048-09"))),
        container=unique,
        link=capi_link(unique, certs.CAPI_ENHANCED),
        unsettled=["container"],
    )
    earlier = f"{capi_name_hash('unique-then')}_{OLD_GUID}"
    capi_certificate(
        script,
        "unique-then.contoso.test",
        "2048-10",
        CLAIM_FOUND,
        "KEY_PROV_INFO names the file with an earlier MachineGuid; the file with today's holds the key",
        path=forged.put_capi("unique-then", exchange=Slot(rsa_key("2048-10"))),
        container=earlier,
        link=capi_link(earlier, certs.CAPI_ENHANCED),
        unsettled=["container", "known_by"],
    )
    unique = cng_file_name("unique-cng", forged.suffix)
    cng_certificate(
        script,
        "unique-cng.contoso.test",
        "unique cng",
        SOUND,
        "CNG: KEY_PROV_INFO names the file itself",
        path=forged.put_cng("unique-cng", CngKey.ec(ec_key("P-256", "unique cng"))),
        container=unique,
        link=cng_link(unique, certs.CNG_SOFTWARE),
        unsettled=["container"],
    )

    path = forged.put_capi("legacy-through-cng", exchange=Slot(rsa_key("2048-13")))
    script.certificate(
        certs.make_certificate("legacy.contoso.test", rsa_key("2048-13")),
        SOUND,
        "provider is the CNG software KSP, which falls back to the CryptoAPI container",
        link=cng_link("legacy-through-cng", certs.CNG_SOFTWARE),
        container="legacy-through-cng",
        provider=certs.CNG_SOFTWARE,
        provider_kind="cng",
        path=path,
        master_key=forged.keys[MACHINE].guid,
    )


def _providers(script: Script) -> None:
    script.machine.hives.system.key(f"ControlSet001\\Control\\Cryptography\\Providers\\{THIRD_PARTY}\\UM")
    unknown = UNREACHED | {"verdict": "unknown", "broken_at": None, "recoverable": None, "known_by": "inference"}
    for host, provider, kind, link, judged, why, unsettled in (
        (
            "hsm.contoso.test",
            THIRD_PARTY,
            "other",
            cng_link("hsm-key", THIRD_PARTY),
            unknown,
            "third-party provider, registered on this disk",
            ["key_file", "private_key"],
        ),
        (
            "gone-hsm.contoso.test",
            UNREGISTERED,
            "other",
            cng_link("gone-hsm-key", UNREGISTERED),
            unknown | {"verdict": "unusable", "broken_at": "provider"},
            "third-party provider, not registered on this disk",
            ["key_file", "private_key", "recoverable"],
        ),
        (
            "card-capi.contoso.test",
            certs.CAPI_SMART_CARD,
            "smart_card",
            capi_link("card-key", certs.CAPI_SMART_CARD, machine_keyset=False),
            unknown | {"key_file": "not_applicable", "private_key": "needs_pin"},
            "smart card through its CryptoAPI provider",
            [],
        ),
        (
            "card-cng.contoso.test",
            certs.CNG_SMART_CARD,
            "smart_card",
            cng_link("card-key-2", certs.CNG_SMART_CARD, machine_keyset=False),
            unknown | {"key_file": "not_applicable", "private_key": "needs_pin"},
            "smart card through its key storage provider",
            [],
        ),
    ):
        script.certificate(
            certs.make_certificate(host, rsa_key("2048-11")),
            judged,
            why,
            link=link,
            container=_container(link),
            provider=provider,
            provider_kind=kind,
            path=None,
            master_key=None,
            exportable="unknown",
            unsettled=unsettled,
        )


def _container(link: bytes) -> str:
    return link[28 : int.from_bytes(link[4:8], "little")].decode("utf-16-le").rstrip("\0")


def _personal_key(script: Script) -> None:
    carol = script.machine.add_user(CAROL, "carol", PASSWORDS[CAROL])
    path = script.machine.put_capi("carol-key", exchange=Slot(rsa_key("2048-12"), True), owner=carol)
    script.certificate(
        certs.make_certificate("personal.contoso.test", rsa_key("2048-12")),
        CLAIM_FOUND | {"unlocked_by": "not_tried", "private_key": "locked", "recoverable": None},
        "machine store, but flags 0 and the key in a user's profile: no service can use it",
        link=capi_link("carol-key", certs.CAPI_ENHANCED, machine_keyset=False),
        container="carol-key",
        provider=certs.CAPI_ENHANCED,
        provider_kind="capi",
        path=path,
        master_key=script.machine.keys[carol].guid,
        exportable="unknown",
        with_passwords={
            "unlocked_by": "password",
            "private_key": "proved",
            "recoverable": True,
            "exportable": "yes",
        },
        unsettled=["known_by", "access"],
    )
