"""Hosts and exports of virtual machines, examined whole: guardians, machines, and which start where."""

from __future__ import annotations

import io
import json
import lzma
import struct
from pathlib import Path
from typing import Any

import pytest
from dissect.hypervisor.descriptor.hyperv import HyperVFile

import forensics
from forensics.case_tables import CaseTables
from forensics.disk.vhdx.reader import open_vhdx
from forensics.sources.open import open_source
from tests.examined import examined
from tests.exports import AS_OF
from tests.paths import IMAGES

HOSTS = ("hyperv-hgs", "hyperv-source", "hyperv-target")
IDENTITY = {
    "guardian": ("thumbprint", "store"),
    "vm": ("source_path", "vm_id"),
    "vm_guardian": ("configuration", "wrapping"),
}


def _truth(name: str) -> dict[str, Any]:
    machines: list[dict[str, Any]] = json.loads((IMAGES / f"{name}.truth.json").read_text())["machines"]
    assert len(machines) == 1
    return machines[0]


def _plain(value: Any) -> Any:
    return value.strftime("%Y-%m-%dT%H:%M:%SZ") if hasattr(value, "strftime") else value


def _differences(case: CaseTables, name: str, machine_id: int) -> dict[Any, Any]:
    """What our rows of one machine say otherwise than its truth; rows that only one side has among it."""
    differences: dict[Any, Any] = {}
    for table, columns in IDENTITY.items():
        rows = {tuple(getattr(r, c) for c in columns): r for r in case.rows(table) if r.machine_id == machine_id}
        stated = {tuple(t[c] for c in columns): t for t in _truth(name)[table]}
        differences |= {(table, key): "only one side has it" for key in rows.keys() ^ stated.keys()}
        for key in rows.keys() & stated.keys():
            ours = {column: _plain(getattr(rows[key], column)) for column in stated[key] if column != "why"}
            wrong = {c: (v, stated[key][c]) for c, v in ours.items() if v != stated[key][c]}
            if wrong:
                differences[table, stated[key].get("why", key)] = wrong
    return differences


@pytest.mark.parametrize("name", HOSTS)
def test_every_row_is_as_stated(name: str) -> None:
    case = examined(name)
    assert {r.machine_id for table in IDENTITY for r in case.rows(table)} == {1}
    assert _differences(case, name, 1) == {}
    assert case.rows("problem") == []


def test_three_hosts_in_one_run_keep_what_is_theirs() -> None:
    case = examined(*HOSTS)
    for machine_id, name in enumerate(HOSTS, 1):
        assert _differences(case, name, machine_id) == {}


def test_the_truth_says_of_every_machine_what_the_contract_allows() -> None:
    said = {vm["starts_here"] for name in HOSTS for vm in _truth(name)["vm"]}
    assert said == {"yes", "no", "likely_no", "unknown", "not_applicable"}


def test_why_a_machine_does_not_start_is_told() -> None:
    because = {vm.name: vm.starts_because for vm in examined("hyperv-target").rows("vm")}
    keys = {g.subject + g.role: g.thumbprint for g in examined("hyperv-target").rows("guardian")}
    of_hv01 = keys["CN=Shielded VM Encryption Certificate (UntrustedGuardian) (HV01)encryption"]
    assert len({*because.values()}) == len(because) == 7
    assert because["NOKEY01"] == f"needs the encryption certificate {of_hv01}: it is there without a private key"
    assert because["MY01"].endswith(": it lies in another store than 'Shielded VM Local Certificates'")
    assert ": Windows cannot open its private key: no DPAPI_SYSTEM secret on this disk opens" in because["LOCKED01"]
    assert ": whether its private key opens there is not known: the key is sealed by a TPM" in because["TPM01"]
    assert "whether a start needs that too is not documented" in because["HALF01"]


def test_a_machine_that_is_only_listed_says_where_it_should_be() -> None:
    unread = {vm.outcome: vm.starts_because for vm in examined("hyperv-source").rows("vm") if vm.outcome != "present"}
    assert unread == {
        "not_examined": "the host lists it, and its configuration E:\\VMs\\FAR01\\Virtual Machines\\"
        "00000006-0A01-4B02-8C03-000000000001.vmcx lies where these sources do not reach",
        "absent": "the host lists it, and its configuration C:\\ProgramData\\Microsoft\\Windows\\Hyper-V\\"
        "Virtual Machines\\0000000A-0A01-4B02-8C03-000000000001.vmcx is not on this disk",
    }


def _configurations(name: str) -> dict[str, bytes]:
    """Every .vmcx of an image by its path, read by our own NTFS reader alone."""
    found = {}
    with open_source(IMAGES / f"{name}.vhdx.xz") as source:
        for row in _truth(name)["vm"]:
            for place in source.searched:
                prefix = f"{place.name}/" if place.name else ""
                if row["source_path"].startswith(prefix) and (prefix or not row["source_path"].startswith("partition")):
                    with place.tree.open(row["source_path"].removeprefix(prefix)) as file:
                        found[row["source_path"]] = file.read()
    return found


