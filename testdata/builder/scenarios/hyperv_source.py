"""Image ``hyperv-source``: host HV01 after its guardian was renewed, with machines of both generations of it."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from testdata.builder.bitlocker import sealed_to_tpm
from testdata.builder.hyperv_storage import Finished, Pending, write_hyperv_storage
from testdata.builder.key_protector import EMPTY_KEY_PROTECTOR, GuardianPair, write_key_protector
from testdata.builder.machine import machine
from testdata.builder.scenario import SOUND, Disk, Scenario
from testdata.builder.scenarios.hyperv_host import (
    BRANCH,
    FIRST,
    GUEST_STATE,
    GUEST_STATE_FACTS,
    KEY_PROTECTOR_AT,
    LOST,
    NO_KEY,
    NO_PROTECTOR,
    PLAIN_VM,
    SECOND,
    STARTED,
    HostScript,
    needs,
    text,
)
from testdata.builder.vhdx import write_dynamic
from testdata.builder.virtual_machine import HYPER_V, UEFI_CA_TEMPLATE, VirtualMachine

DEFAULT = f"{HYPER_V}/Virtual Machines"
WINDOWS_DEFAULT = "C:\\ProgramData\\Microsoft\\Windows\\Hyper-V\\Virtual Machines"


def vm_id(number: int) -> str:
    """Return the GUID of the machine with a number."""
    return f"{number:08x}-0a01-4b02-8c03-000000000001"


DC01, WEB01, PRINT01, SHARED01, EMPTY01 = (vm_id(number) for number in range(1, 6))
FAR01, DIRTY01, GONE01, OFF01, VANISHED01, COPY01, ODD01 = (vm_id(number) for number in range(6, 13))
WEB01_CHECKPOINT = vm_id(0x102)

BOTH_FIRST = ["DC01", "WEB01 - before the update (checkpoint)"]
BOTH_SECOND = ["SHARED01", "OFF01", "COPY01", "DIRTY01", "WEB01"]


def hyperv_source() -> Scenario:
    script = HostScript(
        machine(
            "hyperv-source",
            computer_name="HV01",
            product_name="Windows Server 2016 Standard",
            build="14393",
            ubr=7428,
            last_shutdown=STARTED,
        )
    )
    _guardians(script)
    _on_system_volume(script)
    _on_data_volume(script)
    _listed_only(script)
    return Scenario(
        "hyperv-source",
        "Hyper-V host HV01 whose guardian was renewed: machines of both generations, on two volumes",
        [Disk(script.volumes())],
        [script.truth()],
    )


def _guardians(script: HostScript) -> None:
    """The renewal left the first pair in the store; the branch's guardian came as Export-HgsGuardian gives it."""
    generations: tuple[tuple[GuardianPair, int, bool, Sequence[str]], ...] = (
        (FIRST, 1, False, BOTH_FIRST),
        (SECOND, 2, True, BOTH_SECOND),
    )
    for pair, generation, newest, users in generations:
        for role in ("signing", "encryption"):
            script.guardian(
                pair,
                role,
                SOUND,
                f"generation {generation} of UntrustedGuardian, {role}",
                host="HV01",
                generation=generation,
                is_newest=newest,
                paired_by="key_protector",
                has_key_file=True,
                needed_by=users,
            )
    for role in ("signing", "encryption"):
        script.guardian(
            BRANCH,
            role,  # type: ignore[arg-type]
            NO_KEY,
            f"the branch office's guardian, imported without private key, {role}",
            key="none",
            host="HV07",
            generation=1,
            is_newest=True,
            paired_by="key_protector",
            has_key_file=False,
            exportable="unknown",
            needed_by=["SHARED01"],
        )


def _locked_disk() -> bytes:
    """A guest's disk that BitLocker locked with nothing but the virtual TPM."""
    volume = sealed_to_tpm(20 << 20)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "guest.vhdx"
        write_dynamic(io.BytesIO(volume), len(volume), path, seed="DC01")
        return path.read_bytes()


