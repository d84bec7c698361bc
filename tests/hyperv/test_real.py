"""Configurations that Hyper-V itself wrote: a host's own list, and loose files of three generations of servers."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dissect.hypervisor.descriptor.hyperv import HyperVFile

import forensics
from forensics.case_tables import CaseTables
from forensics.tables.hyperv import VmRow
from testdata.builder.key_protector import write_key_protector
from testdata.builder.scenarios.hyperv_host import FIRST, GUEST_STATE
from testdata.builder.virtual_machine import VIRTUAL_TPM, VirtualMachine
from tests.exports import APP, AS_OF, machine, write_export
from tests.formats.hyperv.storage_files import parse


def _rows(case: CaseTables) -> dict[str | None, VmRow]:
    return {row.vm_id: row for row in case.rows("vm")}


def _truth(realdata: Path, name: str) -> Any:
    return json.loads((realdata / name / "truth.json").read_text())


def test_a_hosts_own_list(realdata: Path) -> None:
    truth = _truth(realdata, "hyperv-host-layout")
    case = forensics.examine(realdata / "hyperv-host-layout", as_of=AS_OF)
    rows = _rows(case)
    assert len(case.rows("vm")) == len(truth["data.vmcx"]["registered_vms"]) == 4
    for stated in truth["vms"]:
        row = rows[stated["vm_id"]]
        assert (row.name, row.generation) == (stated["name"], stated["generation"])
        assert (row.configuration_version, row.registered) == (stated["configuration_version"], True)
        assert row.starts_here == stated["starts_here"] == "not_applicable"
    for vm_id in truth["registered_but_not_in_this_source"]:
        row = rows[vm_id]
        path = truth["data.vmcx"]["registered_vms"][vm_id.upper()]
        assert (row.registered, row.outcome, row.starts_here) == (True, "not_examined", "unknown")
        assert row.starts_because == (
            f"the host lists it, and its configuration {path} lies where these sources do not reach"
        )
    assert rows["993f7b33-6057-4d1e-a1fe-a1a1d77be974"].secure_boot is True
    assert case.findings.empty
    assert case.rows("problem") == []


def test_logs_that_end_beyond_their_files(realdata: Path) -> None:
    """The values of the host's list are those that a second reader finds."""
    folder = realdata / "hyperv-files"
    for name, (offset, reserved, size) in _truth(realdata, "hyperv-files")["log_beyond_end_of_file"].items():
        data = (folder / name).read_bytes()
        assert len(data) == size < offset + reserved
        storage = parse(data)
        assert not [error for error in storage.errors if error.kind != "duplicate"]
        assert not storage.log_damaged
    with (folder / "data.vmcx").open("rb") as file:
        listed = HyperVFile(file).as_dict()["Configurations"]["VirtualMachines"]
    data = (folder / "data.vmcx").read_bytes()
    storage = parse(data)
    node = "Configurations/VirtualMachines"
    assert {name: storage.values[f"{node}/{name}"].value for name in storage.children(node)} == listed


def test_loose_files_of_three_generations_of_servers(realdata: Path) -> None:
    case = forensics.examine(realdata / "hyperv-files", as_of=AS_OF)
    found = {
        row.vm_id: (row.name, row.generation, row.configuration_version, row.disks, row.starts_here)
        for row in case.rows("vm")
    }
    disks = ["C:\\Disks\\Default Generation 1.vhdx"], ["C:\\Disks\\Default Generation 2.vhdx"]
    other = ["C:\\Users\\Public\\Documents\\Hyper-V\\Virtual Hard Disks\\Other Location.vhdx"]
    assert found == {
        "993f7b33-6057-4d1e-a1fe-a1a1d77be974": ("Default Generation 2", 2, "9.0", disks[1], "not_applicable"),
        "b90ac31b-c6f8-479f-9b91-07b894a6a3f6": ("Default Generation 1", 1, "5.0", disks[0], "not_applicable"),
        "d351c151-dac7-4042-b434-b72d522c1e4a": ("Default Generation 2", 2, "5.0", disks[1], "not_applicable"),
        "ec04f346-db96-4700-af5b-77b3c56c38bd": ("Default Generation 1", 1, "9.0", disks[0], "not_applicable"),
        "282874fc-59d6-4f30-bc04-5fdd909c82e0": ("Other Location", 1, "9.0", other, "not_applicable"),
    }
    assert case.findings.empty


def test_the_vmrs_beside_a_named_vmgs_is_told(realdata: Path) -> None:
    """test.vmcx of configuration 9.0 names a .vmgs, and only test.VMRS lies beside it."""
    case = forensics.examine(realdata / "hyperv-files", as_of=AS_OF)
    row = _rows(case)["282874fc-59d6-4f30-bc04-5fdd909c82e0"]
    assert row.guest_state == "not_examined"
    assert row.guest_state_facts is not None
    assert "does not stand in for it (likely)" in row.guest_state_facts
    assert [(Path(p.source_path).name, p.kind) for p in case.rows("problem")] == [("test.VMRS", "missing_guest_state")]


@pytest.mark.parametrize(
    "name", ["B90AC31B-C6F8-479F-9B91-07B894A6A3F6.xml", "D351C151-DAC7-4042-B434-B72D522C1E4A.xml"]
)
def test_a_configuration_of_server_2012_by_itself(realdata: Path, tmp_path: Path, name: str) -> None:
    shutil.copy(realdata / "hyperv-files" / name, tmp_path)
    for source in (tmp_path, tmp_path / name):
        (row,) = forensics.examine(source, as_of=AS_OF).rows("vm")
        assert (f"{row.vm_id}.xml", row.outcome, row.configuration_version) == (name.lower(), "present", "5.0")


