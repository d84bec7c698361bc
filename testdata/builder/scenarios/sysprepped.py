"""Images ``sysprepped`` and ``sample``: one cause, many dead keys.

A web server was generalized on 7 November 2025. It got a new MachineGuid and a new DPAPI_SYSTEM; certificates stayed,
some key files went, others kept the old suffix, and services re-created the containers they missed.
"""

from __future__ import annotations

from datetime import UTC, datetime

from testdata.builder import acl, certs, dpapi
from testdata.builder.capi import Slot
from testdata.builder.cng import ALLOW_EXPORT, CngKey
from testdata.builder.folders import LOCAL_SYSTEM, MACHINE
from testdata.builder.keys import ec_key, rsa_key
from testdata.builder.machine import capi_link, cng_link, machine
from testdata.builder.pcpkey import pcp_blob
from testdata.builder.scenario import SOUND, Judged, Scenario, Script, plain
from testdata.builder.scenarios.bound import TPM_SEALED
from testdata.builder.scenarios.broken_access import DENIED
from testdata.builder.scenarios.broken_files import ABSENT, FOREIGN, ORPHAN_SOUND, REPLACED
from testdata.builder.scenarios.broken_secrets import PREVIOUS
from testdata.builder.scenarios.common import capi_certificate, cng_certificate, container_of

OLD_GUID = "9a3c5b1e-0f4d-4e2b-8c77-1d2e3f405162"
NEW_GUID = "44d42aa2-dee4-4023-bea5-d2f166bbb42c"
SEALED = datetime(2025, 11, 7, 5, 48, 31, tzinfo=UTC)
FIRST_BOOT = datetime(2025, 11, 7, 6, 30, 2, tzinfo=UTC)

FOREIGN_OLD_SECRET: Judged = FOREIGN | {"unlocked_by": "previous"}
"""Old suffix and old secret: the first broken link is the file's name."""

ORPHAN_OLD_SECRET: Judged = FOREIGN_OLD_SECRET | {"public_key": "not_examined"}


def sysprepped() -> Scenario:
    script, old = _server("sysprepped", rdp=_rdp_certificate("2048-10", "WEB01.contoso.test"))
    _web_server(script, old)
    capi_certificate(
        script,
        "kept-name.contoso.test",
        "2048-09",
        PREVIOUS,
        "its file was renamed to the new MachineGuid by hand; the master key still needs OldVal",
        path=script.machine.put_capi(
            container_of("kept-name.contoso.test"), exchange=Slot(rsa_key("2048-09")), master_key=old
        ),
        master_key=old.guid,
    )
    return plain("sysprepped", "A server after sysprep /generalize: one cause, many dead keys", script)


def sample() -> Scenario:
    script, old = _server("sample", rdp=_rdp_certificate("2048-10", "WEB01.contoso.test"))
    _web_server(script, old)
    forged = script.machine
    guid = forged.keys[MACHINE].guid
    capi_certificate(
        script,
        "shop.contoso.test",
        "2048-11",
        DENIED,
        "installed after the sysprep; an administrator locked SYSTEM out of the key",
        path=forged.put_capi(
            container_of("shop.contoso.test"),
            exchange=Slot(rsa_key("2048-11")),
            sd=acl.security_descriptor([acl.Ace("S-1-5-21-1-2-3-500")], owner="S-1-5-21-1-2-3-500"),
            created=datetime(2026, 2, 11, 14, 3, tzinfo=UTC),
        ),
    )
    ending = certs.make_certificate(
        "vpn.contoso.test",
        rsa_key("2048-12"),
        not_before=datetime(2025, 12, 5, tzinfo=UTC),
        not_after=datetime(2026, 12, 5, tzinfo=UTC),
    )
    script.certificate(
        ending,
        SOUND,
        "sound, and expires within a fortnight of the examination",
        link=capi_link("te-VPN-1", certs.CAPI_ENHANCED),
        container="te-VPN-1",
        provider=certs.CAPI_ENHANCED,
        provider_kind="capi",
        path=forged.put_capi("te-VPN-1", exchange=Slot(rsa_key("2048-12"), True)),
        master_key=guid,
        exportable="yes",
    )
    key = rsa_key("2048-13")
    script.certificate(
        certs.make_certificate("device.contoso.test", key, eku=[certs.CLIENT_AUTH]),
        TPM_SEALED,
        "device certificate in the TPM",
        link=cng_link("device-key", certs.CNG_TPM),
        container="device-key",
        provider=certs.CNG_TPM,
        provider_kind="tpm",
        path=forged.put_tpm("device-key", "RSA", pcp_blob("sample", key)),
        master_key=None,
        exportable="unknown",
        unsettled=["exportable"],
    )
    return plain("sample", "The demonstration disk: a web server some months after sysprep /generalize", script)


