"""Exports and triage collections: what was not collected is never absent, and what was is judged as on the disk."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import forensics
from forensics.case_tables import CaseTables
from testdata.builder.files import FileSpec
from testdata.builder.scenario import Scenario
from testdata.builder.scenarios import SCENARIOS
from tests.torn_hive import tear

Keep = Callable[[str], bool]

# Columns that a collection can tell as well as the disk can; access rights are in no archive.
SAME_AS_ON_DISK = (
    "key_file",
    "public_key",
    "master_key",
    "unlocked_by",
    "private_key",
    "exportable",
    "recoverable",
    "known_by",
)


@cache
def _scenario(name: str) -> Scenario:
    return SCENARIOS[name]()


def _files(name: str) -> list[FileSpec]:
    return [f for f in _scenario(name).stages[-1].volumes[0] if f.data is not None]


def _truth(name: str) -> list[dict[str, Any]]:
    return [row for row in _scenario(name).truth[0]["key_chain"] if row["thumbprint"]]


def _write(name: str, folder: Path, keep: Keep = lambda path: True, prefix: str = "") -> Path:
    for file in _files(name):
        if keep(file.path.lower()):
            target = folder / prefix / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.data or b"")
    return folder


def _zip(folder: Path, out: Path) -> Path:
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder).as_posix())
    return out


def _tar(folder: Path, out: Path) -> Path:
    with tarfile.open(out, "w:gz") as archive:
        archive.add(folder, arcname=".")
    return out


def _chains(case: CaseTables) -> dict[str, Any]:
    return {r.thumbprint: r for r in case.rows("key_chain") if r.thumbprint}


def _assert_as_on_disk(case: CaseTables, name: str) -> None:
    chains = _chains(case)
    for truth in _truth(name):
        row = chains[truth["thumbprint"]]
        assert row.access == "not_examined" or truth["key_file"] in ("absent", "not_applicable")
        # A key that cannot be had here could lie once more in a folder that nobody collected.
        open_columns = {*truth.get("unsettled", ()), *(["recoverable"] if truth["recoverable"] is False else [])}
        same = [c for c in SAME_AS_ON_DISK if c not in open_columns]
        assert {c: getattr(row, c) for c in same} == {c: truth[c] for c in same}, truth["why"]
        assert row.verdict == truth["verdict"], truth["why"]


@pytest.mark.parametrize("prefix", ["", "C", "uploads/auto/C%3A", "host1/C"])
def test_folder_in_each_layout(tmp_path: Path, prefix: str) -> None:
    _assert_as_on_disk(forensics.examine(_write("healthy", tmp_path, prefix=prefix)), "healthy")


@pytest.mark.parametrize("pack", [_zip, _tar])
@pytest.mark.parametrize("name", ["healthy", "sysprepped", "broken-secrets"])
def test_archive_of_everything(tmp_path: Path, name: str, pack: Callable[[Path, Path], Path]) -> None:
    suffix = ".zip" if pack is _zip else ".tar.gz"
    folder = _write(name, tmp_path / "c")
    _assert_as_on_disk(forensics.examine(pack(folder, tmp_path / f"triage{suffix}")), name)


def _hives_only(path: str) -> bool:
    return "/system32/config/" in path


def test_hives_alone_leave_every_key_undecided(tmp_path: Path) -> None:
    case = forensics.examine(_write("healthy", tmp_path, _hives_only))
    rows = [r for r in _chains(case).values() if r.store_scope == "machine"]
    assert len(rows) == len([t for t in _truth("healthy") if t["store_scope"] == "machine"])
    assert {(r.key_file, r.verdict, r.broken_at, r.recoverable) for r in rows} == {
        ("not_examined", "unknown", None, None)
    }
    assert [s.outcome for s in case.rows("secret") if s.generation == "current"] == ["present"]
    folders = {c.name: c.outcome for c in case.rows("coverage") if c.area == "folder"}
    assert {outcome for name, outcome in folders.items() if "Crypto" in name} == {"not_examined"}, folders


def test_loose_hives_in_a_folder_are_a_machine(tmp_path: Path) -> None:
    for file in _files("healthy"):
        if _hives_only(file.path.lower()):
            (tmp_path / file.path.rsplit("/", 1)[1]).write_bytes(file.data or b"")
    case = forensics.examine(tmp_path)
    assert [m.computer_name for m in case.rows("machine")] == ["WEB01"]
    assert {r.verdict for r in _chains(case).values()} == {"unknown"}


@pytest.mark.parametrize("missing", ["security", "system"])
def test_without_the_hives_of_the_secret_nothing_is_called_broken(tmp_path: Path, missing: str) -> None:
    case = forensics.examine(_write("healthy", tmp_path, lambda p: not p.endswith(f"/config/{missing}")))
    rows = [r for r in _chains(case).values() if r.store_scope == "machine"]
    assert {(r.key_file, r.public_key, r.master_key) for r in rows} == {("present", "match", "present")}
    assert {(r.unlocked_by, r.private_key, r.verdict, r.broken_at, r.recoverable, r.known_by) for r in rows} == {
        ("not_tried", "not_examined", "unknown", None, None, "public_key")
    }


def test_without_protect_folders_no_master_key_is_absent(tmp_path: Path) -> None:
    case = forensics.examine(_write("healthy", tmp_path, lambda p: "/protect/" not in p))
    rows = _chains(case).values()
    assert {(r.master_key, r.unlocked_by, r.private_key, r.verdict) for r in rows} == {
        ("not_examined", "not_tried", "not_examined", "unknown")
    }


def test_without_key_folders_no_key_file_is_absent(tmp_path: Path) -> None:
    case = forensics.examine(_write("broken-files", tmp_path, lambda p: "/crypto/" not in p))
    assert {(r.key_file, r.verdict, r.recoverable) for r in _chains(case).values()} == {
        ("not_examined", "unknown", None)
    }


def test_without_software_the_suffix_of_a_key_file_proves_nothing(tmp_path: Path) -> None:
    case = forensics.examine(_write("healthy", tmp_path, lambda p: not p.endswith("/config/software")))
    orphans = [r for r in case.rows("key_chain") if r.thumbprint is None and "MachineKeys" in (r.key_file_path or "")]
    assert orphans
    assert {(r.key_file, r.private_key, r.verdict, r.broken_at, r.recoverable) for r in orphans} == {
        ("present", "proved", "unknown", None, True)
    }


def test_folder_with_only_another_suffix_breaks_the_chain_even_in_a_collection(tmp_path: Path) -> None:
    case = forensics.examine(_write("sysprepped", tmp_path, lambda p: not p.endswith("/config/security")))
    rows = [r for r in _chains(case).values() if r.key_file == "other_machine_guid"]
    assert rows
    assert {(r.verdict, r.broken_at, r.recoverable) for r in rows} == {("unusable", "key_file", None)}


def test_mismatch_breaks_the_chain_without_any_secret(tmp_path: Path) -> None:
    case = forensics.examine(_write("broken-files", tmp_path, lambda p: not p.endswith("/config/security")))
    rows = [r for r in _chains(case).values() if r.public_key == "mismatch"]
    assert rows
    assert {(r.verdict, r.broken_at) for r in rows} == {("unusable", "public_key")}


def test_half_a_protect_folder_does_not_speak_for_the_other_half(tmp_path: Path) -> None:
    case = forensics.examine(
        _write("healthy", tmp_path, lambda p: "/protect/s-1-5-18/" not in p or "/s-1-5-18/user/" in p)
    )
    capi = [r for r in _chains(case).values() if "MachineKeys" in (r.key_file_path or "")]
    assert {(r.master_key, r.unlocked_by, r.verdict) for r in capi} == {("not_examined", "not_tried", "unknown")}


def test_keys_of_an_earlier_windows_beside_it_leave_a_missing_key_undecided(tmp_path: Path) -> None:
    folder = _write("broken-files", tmp_path)
    (folder / "Windows.old" / "ProgramData" / "Microsoft").mkdir(parents=True)
    (folder / "Windows.old" / "ProgramData" / "Microsoft" / "x").write_bytes(b"x")
    case = forensics.examine(folder)
    assert {r.recoverable for r in _chains(case).values() if r.key_file == "absent"} == {None}
    assert [(c.name, c.outcome) for c in case.rows("coverage") if c.name == "Windows.old"] == [
        ("Windows.old", "present")
    ]
    assert [(m.kind, m.system_root) for m in case.rows("machine")] == [
        ("windows", "Windows"),
        ("former", "Windows.old/Windows"),
    ]


def test_key_in_the_other_windows_of_one_source_is_recoverable(tmp_path: Path) -> None:
    _write("healthy", tmp_path, prefix="first/C")
    _write("healthy", tmp_path, lambda p: "/machinekeys/" not in p, prefix="second/C")
    (tmp_path / "second/C/ProgramData/Microsoft/Crypto/RSA/MachineKeys").mkdir()
    (tmp_path / "second/C/ProgramData/Microsoft/Crypto/RSA/MachineKeys/another").write_bytes(b"x")
    case = forensics.examine(tmp_path)
    assert len(case.rows("machine")) == 2
    missing = [r for r in case.rows("key_chain") if r.thumbprint and r.key_file == "absent"]
    assert missing
    assert {(r.verdict, r.broken_at, r.recoverable) for r in missing} == {("unusable", "key_file", True)}
    owners = {m.machine_id for m in case.rows("machine")}
    assert all("MachineKeys" in r.recoverable_from for r in missing)
    assert all({r.machine_id, r.recoverable_on} == owners for r in missing)


def test_torn_security_hive_without_logs_leaves_the_secret_undecided(tmp_path: Path) -> None:
    folder = _write("broken-secrets", tmp_path)
    tear(folder / "Windows/System32/config/SECURITY")
    case = forensics.examine(folder)
    assert ("in_transaction", "Windows/System32/config/SECURITY") in {
        (p.kind, p.source_path) for p in case.rows("problem")
    }
    rows = [r for r in _chains(case).values() if r.unlocked_by in ("previous", "nothing")]
    assert {(r.unlocked_by, r.verdict, r.broken_at, r.recoverable) for r in rows} == {
        ("previous", "unknown", None, True),
        ("nothing", "unknown", None, None),
    }


def test_torn_software_hive_without_logs_leaves_the_machine_guid_undecided(tmp_path: Path) -> None:
    folder = _write("broken-files", tmp_path)
    tear(folder / "Windows/System32/config/SOFTWARE")
    case = forensics.examine(folder)
    foreign = [r for r in case.rows("key_chain") if r.key_file == "other_machine_guid"]
    assert {r.thumbprint is None for r in foreign} == {True, False}
    # One of them needs a master key that is gone, whatever its name.
    assert {(r.verdict, r.broken_at) for r in foreign} == {("unknown", None), ("unusable", "master_key")}
    # What the present MachineGuid leads to was proved all the same.
    assert "usable" in {r.verdict for r in case.rows("key_chain") if r.thumbprint}
    assert "key-file-of-another-machine-guid" not in {f.rule for f in case.finding_list}


def test_torn_system_hive_without_logs_blames_no_service(tmp_path: Path) -> None:
    folder = _write("keyiso-disabled", tmp_path)
    tear(folder / "Windows/System32/config/SYSTEM")
    case = forensics.examine(folder)
    verdicts = {(r.provider_kind, r.verdict, r.broken_at) for r in case.rows("key_chain") if r.thumbprint}
    assert verdicts == {("capi", "usable", None), ("cng", "unknown", None)}
    assert not [f.rule for f in case.finding_list if f.rule.startswith("keyiso-")]


@pytest.mark.parametrize("hive", ["SYSTEM", "SOFTWARE"])
def test_a_torn_hive_calls_no_certificate_unused(tmp_path: Path, hive: str) -> None:
    folder = _write("healthy", tmp_path)
    whole = forensics.examine(folder)
    unused = {s.id for f in whole.finding_list if f.rule == "certificate-used-by-nothing" for s in f.subjects}
    assert unused
    tear(folder / "Windows/System32/config" / hive)
    case = forensics.examine(folder)
    assert {tuple(c.used_by or ()) for c in whole.rows("certificate") if c.thumbprint in unused} == {()}
    assert {c.used_by for c in case.rows("certificate") if c.thumbprint in unused} == {None}
    assert "certificate-used-by-nothing" not in {f.rule for f in case.finding_list}


def test_a_provider_that_a_torn_hive_does_not_list_may_be_registered(tmp_path: Path) -> None:
    folder = _write("odd-server", tmp_path)
    unregistered = [r.thumbprint for r in forensics.examine(folder).rows("key_chain") if r.broken_at == "provider"]
    assert unregistered
    for hive in ("SOFTWARE", "SYSTEM"):
        tear(folder / "Windows/System32/config" / hive)
    rows = {r.thumbprint: r for r in forensics.examine(folder).rows("key_chain")}
    assert {rows[thumbprint].broken_at for thumbprint in unregistered}.isdisjoint({"provider"})


def test_a_torn_software_hive_misses_no_certificate_of_a_binding(tmp_path: Path) -> None:
    folder = _write("web-server", tmp_path)
    missing = [u for u in forensics.examine(folder).rows("certificate_use") if u.present is False]
    assert missing
    tear(folder / "Windows/System32/config/SOFTWARE")
    case = forensics.examine(folder)
    owned = {(u.consumer, u.detail): u.present for u in case.rows("certificate_use") if u.owner_sid == "S-1-5-18"}
    assert {owned[u.consumer, u.detail] for u in missing if u.owner_sid == "S-1-5-18"} == {None}
    assert "binding-names-missing-certificate" not in {f.rule for f in case.finding_list if f.verdict == "match"}


def test_a_torn_security_hive_tells_of_no_restore(tmp_path: Path) -> None:
    folder = _write("restored-secrets", tmp_path)
    assert "secrets-restored-from-another-time" in {f.rule for f in forensics.examine(folder).finding_list}
    tear(folder / "Windows/System32/config/SECURITY")
    assert "secrets-restored-from-another-time" not in {f.rule for f in forensics.examine(folder).finding_list}


@pytest.mark.parametrize("hive", ["SYSTEM", "SOFTWARE"])
def test_where_a_torn_hive_may_name_a_user_no_certificate_is_called_unused(tmp_path: Path, hive: str) -> None:
    folder = _write("broken-files", tmp_path)
    assert "certificate-used-by-nothing" in {f.rule for f in forensics.examine(folder).finding_list}
    tear(folder / "Windows/System32/config" / hive)
    assert "certificate-used-by-nothing" not in {f.rule for f in forensics.examine(folder).finding_list}


def test_an_undecided_chain_says_which_hive_leaves_it_open(tmp_path: Path) -> None:
    folder = _write("broken-secrets", tmp_path)
    tear(folder / "Windows/System32/config/SECURITY")
    rows = [r for r in _chains(forensics.examine(folder)).values() if r.unlocked_by in ("previous", "nothing")]
    assert {r.reason for r in rows} == {
        "SECURITY: it was being written when it was copied, and its logs are not here: what it says may be old"
    }
