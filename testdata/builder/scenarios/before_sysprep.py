"""Image ``before-sysprep``: the server of ``sysprepped`` while it still had its first identity.

Every certificate that dies in ``sysprepped`` is here with the same key, in the same file; MachineGuid, machine SID and
DPAPI_SYSTEM are those of the life before, whose secret ``sysprepped`` holds in OldVal.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from testdata.builder import acl, certs, dpapi
from testdata.builder.capi import Slot
from testdata.builder.cng import ALLOW_EXPORT, CngKey
from testdata.builder.folders import LOCAL_SYSTEM, MACHINE
from testdata.builder.keys import ec_key, rsa_key
from testdata.builder.machine import capi_link, machine
from testdata.builder.scenario import SOUND, Scenario, Script, plain
from testdata.builder.scenarios.broken_files import ORPHAN_SOUND
from testdata.builder.scenarios.common import capi_certificate, cng_certificate, container_of
from testdata.builder.scenarios.sysprepped import OLD_GUID

# The exportable keys are those that sysprepped calls exportable.
_WEB_SERVER = (
    ("web.contoso.test", "2048-01", True, "sysprep leaves its file under this MachineGuid"),
    ("ldap.contoso.test", "2048-02", False, "sysprep deletes its file"),
    ("mail.contoso.test", "2048-03", False, "its service will make the container anew"),
    ("kept-name.contoso.test", "2048-09", False, "its file will be renamed by hand"),
)


def before_sysprep() -> Scenario:
    rdp = certs.make_certificate(
        "WEB01.contoso.test",
        rsa_key("2048-14"),
        not_before=datetime(2025, 9, 30, 3, 12, tzinfo=UTC),
        not_after=datetime(2026, 4, 1, 3, 12, tzinfo=UTC),
        self_signed=True,
    )
    forged = machine(
        "sysprepped",
        with_keys=False,
        machine_guid=OLD_GUID,
        machine_sid="S-1-5-21-3623811015-3361044348-30300820",
        last_shutdown=datetime(2025, 11, 6, 22, 10, 40, tzinfo=UTC),
        rdp_self_signed=rdp.thumbprint,
    )
    forged.secret = dpapi.DpapiSystem.seeded("sysprepped/before sysprep")
    forged.add_master_key(MACHINE, "before")
    forged.add_master_key(LOCAL_SYSTEM, "before")
    script = Script(forged)
    script.certificate(
        rdp,
        SOUND,
        "the Remote Desktop certificate of this life",
        link=capi_link("TSSecKeySet1", certs.CAPI_ENHANCED),
        container="TSSecKeySet1",
        provider=certs.CAPI_ENHANCED,
        provider_kind="capi",
        path=forged.put_capi("TSSecKeySet1", exchange=Slot(rsa_key("2048-14")), suffix=OLD_GUID, sd=acl.RDP_KEY_SD),
        master_key=forged.keys[MACHINE].guid,
        store="Remote Desktop",
    )
    for host, key, may_export, why in _WEB_SERVER:
        path = forged.put_capi(container_of(host), exchange=Slot(rsa_key(key), may_export), suffix=OLD_GUID)
        exportable = "yes" if may_export else "no"
        originator: dict[str, Any] = {"originator": "WEB01.contoso.test"} if host == "web.contoso.test" else {}
        capi_certificate(script, host, key, SOUND, why, path=path, exportable=exportable, **originator)
    host, curve_key = "api.contoso.test", ec_key("P-256", "api")
    path = forged.put_cng(container_of(host), CngKey.ec(curve_key), suffix=OLD_GUID, export_policy=ALLOW_EXPORT)
    cng_certificate(
        script, host, "api", SOUND, "sysprep leaves its file under this MachineGuid", path=path, exportable="yes"
    )
    for container, key in (("iisConfigurationKey", "2048-15"), ("iisWasKey", "2048-17")):
        script.orphan(
            ORPHAN_SOUND,
            "key of IIS",
            container=container,
            provider_kind="capi",
            path=forged.put_capi(container, exchange=Slot(rsa_key(key)), suffix=OLD_GUID),
            master_key=forged.keys[MACHINE].guid,
        )
    return plain("before-sysprep", "The server of `sysprepped` on the evening before its sysprep", script)
