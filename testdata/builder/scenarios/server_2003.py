"""Image ``server-2003``: folders, hives and LSA secrets as before Vista; 3DES and SHA-1 throughout."""

from __future__ import annotations

from testdata.builder import dpapi
from testdata.builder.capi import Slot
from testdata.builder.folders import MACHINE
from testdata.builder.keys import rsa_key
from testdata.builder.machine import machine
from testdata.builder.scenario import SOUND, Disk, Scenario, Script
from testdata.builder.scenarios.broken_files import FOREIGN
from testdata.builder.scenarios.broken_secrets import PREVIOUS
from testdata.builder.scenarios.common import capi_certificate, container_of

OLD_GUID = "20030303-2222-4333-8444-555555555555"


def server_2003() -> Scenario:
    forged = machine(
        "server-2003",
        with_keys=False,
        xp=True,
        computer_name="OLD2003",
        product_name="Microsoft Windows Server 2003 R2",
        build="3790",
    )
    script = Script(forged)
    forged.previous = dpapi.DpapiSystem.seeded("server-2003/previous")
    old = forged.add_master_key(MACHINE, "old", secret=forged.previous, suite=dpapi.TDES_SHA1)
    forged.add_master_key(MACHINE, "current", suite=dpapi.TDES_SHA1)
    for host, key, judged, why, suffix, master_key in (
        ("sound.contoso.test", "2048-01", SOUND, "sound, before Vista", None, None),
        ("old-secret.contoso.test", "2048-02", PREVIOUS, "needs OldVal, before Vista", None, old),
        ("old-guid.contoso.test", "2048-03", FOREIGN, "another MachineGuid, before Vista", OLD_GUID, None),
    ):
        path = forged.put_capi(
            container_of(host),
            exchange=Slot(rsa_key(key)),
            suffix=suffix,
            master_key=master_key,
            suite=dpapi.TDES_SHA1,
        )
        capi_certificate(
            script, host, key, judged, why, path=path, master_key=(master_key or forged.keys[MACHINE]).guid
        )
    return Scenario(
        "server-2003",
        "Windows Server 2003: folders, hives and LSA secrets as before Vista, on an MBR disk",
        [Disk([forged.volume()], scheme="mbr")],
        [script.truth()],
    )
