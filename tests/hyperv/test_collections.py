"""Hyper-V hosts of which only a part was collected: what was not there to examine is never taken for missing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

import forensics
from forensics.case_tables import CaseTables
from forensics.disk.tree import Entry
from forensics.hyperv.host import host_of
from forensics.sources.open import open_source
from forensics.sources.searched_tree import SearchedTree
from forensics.tables.record import CoverageRow
from tests.exports import AS_OF
from tests.paths import IMAGES
from tests.torn_hive import tear

THUMBPRINT = "CD" * 20
CONFIG = "Windows/System32/config"
SOFTWARE = f"{CONFIG}/SOFTWARE"
HYPER_V = "ProgramData/Microsoft/Windows/Hyper-V"
HIVES = [f"{CONFIG}/{name}" for name in ("SYSTEM", "SOFTWARE", "SECURITY")]
KEYS = ["ProgramData/Microsoft/Crypto", "Windows/System32/Microsoft/Protect"]


def _collect(folder: Path, paths: Sequence[str], image: str = "hyperv-target") -> Path:
    """Copy files and folders of a host's system volume out, as a collector would."""
    with open_source(IMAGES / f"{image}.vhdx.xz") as source:
        place = source.searched[0]
        for path in paths:
            _copy(place, place.tree.entry(path), folder / path)
    return folder


def _copy(place: SearchedTree, entry: Entry, to: Path) -> None:
    if entry.is_dir:
        to.mkdir(parents=True, exist_ok=True)
        for child in place.tree.entries(entry):
            _copy(place, child, to / child.name)
    else:
        to.parent.mkdir(parents=True, exist_ok=True)
        with place.tree.open(entry) as file:
            to.write_bytes(file.read())


def _starts(case: CaseTables) -> dict[str | None, str]:
    return {vm.name: vm.starts_here for vm in case.rows("vm") if vm.outcome == "present"}


def _examine(folder: Path) -> CaseTables:
    return forensics.examine(folder, as_of=AS_OF)


WHOLE = {
    "OWN01": "yes",
    "NOKEY01": "no",
    "MY01": "likely_no",
    "LOCKED01": "likely_no",
    "HALF01": "yes",
    # No key file of that name was collected; on a whole disk that is "no".
    "DELETED01": "unknown",
    "TPM01": "unknown",
}


def test_everything_that_matters_was_collected(tmp_path: Path) -> None:
    case = _examine(_collect(tmp_path, [HYPER_V, *HIVES, *KEYS]))
    assert _starts(case) == WHOLE
    assert {vm.machine_id for vm in case.rows("vm")} == {1}
    assert {vm.registered for vm in case.rows("vm")} == {True}


def test_without_software_nothing_is_known_of_any_certificate(tmp_path: Path) -> None:
    case = _examine(_collect(tmp_path, [HYPER_V, HIVES[0], HIVES[2], *KEYS]))
    assert _starts(case) == dict.fromkeys(WHOLE, "unknown")
    assert {w.encryption_here for w in case.rows("vm_guardian")} == {"not_examined"}
    because = {vm.starts_because.rpartition(": ")[2] for vm in case.rows("vm")}
    assert because == {"the host's certificate stores were not in the source, or not as a whole"}


@pytest.mark.parametrize("left_out", [0, 1, 2])
def test_a_hive_that_was_not_collected_is_no_problem(left_out: int, tmp_path: Path) -> None:
    hives = [path for number, path in enumerate(HIVES) if number != left_out]
    case = _examine(_collect(tmp_path, [HYPER_V, *hives, *KEYS]))
    assert [row.message for row in case.rows("problem") if "config/" in row.source_path] == []
    current = next(row.outcome for row in case.rows("secret") if row.generation == "current")
    assert current == ("present" if left_out == 1 else "not_examined")


def test_without_the_key_folders_no_key_is_missing(tmp_path: Path) -> None:
    """Only what the certificate itself breaks is still known: it names no key at all."""
    case = _examine(_collect(tmp_path, [HYPER_V, *HIVES]))
    starts = _starts(case)
    assert {name: starts[name] for name in ("OWN01", "LOCKED01", "HALF01", "DELETED01", "TPM01")} == dict.fromkeys(
        ("OWN01", "LOCKED01", "HALF01", "DELETED01", "TPM01"), "unknown"
    )
    assert (starts["NOKEY01"], starts["MY01"]) == ("no", "likely_no")
    rows = {(g.subject, g.thumbprint): g.has_key_file for g in case.rows("guardian")}
    assert True not in rows.values()


def test_without_security_the_secret_is_undecided(tmp_path: Path) -> None:
    case = _examine(_collect(tmp_path, [HYPER_V, *HIVES[:2], *KEYS]))
    starts = _starts(case)
    assert (starts["OWN01"], starts["NOKEY01"]) == ("unknown", "no")