@pytest.mark.parametrize("name", HOSTS)
def test_dissect_reads_the_clean_configurations(name: str) -> None:
    stated = {row["source_path"]: row for row in _truth(name)["vm"] if row["outcome"] == "present"}
    read = 0
    for path, data in _configurations(name).items():
        if path not in stated or stated[path]["uncommitted"]:
            continue
        tree = HyperVFile(io.BytesIO(data)).as_dict()["configuration"]
        assert tree["properties"]["name"] == stated[path]["name"]
        devices = {device["device"] for device in tree["manifest"].values()}
        assert ("736e6aa9-a3f8-49c0-9550-a963214d259a" in devices) == (stated[path]["vtpm"] == "present")
        read += 1
    assert read == {"hyperv-hgs": 1, "hyperv-source": 10, "hyperv-target": 7}[name]


def test_dissect_reads_the_hosts_list() -> None:
    data = _configurations("hyperv-source")["ProgramData/Microsoft/Windows/Hyper-V/data.vmcx"]
    listed = HyperVFile(io.BytesIO(data)).as_dict()["Configurations"]["VirtualMachines"]
    stated = {row["vm_id"].upper() for row in _truth("hyperv-source")["vm"] if row["registered"]}
    assert listed.keys() == stated
    assert len(stated) == 11


def test_the_dirty_configuration_owes_what_the_truth_says() -> None:
    """The log's own header counts the writes that are still to be made."""
    (row,) = [row for row in _truth("hyperv-source")["vm"] if row["name"] == "DIRTY01"]
    data = _configurations("hyperv-source")[row["source_path"]]
    (log,) = struct.unpack_from("<Q", data, 26)
    assert struct.unpack_from("<I", data, log)[0] == 0x01110003
    assert struct.unpack_from("<I", data, log + 8)[0] == row["uncommitted"] == 3


def _volume(image: Path, number: int, to: Path) -> Path:
    """Cut a volume of a forged disk out as an image of its own."""
    size = 32 << 20
    with open_vhdx(image) as disk, to.open("wb") as out:
        disk.seek((1 << 20) + number * size)
        for _ in range(size >> 20):
            piece = disk.read(1 << 20)
            if piece != bytes(len(piece)):
                out.write(piece)
            else:
                out.seek(len(piece), io.SEEK_CUR)
        out.truncate(size)
    return to


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """System volume and data volume of HV01 as two images."""
    folder = tmp_path_factory.mktemp("halves")
    image = folder / "hv01.vhdx"
    image.write_bytes(lzma.decompress((IMAGES / "hyperv-source.vhdx.xz").read_bytes()))
    return _volume(image, 0, folder / "system.raw"), _volume(image, 1, folder / "data.raw")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_system_disk_and_data_disk_are_two_images(halves: tuple[Path, Path], order: tuple[int, int]) -> None:
    """The machines of the data disk are those of the host that lists them, whichever is named first."""
    case = forensics.examine(*(halves[i] for i in order), as_of=AS_OF)
    (host,) = case.rows("machine")
    stated = {row["vm_id"]: row for row in _truth("hyperv-source")["vm"]}
    rows = {row.vm_id: row for row in case.rows("vm")}
    assert rows.keys() == stated.keys()
    for vm_id, row in rows.items():
        assert row.machine_id == host.machine_id
        columns = ("starts_here", "registered", "outcome", "missing_disks", "needs", "checkpoint_of", "guest_state")
        assert {c: getattr(row, c) for c in columns} == {c: stated[vm_id][c] for c in columns}


def test_system_disk_alone(halves: tuple[Path, Path]) -> None:
    case = forensics.examine(halves[0], as_of=AS_OF)
    rows = {row.vm_id: (row.outcome, row.starts_here, row.registered) for row in case.rows("vm")}
    for row in _truth("hyperv-source")["vm"]:
        if not row["source_path"].startswith("partition 2"):
            assert rows.pop(row["vm_id"]) == (row["outcome"], row["starts_here"], row["registered"])
    # WEB01 and DIRTY01 are listed; the checkpoint is in no list.
    assert list(rows.values()) == [("not_examined", "unknown", True)] * 2


def test_data_disk_alone(halves: tuple[Path, Path]) -> None:
    case = forensics.examine(halves[1], as_of=AS_OF)
    rows = {row.name: (row.machine_id, row.starts_here, row.registered) for row in case.rows("vm")}
    assert rows == dict.fromkeys(("WEB01", "WEB01 - before the update", "DIRTY01"), (0, "unknown", None))
    assert {row.starts_because for row in case.rows("vm")} == {"no Hyper-V host was examined with it"}
    assert case.sources[0].error is None


def test_a_guests_disk_on_the_host_tells_what_opens_it() -> None:
    (volume,) = examined("hyperv-source").rows("bitlocker")
    assert (volume.machine_id, volume.disk, volume.volume) == (1, "partition 2/VMs/DC01/DC01.vhdx", "volume")
    assert (volume.protectors, volume.has_recovery_password, volume.suspended) == (["tpm"], False, False)