def _on_system_volume(script: HostScript) -> None:
    dc01 = VirtualMachine(
        "DC01",
        DC01,
        protector=write_key_protector(FIRST),
        state_file=f"{WINDOWS_DEFAULT}\\{DC01.upper()}.vmgs",
        disks=["D:\\VMs\\DC01\\DC01.vhdx", "E:\\VMs\\DC01\\Logs.vhdx"],
        further={"configuration/settings/security/EncryptStateAndVmMigrationTraffic": True},
    )
    path = f"{DEFAULT}/{DC01.upper()}.vmcx"
    script.put_vm(dc01, path, state=GUEST_STATE, listed_as=f"{WINDOWS_DEFAULT}\\{DC01.upper()}.vmcx")
    script.put("VMs/DC01/DC01.vhdx", _locked_disk(), on_data=True)
    _state(
        script,
        "needs the first generation, whose certificates have ended; a disk on the other volume, one on none",
        path,
        dc01,
        "yes",
        [(FIRST, "usable", "usable")],
        guest_state_file=f"{WINDOWS_DEFAULT}\\{DC01.upper()}.vmgs",
        guest_state="present",
        guest_state_time=text(STARTED),
        guest_state_facts=GUEST_STATE_FACTS,
        disks=["D:\\VMs\\DC01\\DC01.vhdx", "E:\\VMs\\DC01\\Logs.vhdx"],
        missing_disks=["E:\\VMs\\DC01\\Logs.vhdx"],
    )

    print01 = VirtualMachine(
        "PRINT01", PRINT01, generation=1, version=0x0800, vtpm=False, disks=["D:\\VMs\\PRINT01.vhd"]
    )
    path = f"{DEFAULT}/{PRINT01.upper()}.vmcx"
    script.put_vm(print01, path, listed_as=f"{WINDOWS_DEFAULT}\\{PRINT01.upper()}.vmcx")
    _state(
        script,
        "generation 1, no virtual TPM, of Server 2016's configuration version",
        path,
        print01,
        "not_applicable",
        [],
        **NO_PROTECTOR,
        configuration_version="8.0",
        generation=1,
        secure_boot=None,
        secure_boot_template=None,
        vtpm="absent",
        disks=["D:\\VMs\\PRINT01.vhd"],
        missing_disks=["D:\\VMs\\PRINT01.vhd"],
    )

    shared01 = VirtualMachine(
        "SHARED01",
        SHARED01,
        protector=write_key_protector(BRANCH, [SECOND], last_wrapped_by=2, encoding="utf-16-le", bom=True),
        template=UEFI_CA_TEMPLATE,
    )
    path = f"{DEFAULT}/{SHARED01.upper()}.vmcx"
    script.put_vm(shared01, path, listed_as=f"{WINDOWS_DEFAULT}\\{SHARED01.upper()}.vmcx")
    _state(
        script,
        "owned by the branch's guardian, which has no keys here; the host's own second generation may start it",
        path,
        shared01,
        "yes",
        [(BRANCH, "no_private_key", "no_private_key"), (SECOND, "usable", "usable")],
        last=1,
        secure_boot_template="MicrosoftUEFICertificateAuthority",
    )

    empty01 = VirtualMachine("EMPTY01", EMPTY01, protector=EMPTY_KEY_PROTECTOR)
    path = f"{DEFAULT}/{EMPTY01.upper()}.vmcx"
    script.put_vm(empty01, path, listed_as=f"{WINDOWS_DEFAULT}\\{EMPTY01.upper()}.vmcx")
    _state(
        script,
        "virtual TPM, empty key protector",
        path,
        empty01,
        "unknown",
        [],
        **NO_PROTECTOR | {"key_protector": "empty", "key_protector_at": KEY_PROTECTOR_AT},
    )

    gone01 = VirtualMachine("GONE01", GONE01, protector=write_key_protector(LOST), secure_boot=False)
    path = f"{DEFAULT}/{GONE01.upper()}.vmcx"
    script.put_vm(gone01, path, listed_as=f"{WINDOWS_DEFAULT}\\{GONE01.upper()}.vmcx")
    _state(
        script,
        "imported from HV00, whose certificates never came along",
        path,
        gone01,
        "no",
        [(LOST, "absent", "absent")],
        secure_boot=False,
    )

    off01 = VirtualMachine("OFF01", OFF01, vtpm=False, protector=write_key_protector(SECOND))
    path = f"{DEFAULT}/{OFF01.upper()}.vmcx"
    script.put_vm(off01, path, listed_as=f"{WINDOWS_DEFAULT}\\{OFF01.upper()}.vmcx")
    _state(
        script,
        "its virtual TPM was switched off, its key protector stayed",
        path,
        off01,
        "not_applicable",
        [(SECOND, "usable", "usable")],
        vtpm="absent",
    )

    copy01 = VirtualMachine("COPY01", COPY01, protector=write_key_protector(SECOND), isolation=0)
    path = f"Users/Public/Old machines/{COPY01.upper()}.vmcx"
    script.put_vm(copy01, path)
    _state(
        script,
        "a forgotten copy in a folder of the system volume, not in the host's list",
        path,
        copy01,
        "yes",
        [(SECOND, "usable", "usable")],
        registered=False,
        isolation="TrustedLaunch",
    )

    odd01 = VirtualMachine("ODD01", ODD01, protector=None)
    path = f"ProgramData/VirtualMachines/{ODD01.upper()}.vmcx"
    script.put_vm(odd01, path, listed_as=f"C:\\ProgramData\\VirtualMachines\\{ODD01.upper()}.vmcx")
    _state(
        script,
        "virtual TPM, no key protector anywhere in its configuration; in a folder that only the host's list names",
        path,
        odd01,
        "unknown",
        [],
        **NO_PROTECTOR,
    )