# --- forged ones around them


def _one(folder: Path) -> tuple[VmRow, CaseTables]:
    case = forensics.examine(folder, as_of=AS_OF)
    (row,) = case.rows("vm")
    return row, case


_NODE = f"configuration/_{VIRTUAL_TPM}_"


class _NeverOn(VirtualMachine):
    """Lists the device, as every machine of generation 2, and stores nothing for it but its version."""

    def values(self) -> dict[str, Any]:
        values = {path: value for path, value in super().values().items() if path != f"{_NODE}/TpmEnabled"}
        return values | {f"{_NODE}/VDEVVersion": 512}


def test_a_virtual_tpm_that_was_never_on(tmp_path: Path) -> None:
    row, case = _one(write_export(tmp_path, _NeverOn("NEW01", APP), state=None))
    assert (row.vtpm, row.key_protector, row.starts_here) == ("absent", "not_found", "not_applicable")
    assert case.findings.empty


def test_a_virtual_tpm_that_is_on_without_key_protector(tmp_path: Path) -> None:
    row, case = _one(write_export(tmp_path, VirtualMachine("LOST01", APP), state=None))
    assert (row.vtpm, row.key_protector, row.starts_here) == ("present", "not_found", "unknown")
    assert list(case.findings["rule"]) == ["vm-vtpm-without-protector"]


def test_a_key_protector_tells_that_it_was_on(tmp_path: Path) -> None:
    protector = write_key_protector(FIRST)
    vm = _NeverOn("ON01", APP, further={"configuration/settings/security/KeyProtector": protector})
    row, _ = _one(write_export(tmp_path, vm))
    assert (row.vtpm, row.key_protector) == ("present", "present")


def test_a_guest_state_with_tpm_content_tells_that_it_may_have_been_on(tmp_path: Path) -> None:
    row, case = _one(write_export(tmp_path, _NeverOn("OLD01", APP), state=GUEST_STATE))
    assert (row.vtpm, row.starts_here) == ("unknown", "unknown")
    assert case.findings.empty


@pytest.mark.parametrize(("named", "told"), [("C:\\VMs\\X.vmgs", True), ("C:\\VMs\\X.VMGS", True), (None, False)])
def test_a_vmrs_stands_in_for_no_named_vmgs(tmp_path: Path, named: str | None, told: bool) -> None:
    export = write_export(tmp_path, replace(machine(), state_file=named), state=None)
    (export / "Virtual Machines" / f"{APP.upper()}.VMRS").write_bytes(b"state")
    row, case = _one(export)
    assert row.guest_state == ("not_examined" if told else "present")
    assert [p.kind for p in case.rows("problem")] == (["missing_guest_state"] if told else [])


_XML = """<?xml version="1.0" encoding="UTF-8"?>
<configuration><properties><name type="string">OLD02</name><version type="integer">1280</version>{}</properties>
<manifest><vdev001><device type="string">83f8638b-8dca-4152-9eda-2ca8b33039b4</device>
<instance type="string">83f8638b-8dca-4152-9eda-2ca8b33039b4</instance></vdev001></manifest></configuration>"""


def _xml(folder: Path, text: str, name: str = f"{APP}.xml") -> Path:
    (folder / "Virtual Machines").mkdir()
    (folder / "Virtual Machines" / name).write_text(text)
    return folder


def test_an_xml_configuration(tmp_path: Path) -> None:
    row, case = _one(_xml(tmp_path, _XML.format("")))
    assert (row.name, row.vm_id, row.generation, row.configuration_version) == ("OLD02", APP, 1, "5.0")
    assert (row.starts_here, case.rows("problem")) == ("not_applicable", [])


@pytest.mark.parametrize(
    ("further", "kind"),
    [
        ("<subtype type='integer'>two</subtype>", "bad_value"),
        ("<data type='bytes'>?</data>", "bad_value"),
        ("<open>", "bad_xml"),
        ("<a>" * 100 + "</a>" * 100, "too_deep"),
    ],
)
def test_an_xml_configuration_that_cannot_be_read(tmp_path: Path, further: str, kind: str) -> None:
    row, case = _one(_xml(tmp_path, _XML.format(further)))
    assert (row.vm_id, row.outcome, row.starts_here) == (APP, "unreadable", "unknown")
    assert [p.kind for p in case.rows("problem")] == [kind]


def test_an_xml_that_brings_entities_is_refused(tmp_path: Path) -> None:
    text = _XML.format("").replace("<configuration>", '<!DOCTYPE c [<!ENTITY e "x">]>\n<configuration>', 1)
    row, case = _one(_xml(tmp_path, text))
    assert (row.outcome, [p.kind for p in case.rows("problem")]) == ("unreadable", ["forbidden_xml"])


def test_another_xml_named_by_a_guid_is_no_virtual_machine(tmp_path: Path) -> None:
    write_export(tmp_path, machine())
    (tmp_path / f"{APP}.xml").write_text("<WLANProfile/>")
    (tmp_path / "{11111111-1111-4222-8333-444444444444}.xml").write_text(_XML.format(""))
    assert [row.name for row in forensics.examine(tmp_path, as_of=AS_OF).rows("vm")] == ["APP01"]