def _rdp_certificate(key: str, host: str) -> certs.Certificate:
    return certs.make_certificate(
        host,
        rsa_key(key),
        not_before=datetime(2026, 8, 14, 3, 12, tzinfo=UTC),
        not_after=datetime(2027, 2, 13, 3, 12, tzinfo=UTC),
        self_signed=True,
    )


def _server(seed: str, rdp: certs.Certificate) -> tuple[Script, dpapi.MasterKey]:
    """Return the machine after its first boot as a clone, and the master key of its life before."""
    script = Script(
        machine(
            seed,
            with_keys=False,
            machine_guid=NEW_GUID,
            guid_written=FIRST_BOOT,
            installed=FIRST_BOOT,
            secret_set=FIRST_BOOT,
            previous_secret_set=datetime(2024, 3, 4, 8, 2, 11, tzinfo=UTC),
            clone_tag="Fri Nov 07 05:48:31 2025",
            rdp_self_signed=rdp.thumbprint,
        )
    )
    forged = script.machine
    forged.previous = dpapi.DpapiSystem.seeded(f"{seed}/before sysprep")
    old = forged.add_master_key(MACHINE, "before", secret=forged.previous)
    forged.add_master_key(LOCAL_SYSTEM, "before", secret=forged.previous)
    forged.add_master_key(MACHINE, "after", created=FIRST_BOOT)
    forged.add_master_key(LOCAL_SYSTEM, "after", created=FIRST_BOOT)
    guid = forged.keys[MACHINE].guid
    path = forged.put_capi("TSSecKeySet1", exchange=Slot(rsa_key("2048-10")), sd=acl.RDP_KEY_SD, created=FIRST_BOOT)
    script.certificate(
        rdp,
        SOUND,
        "re-created after the sysprep, so Remote Desktop works",
        link=capi_link("TSSecKeySet1", certs.CAPI_ENHANCED),
        container="TSSecKeySet1",
        provider=certs.CAPI_ENHANCED,
        provider_kind="capi",
        path=path,
        master_key=guid,
        store="Remote Desktop",
    )
    orphan = forged.put_capi(
        "TSSecKeySet1", exchange=Slot(rsa_key("2048-14")), suffix=OLD_GUID, master_key=old, sd=acl.RDP_KEY_SD
    )
    script.orphan(
        ORPHAN_OLD_SECRET,
        "Remote Desktop key of the life before",
        container="TSSecKeySet1",
        provider_kind="capi",
        path=orphan,
        master_key=old.guid,
    )
    _setup_logs(script)
    return script, old