def _on_data_volume(script: HostScript) -> None:
    folder, windows = "VMs/WEB01", "D:\\VMs\\WEB01"
    web01 = VirtualMachine(
        "WEB01",
        WEB01,
        protector=write_key_protector(SECOND, max_offline_unwraps=0),
        disks=[f"{windows}\\Virtual Hard Disks\\WEB01_6F1E.avhdx"],
    )
    earlier = VirtualMachine("WEB01", WEB01, protector=write_key_protector(FIRST), disks=web01.disks)
    path = f"{folder}/Virtual Machines/{WEB01.upper()}.vmcx"
    vmcx = write_hyperv_storage(web01.values(), log=Finished(earlier.values()))
    script.put(path, vmcx, on_data=True)
    script.put(path.replace(".vmcx", ".vmrs"), b"state", on_data=True)
    script.put(f"{folder}/Virtual Hard Disks/WEB01_6F1E.avhdx", b"nothing", on_data=True)
    script.listed[WEB01] = f"{windows}\\Virtual Machines\\{WEB01.upper()}.vmcx"
    _state(
        script,
        "second generation; its log still holds the key protector of the first",
        f"partition 2/{path}",
        web01,
        "yes",
        [(SECOND, "usable", "usable")],
        guest_state_file=f"partition 2/{path.replace('.vmcx', '.vmrs')}",
        guest_state="present",
        guest_state_time=text(STARTED),
        disks=[f"{windows}\\Virtual Hard Disks\\WEB01_6F1E.avhdx"],
        earlier_key_protector=True,
    )

    checkpoint = VirtualMachine("WEB01 - before the update", WEB01, protector=write_key_protector(FIRST))
    path = f"{folder}/Snapshots/{WEB01_CHECKPOINT.upper()}.vmcx"
    script.put_vm(checkpoint, path, on_data=True)
    _state(
        script,
        "checkpoint of WEB01 from before the renewal: needs the first generation",
        f"partition 2/{path}",
        checkpoint,
        "yes",
        [(FIRST, "usable", "usable")],
        vm_id=WEB01_CHECKPOINT,
        is_checkpoint=True,
        checkpoint_of=WEB01,
        registered=None,
    )

    dirty01 = VirtualMachine("DIRTY01", DIRTY01, protector=write_key_protector(SECOND))
    before = VirtualMachine("DIRTY01", DIRTY01, protector=write_key_protector(LOST), secure_boot=False)
    path = f"VMs/DIRTY01/Virtual Machines/{DIRTY01.upper()}.vmcx"
    log = Pending(before.values(), zeroed=True)
    script.put_vm(
        dirty01,
        path,
        on_data=True,
        listed_as=f"D:\\VMs\\DIRTY01\\Virtual Machines\\{DIRTY01.upper()}.vmcx",
        log=log,
    )
    _state(
        script,
        "its last changes are only in its log, which was torn out in the middle of being applied",
        f"partition 2/{path}",
        dirty01,
        "yes",
        [(SECOND, "usable", "usable")],
        # The page of the key table, two pages of the protector.
        uncommitted=3,
    )


