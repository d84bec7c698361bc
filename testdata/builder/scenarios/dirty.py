"""Images ``dirty-registry``, ``mbr`` and ``dirty-disk``: what is true stands in a log only."""

from __future__ import annotations

from testdata.builder import dpapi
from testdata.builder.capi import Slot
from testdata.builder.certs import CAPI_ENHANCED
from testdata.builder.files import FileSpec
from testdata.builder.folders import MACHINE
from testdata.builder.keys import rsa_key
from testdata.builder.machine import HIVE_FOLDER, capi_link, machine
from testdata.builder.regf_log import DirtyHive, dirty_with_new_logs, dirty_with_old_log
from testdata.builder.scenario import SOUND, Disk, Scenario, Script
from testdata.builder.scenarios.broken_files import ABSENT, FOREIGN
from testdata.builder.scenarios.common import capi_certificate, cng_certificate, container_of

GUID_BEFORE = "11111111-aaaa-4bbb-8ccc-000000000001"
GUID_AFTER = "22222222-dddd-4eee-8fff-000000000002"
LEGACY_CONTAINER = "te-WebServer-2008"


def dirty_registry() -> Scenario:
    """SOFTWARE as a crash left it: MachineGuid and a certificate are right only after LOG1 and LOG2."""
    before = Script(machine("dirty-registry", machine_guid=GUID_BEFORE))
    _early(before)
    after = Script(machine("dirty-registry", machine_guid=GUID_AFTER))
    after.machine.suffix = GUID_BEFORE
    _early(after)
    after.rows[0] |= FOREIGN | {"why": "sound by the hive alone; the logs hold a new MachineGuid"}
    after.machine.suffix = GUID_AFTER
    for number in range(4):
        cng_certificate(
            after,
            f"late-{number}.contoso.test",
            f"late {number}",
            SOUND,
            "in the store only after replay",
        )
    dirty = dirty_with_new_logs(_software(before), _software(after))
    return Scenario(
        "dirty-registry",
        "SOFTWARE is in transaction; its HvLE logs hold another MachineGuid and four certificates",
        [Disk([_with_software(after, dirty)])],
        [after.truth()],
        notes={"hives": {"SOFTWARE": "replayed"}},
    )


def mbr() -> Scenario:
    """An older Windows on an MBR disk: 3DES throughout, SOFTWARE with an old DIRT log."""
    scripts = []
    for guid, container in ((GUID_BEFORE, "te-WebServer-0000"), (GUID_AFTER, LEGACY_CONTAINER)):
        script = Script(
            machine(
                "mbr",
                machine_guid=guid,
                product_name="Windows Server 2008 R2 Standard",
                build="7601",
                ubr=24214,
                with_keys=False,
            )
        )
        _legacy(script, container)
        scripts.append(script)
    before, after = scripts
    old, new = _software(before), _software(after)
    assert len(old) == len(new), "an old log does not grow the hive"
    return Scenario(
        "mbr",
        "Windows Server 2008 R2 on an MBR disk; SOFTWARE needs its old DIRT log",
        [Disk([_with_software(after, dirty_with_old_log(old, new))], scheme="mbr")],
        [after.truth()],
        notes={"hives": {"SOFTWARE": "replayed"}},
    )


def _legacy(script: Script, container: str) -> None:
    forged = script.machine
    forged.add_master_key(MACHINE, suite=dpapi.TDES_SHA1)
    forged.suffix = GUID_AFTER
    path = forged.put_capi(LEGACY_CONTAINER, exchange=Slot(rsa_key("2048-01"), True), suite=dpapi.TDES_SHA1)
    capi_certificate(
        script,
        "legacy.contoso.test",
        "2048-01",
        SOUND,
        "3DES and SHA-1 throughout; container and MachineGuid are right only after the DIRT log",
        path=path,
        container=container,
        link=capi_link(container, CAPI_ENHANCED),
        exportable="yes",
    )


def dirty_disk() -> Scenario:
    """A VHDX whose log was never applied: the file tables of before and after differ by a deleted key."""
    before, after = Script(machine("dirty-disk")), Script(machine("dirty-disk"))
    capi_certificate(before, "web.contoso.test", "2048-01", SOUND, "sound before the last writes")
    path = before.machine.put_capi(container_of("api.contoso.test"), exchange=Slot(rsa_key("2048-02")))
    capi_certificate(before, "api.contoso.test", "2048-02", SOUND, "sound before the last writes", path=path)

    capi_certificate(
        after,
        "web.contoso.test",
        "2048-01",
        ABSENT,
        "its file is deleted by the writes that stand in the log",
        written=False,
        master_key=None,
        exportable="unknown",
    )
    capi_certificate(after, "api.contoso.test", "2048-02", SOUND, "untouched by the log", path=path)
    after.machine.files[path] = before.machine.files[path]
    return Scenario(
        "dirty-disk",
        "The VHDX log was not applied; only with it is the key file gone",
        [Disk([before.machine.volume()]), Disk([after.machine.volume()])],
        [after.truth()],
        container="vhdx_dirty",
        notes={"without_log": [before.truth()]},
    )


def _early(script: Script) -> None:
    cng_certificate(script, "early.contoso.test", "early", SOUND, "in the store from the start")


def _software(script: Script) -> bytes:
    return script.machine.hives.software.build()


def _with_software(script: Script, dirty: DirtyHive) -> list[FileSpec]:
    path = f"{HIVE_FOLDER}/SOFTWARE"
    script.machine.write(path, dirty.hive)
    script.machine.write(f"{path}.LOG1", dirty.log1)
    script.machine.write(f"{path}.LOG2", dirty.log2)
    return script.machine.volume()