def _web_server(script: Script, old: dpapi.MasterKey) -> None:
    """Certificates from before the sysprep, and the keys of IIS."""
    forged = script.machine
    guid = forged.keys[MACHINE].guid
    host = "web.contoso.test"
    path = forged.put_capi(container_of(host), exchange=Slot(rsa_key("2048-01"), True), suffix=OLD_GUID, master_key=old)
    capi_certificate(
        script,
        host,
        "2048-01",
        FOREIGN_OLD_SECRET,
        "file under the old MachineGuid, its master key opens with OldVal",
        path=path,
        master_key=old.guid,
        exportable="yes",
        originator="WEB01.contoso.test",
    )
    host, key = "api.contoso.test", ec_key("P-256", "api")
    path = forged.put_cng(
        container_of(host), CngKey.ec(key), suffix=OLD_GUID, master_key=old, export_policy=ALLOW_EXPORT
    )
    cng_certificate(
        script,
        host,
        "api",
        FOREIGN_OLD_SECRET,
        "the same for a CNG key",
        path=path,
        master_key=old.guid,
        exportable="yes",
    )
    capi_certificate(
        script,
        "ldap.contoso.test",
        "2048-02",
        ABSENT,
        "key file deleted by the sysprep",
        written=False,
        master_key=None,
        exportable="unknown",
    )
    host = "mail.contoso.test"
    path = forged.put_capi(container_of(host), exchange=Slot(rsa_key("2048-04")), created=FIRST_BOOT)
    orphan = forged.put_capi(container_of(host), exchange=Slot(rsa_key("2048-03")), suffix=OLD_GUID, master_key=old)
    capi_certificate(
        script,
        host,
        "2048-03",
        REPLACED | {"recoverable": True},
        "its service re-created the container; the certificate's key lies under the old MachineGuid",
        path=path,
    )
    script.orphan(
        ORPHAN_OLD_SECRET,
        "the key that mail.contoso.test needs",
        container=container_of(host),
        provider_kind="capi",
        path=orphan,
        master_key=old.guid,
    )
    capi_certificate(script, "intranet.contoso.test", "2048-05", SOUND, "enrolled after the sysprep")
    for container, before, after in (
        ("iisConfigurationKey", "2048-15", "2048-16"),
        ("iisWasKey", "2048-17", "2048-18"),
    ):
        path = forged.put_capi(container, exchange=Slot(rsa_key(after)), created=FIRST_BOOT)
        orphan = forged.put_capi(container, exchange=Slot(rsa_key(before)), suffix=OLD_GUID, master_key=old)
        script.orphan(
            ORPHAN_SOUND,
            "key of IIS, made after the sysprep",
            container=container,
            provider_kind="capi",
            path=path,
            master_key=guid,
        )
        script.orphan(
            ORPHAN_OLD_SECRET,
            "key of IIS of the life before",
            container=container,
            provider_kind="capi",
            path=orphan,
            master_key=old.guid,
        )


def _setup_logs(script: Script) -> None:
    forged = script.machine
    generalize = (
        "2025-11-07 05:46:02, Info                  SYSPRP ========================================================\r\n"
        "2025-11-07 05:46:02, Info                  SYSPRP ===          Beginning of a new sysprep run          ===\r\n"
        "2025-11-07 05:46:02, Info       [0x0f004d] SYSPRP The time is now 2025-11-07 05:46:02\r\n"
        "2025-11-07 05:46:02, Info       [0x0f0057] SYSPRP ParseCommands:Found supported command line option "
        "'GENERALIZE'\r\n"
        "2025-11-07 05:46:02, Info       [0x0f0057] SYSPRP ParseCommands:Found supported command line option "
        "'OOBE'\r\n"
        "2025-11-07 05:47:40, Info                  SYSPRP ActionPlatform::LaunchModule: Found "
        "'CryptoSysPrep_Clean' in C:\\Windows\\System32\\capisp.dll; executing it\r\n"
        "2025-11-07 05:48:31, Info                  SYSPRP FCreateTagFile:Tag file "
        "C:\\Windows\\System32\\Sysprep\\Sysprep_succeeded.tag does not already exist, no need to delete anything\r\n"
    )
    specialize = (
        "2025-11-07 06:30:01, Info                  SYSPRP ActionPlatform::LaunchModule: Found "
        "'CryptoSysPrep_Specialize' in C:\\Windows\\System32\\capisp.dll; executing it\r\n"
        "2025-11-07 06:30:01, Info                         capisp.dll::CheckIFCryptoSysPrepSpecialized: returning 0\r\n"
        "2025-11-07 06:30:02, Info                         capisp.dll::CryptoSysPrep_Specialize: assigned CAPI machine "
        f'guid "{NEW_GUID}"\r\n'
    )
    sysprep = "Windows/System32/Sysprep"
    forged.write(f"{sysprep}/Panther/setupact.log", generalize.encode(), created=SEALED)
    forged.write(f"{sysprep}/Sysprep_succeeded.tag", b"", created=SEALED)
    forged.write("Windows/Panther/setupact.log", specialize.encode(), created=FIRST_BOOT)
    forged.write("Windows/Setup/State/State.ini", b"[State]\r\nImageState=IMAGE_STATE_COMPLETE\r\n", created=FIRST_BOOT)