def _listed_only(script: HostScript) -> None:
    """The host lists them; their configurations are not on this disk."""
    unread: dict[str, Any] = dict.fromkeys(PLAIN_VM) | NO_PROTECTOR
    unread |= {
        "source_path": f"{HYPER_V}/data.vmcx",
        "name": None,
        "is_checkpoint": False,
        "registered": True,
        "vtpm": "unknown",
        "starts_here": "unknown",
        "guest_state": "not_examined",
        "disks": [],
        "missing_disks": [],
        "uncommitted": 0,
        "earlier_key_protector": False,
    }
    script.listed[FAR01] = f"E:\\VMs\\FAR01\\Virtual Machines\\{FAR01.upper()}.vmcx"
    script.state_vm("on a drive that is not in evidence", **unread | {"vm_id": FAR01, "outcome": "not_examined"})
    script.listed[VANISHED01] = f"{WINDOWS_DEFAULT}\\{VANISHED01.upper()}.vmcx"
    script.state_vm(
        "on the system drive, where there is no such file", **unread | {"vm_id": VANISHED01, "outcome": "absent"}
    )


def _state(
    script: HostScript,
    why: str,
    source_path: str,
    vm: VirtualMachine,
    starts_here: str,
    guardians: Sequence[tuple[GuardianPair, str, str]],
    *,
    last: int = 0,
    **columns: Any,
) -> None:
    """State the rows of one configuration; the first guardian owns its key protector, number ``last`` wrapped it."""
    row = PLAIN_VM | {"source_path": source_path, "name": vm.name, "vm_id": vm.vm_id, "starts_here": starts_here}
    if guardians:
        wrapped = guardians[last][0]
        row |= {
            "owner": guardians[0][0].signing.thumbprint,
            "last_wrapped_by": wrapped.signing.thumbprint,
            "last_host": host_of(wrapped),
            "needs": needs(*(pair for pair, *_ in guardians)),
        }
    row |= columns
    script.state_vm(why, **row)
    for number, (pair, encryption, signing) in enumerate(guardians):
        script.state_wrapping(
            pair,
            vm_id=row["vm_id"],
            vm_name=vm.name,
            configuration=source_path,
            is_checkpoint=row["is_checkpoint"],
            wrapping=number + 1,
            is_owner=number == 0,
            wrapped_last=number == last,
            host=host_of(pair),
            encryption_here=encryption,
            signing_here=signing,
            signatures="valid",
        )


def host_of(pair: GuardianPair) -> str:
    """Return the host that the names of a guardian's certificates end with."""
    return pair.signing.subject.rpartition("(")[2].rstrip(")")
