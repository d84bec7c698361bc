"""Image ``mixed``: several breaks of one key, several certificates of one key, and links that are odd but sound."""

from __future__ import annotations

from datetime import UTC, datetime

from testdata.builder import acl, certs, dpapi
from testdata.builder.acl import Ace, security_descriptor
from testdata.builder.capi import Slot
from testdata.builder.cng import CngKey
from testdata.builder.folders import MACHINE
from testdata.builder.keys import ec_key, rsa_key
from testdata.builder.machine import capi_link, machine
from testdata.builder.scenario import SOUND, Scenario, Script, plain
from testdata.builder.scenarios.broken_access import DENIED, TOO_OPEN
from testdata.builder.scenarios.broken_claim import CLAIM_FOUND
from testdata.builder.scenarios.broken_files import FOREIGN, ORPHAN_FOREIGN, REPLACED, UNREADABLE
from testdata.builder.scenarios.broken_secrets import PREVIOUS
from testdata.builder.scenarios.common import capi_certificate, cng_certificate, container_of
from testdata.builder.scenarios.services import NO_SERVICE

OLD_GUID = "aaaaaaaa-0000-4000-8000-00000000000a"
OLDER_GUID = "bbbbbbbb-0000-4000-8000-00000000000b"
NO_SYSTEM = security_descriptor([Ace(acl.SYSTEM, acl.FULL, acl.DENY), Ace(acl.ADMINISTRATORS)])


def mixed() -> Scenario:
    script = Script(machine("mixed", service_starts={"KeyIso": 4}))
    forged = script.machine
    forged.previous = dpapi.DpapiSystem.seeded("mixed/previous")
    old = forged.add_master_key(MACHINE, "old", secret=forged.previous, in_use=False)
    _sound(script)
    _two_breaks(script, old)
    _several_files(script)
    _wrong_folder(script)
    return plain("mixed", "Several breaks of one key, several certificates of one key; KeyIso disabled", script)


def _sound(script: Script) -> None:
    forged = script.machine
    guid = forged.keys[MACHINE].guid
    shared = forged.put_capi("renewed", exchange=Slot(rsa_key("2048-01"), True))
    for year, archived in ((2025, True), (2026, False)):
        script.certificate(
            certs.make_certificate(
                "renewed.contoso.test",
                rsa_key("2048-01"),
                not_before=datetime(year, 1, 1, tzinfo=UTC),
                not_after=datetime(year + 1, 2, 1, tzinfo=UTC),
            ),
            SOUND,
            f"certificate of {year}, renewed with the same key" + (", archived" if archived else ""),
            link=capi_link("renewed", certs.CAPI_SCHANNEL, type_=12),
            container="renewed",
            provider=certs.CAPI_SCHANNEL,
            provider_kind="capi",
            path=shared,
            master_key=guid,
            exportable="yes",
            archived=archived,
        )
    capi_certificate(
        script,
        "hosting.contoso.test",
        "2048-02",
        SOUND,
        "in the store WebHosting",
        store="WebHosting",
    )
    path = forged.put_capi("Mixed-Case", exchange=Slot(rsa_key("2048-03")))
    capi_certificate(
        script,
        "case.contoso.test",
        "2048-03",
        SOUND,
        "KEY_PROV_INFO writes the container in another case than the key file",
        path=path,
        container="MIXED-case",
        unsettled=["container"],
    )