def test_the_list_alone_names_machines_whose_configurations_were_not_collected(tmp_path: Path) -> None:
    case = _examine(_collect(tmp_path, [f"{HYPER_V}/data.vmcx", *HIVES, *KEYS]))
    assert {(vm.outcome, vm.starts_here, vm.registered) for vm in case.rows("vm")} == {
        ("not_examined", "unknown", True)
    }
    assert len(case.rows("vm")) == 7


def test_configurations_without_the_list(tmp_path: Path) -> None:
    case = _examine(_collect(tmp_path, [f"{HYPER_V}/Virtual Machines", *HIVES, *KEYS]))
    assert _starts(case) == WHOLE
    assert {vm.registered for vm in case.rows("vm")} == {None}
    coverage = [c.outcome for c in case.rows("coverage") if c.name == "data.vmcx"]
    assert coverage == ["not_examined"]


@pytest.mark.parametrize("named", ["C", "D"])
def test_drives_side_by_side(tmp_path: Path, named: str) -> None:
    """C and D in one collection: the machines on D are the host's that C holds."""
    root = tmp_path / "collection"
    _collect(root / "C", [HYPER_V, *HIVES, *KEYS], "hyperv-source")
    with open_source(IMAGES / "hyperv-source.vhdx.xz") as source:
        place = source.searched[1]
        _copy(place, place.tree.entry("VMs"), root / named / "VMs")
    starts = _starts(_examine(root))
    assert {name: starts.get(name) for name in ("WEB01", "DIRTY01", "DC01")} == dict.fromkeys(
        ("WEB01", "DIRTY01", "DC01"), "yes"
    )


def test_another_windows_beside_the_host_changes_nothing(tmp_path: Path) -> None:
    case = forensics.examine(IMAGES / "two-windows.vhdx.xz", _collect(tmp_path, [HYPER_V, *HIVES, *KEYS]), as_of=AS_OF)
    assert _starts(case) == WHOLE
    (host,) = [m.machine_id for m in case.rows("machine") if m.computer_name == "HV02"]
    assert {vm.machine_id for vm in case.rows("vm")} == {host}


def test_a_certificate_that_a_torn_software_hive_does_not_hold_is_not_absent(tmp_path: Path) -> None:
    folder = _collect(tmp_path, [HYPER_V, *HIVES, *KEYS], "hyperv-source")
    whole = _starts(_examine(folder))
    tear(folder / CONFIG / "SOFTWARE")
    torn = _starts(_examine(folder))
    assert {name: (whole[name], torn[name]) for name in whole if whole[name] != torn[name]} == {
        # Its certificate is in no store; the guardians of the others were found.
        "GONE01": ("no", "unknown"),
    }


@pytest.mark.parametrize(
    ("row", "state"),
    [
        (None, "absent"),
        (("hive", "Microsoft\\SystemCertificates", "not_examined"), "not_examined"),
        (("certificate", "further certificates", "not_examined"), "not_examined"),
        (("certificate", THUMBPRINT, "unreadable"), "unknown"),
        (("certificate", "AB" * 20, "unreadable"), "absent"),
    ],
)
def test_what_was_not_read_to_its_end_holds_no_certificate_back(row: tuple[str, str, str] | None, state: str) -> None:
    covered = [("hive", "SOFTWARE", "present"), *([row] if row else [])]
    paths = {"SOFTWARE": SOFTWARE, "Microsoft\\SystemCertificates": f"{SOFTWARE}\\Microsoft\\SystemCertificates"}
    rows = [
        CoverageRow(machine_id=1, source_path=paths.get(n, "x"), area=a, name=n, outcome=o)  # type: ignore[arg-type]
        for a, n, o in covered
    ]
    assert host_of(1, "HV01", [], rows).state(THUMBPRINT) == state


def test_an_export_of_some_certificate_stores_says_nothing_of_the_others(tmp_path: Path) -> None:
    (tmp_path / "my.reg").write_text(
        "Windows Registry Editor Version 5.00\r\n\r\n"
        "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\SystemCertificates\\MY]\r\n",
        encoding="utf-16",
    )
    case = forensics.examine(tmp_path / "my.reg")
    covered = [r.outcome for r in case.rows("coverage") if r.name == "Microsoft\\SystemCertificates"]
    assert covered == ["partial"]


def test_certificates_without_a_verdict_are_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("forensics.chain.judge.Judge.judged", fail)
    case = forensics.examine(IMAGES / "hyperv-source.vhdx.xz", as_of=AS_OF)
    assert {g.verdict for g in case.rows("guardian") if g.origin == "store"} == {"unknown"}
    assert "no" not in {vm.starts_here for vm in case.rows("vm") if vm.name != "GONE01"}