def _two_breaks(script: Script, old: dpapi.MasterKey) -> None:
    forged = script.machine
    host = "denied-and-old.contoso.test"
    path = forged.put_capi(container_of(host), exchange=Slot(rsa_key("2048-05")), master_key=old, sd=NO_SYSTEM)
    capi_certificate(
        script,
        host,
        "2048-05",
        DENIED | {"unlocked_by": "previous"},
        "SYSTEM denied, and the master key needs OldVal: access comes first",
        path=path,
        master_key=old.guid,
    )
    host = "replaced-and-denied.contoso.test"
    path = forged.put_capi(container_of(host), exchange=Slot(rsa_key("2048-07")), sd=NO_SYSTEM)
    capi_certificate(
        script,
        host,
        "2048-06",
        REPLACED | {"access": "denied"},
        "another key in the file, and SYSTEM denied: the public key comes first",
        path=path,
    )
    host = "old-and-service.contoso.test"
    path = forged.put_cng(container_of(host), CngKey.ec(ec_key("P-256", "old and service")), master_key=old)
    cng_certificate(
        script,
        host,
        "old and service",
        PREVIOUS,
        "CNG, the master key needs OldVal, and KeyIso is disabled: the secret comes first",
        path=path,
        master_key=old.guid,
    )
    host = "open-and-service.contoso.test"
    sd = security_descriptor([Ace(acl.SYSTEM), Ace(acl.EVERYONE, acl.READ)])
    path = forged.put_cng(container_of(host), CngKey.ec(ec_key("P-256", "open")), sd=sd)
    cng_certificate(
        script,
        host,
        "open",
        NO_SERVICE | {"access": "too_open"},
        "CNG, Everyone may read, and KeyIso is disabled: too open is no break",
        path=path,
    )
    host = "foreign-and-denied.contoso.test"
    path = forged.put_capi(container_of(host), exchange=Slot(rsa_key("2048-08")), suffix=OLD_GUID, sd=NO_SYSTEM)
    capi_certificate(
        script,
        host,
        "2048-08",
        FOREIGN | {"access": "denied"},
        "another MachineGuid in the name, and SYSTEM denied: the key file comes first",
        path=path,
    )
    for label, key, dacl, judged, why in (
        ("deny-everyone", "2048-09", [Ace(acl.EVERYONE, acl.READ, acl.DENY), Ace(acl.SYSTEM)], DENIED, "SYSTEM is one"),
        ("open-only", "2048-10", [Ace(acl.AUTHENTICATED_USERS, acl.READ)], TOO_OPEN, "that is how SYSTEM reads it"),
        (
            "deny-service",
            "2048-11",
            [Ace(acl.NETWORK_SERVICE, acl.FULL, acl.DENY), Ace(acl.SYSTEM), Ace(acl.ADMINISTRATORS)],
            SOUND,
            "NETWORK SERVICE denied, but this is not the Remote Desktop key",
        ),
    ):
        host = f"{label}.contoso.test"
        path = forged.put_capi(container_of(host), exchange=Slot(rsa_key(key)), sd=security_descriptor(dacl))
        capi_certificate(script, host, key, judged, f"{label}: {why}", path=path)


def _several_files(script: Script) -> None:
    forged = script.machine
    guid = forged.keys[MACHINE].guid
    host = "two-lives.contoso.test"
    right = forged.put_capi(container_of(host), exchange=Slot(rsa_key("2048-12")), suffix=OLDER_GUID)
    other = forged.put_capi(container_of(host), exchange=Slot(rsa_key("2048-13")), suffix=OLD_GUID)
    capi_certificate(
        script,
        host,
        "2048-12",
        FOREIGN,
        "two files of earlier lives, none of today's; the older holds the certificate's key",
        path=right,
        unsettled=["key_file_path"],
    )
    script.orphan(
        ORPHAN_FOREIGN,
        "the other file of an earlier life",
        container=container_of(host),
        provider_kind="capi",
        path=other,
        master_key=guid,
    )
    host = "wrong-life.contoso.test"
    path = forged.put_capi(container_of(host), exchange=Slot(rsa_key("2048-15")), suffix=OLD_GUID)
    capi_certificate(
        script,
        host,
        "2048-14",
        FOREIGN | {"public_key": "mismatch", "recoverable": False},
        "only a file of an earlier life, and that holds another key",
        path=path,
        unsettled=["known_by"],
    )
    host = "torn-today.contoso.test"
    torn = forged.put_capi(container_of(host), exchange=Slot(rsa_key("2048-16")))
    forged.change(torn, lambda data: data[:300])
    before = forged.put_capi(container_of(host), exchange=Slot(rsa_key("2048-16")), suffix=OLD_GUID)
    capi_certificate(
        script,
        host,
        "2048-16",
        UNREADABLE | {"recoverable": True},
        "today's file is cut off; the file of an earlier life still holds the key",
        path=torn,
        master_key=None,
        exportable="unknown",
        unsettled=["access", "exportable"],
    )
    script.orphan(
        ORPHAN_FOREIGN,
        "the file of an earlier life",
        container=container_of(host),
        provider_kind="capi",
        path=before,
        master_key=guid,
    )


def _wrong_folder(script: Script) -> None:
    host = "flag-says-system.contoso.test"
    capi_certificate(
        script,
        host,
        "2048-17",
        CLAIM_FOUND,
        "flags 0 say SYSTEM's own keys, the file is among the machine's",
        link=capi_link(container_of(host), certs.CAPI_ENHANCED, machine_keyset=False),
        unsettled=["broken_at", "key_file", "known_by"],
    )
