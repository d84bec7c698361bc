"""A former Windows beside the present one, or alone: examined by itself, counted nowhere, its keys found."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from forensics import compare, examine, expiring, explain, recover, render
from forensics.case import Case, open_case
from forensics.cli.main import cli
from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.ntfs.tree import NtfsTree
from forensics.disk.tree import Entry
from forensics.sources.coverage import Coverage
from forensics.sources.former import former_windows
from forensics.tables.former_windows import FormerWindowsRow
from forensics.tables.key_chain import KeyChainRow
from testdata.builder import acl
from testdata.builder.capi import Slot
from testdata.builder.certs import CAPI_ENHANCED, make_certificate
from testdata.builder.disk import Volume, build_disk
from testdata.builder.files import FileSpec
from testdata.builder.folders import MACHINE
from testdata.builder.former import WINDOWS_OLD, put_aside, upgraded
from testdata.builder.keys import rsa_key
from testdata.builder.machine import ForgedMachine, capi_link, machine
from testdata.builder.names import capi_file_name
from testdata.builder.ntfs import build_ntfs, unavailable

pytestmark = pytest.mark.skipif(unavailable() is not None, reason="needs mkntfs (Debian package ntfs-3g)")

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
WEB, ONLY, RDP = rsa_key("2048-01"), rsa_key("2048-02"), rsa_key("2048-03")
ALICE = "S-1-5-21-1-2-3-1001"
PASSWORD = "Correct-Horse-9"
FORMER_KEYS = "Windows.old/ProgramData/Microsoft/Crypto/RSA/MachineKeys"


def server(seed: str, *, with_key: bool, name: str = "WEB01") -> ForgedMachine:
    """A machine whose certificate names the container ``web``."""
    made = machine(f"former/{seed}", computer_name=name)
    put(made, "web", WEB, written=with_key)
    return made


def put(made: ForgedMachine, name: str, key: object, *, written: bool = True) -> str:
    certificate = make_certificate(f"{name}.contoso.test", key)  # type: ignore[arg-type]
    made.put_certificate(certificate, link=capi_link(name, CAPI_ENHANCED))
    return made.put_capi(name, exchange=Slot(key)) if written else ""  # type: ignore[arg-type]


def reinstalled(present: ForgedMachine | None = None) -> list[FileSpec]:
    """Setup over an old Windows: another MachineGuid; its certificate was imported again without its key."""
    old = server("old", with_key=True, name="OLD01")
    put(old, "only", ONLY)
    return upgraded(present or server("new", with_key=False), old)


def with_another_key(made: ForgedMachine) -> ForgedMachine:
    """An empty folder of a collection was likely not collected."""
    made.put_capi("own", exchange=Slot(RDP))
    return made


def disk(folder: Path, files: Sequence[FileSpec], name: str = "disk.raw") -> Path:
    build_ntfs(files, volume := folder / "c.ntfs", 64 << 20, default_sd=acl.DEFAULT_SD)
    build_disk([Volume(volume)], out := folder / name)
    return out


def chains(case: Case, machine_id: int) -> dict[str, KeyChainRow]:
    return {row.subject or row.key_file_path: row for row in case.rows("key_chain") if row.machine_id == machine_id}


def former_of(case: Case) -> FormerWindowsRow:
    (row,) = case.rows("former_windows")
    assert isinstance(row, FormerWindowsRow)
    return row


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return examine(disk(tmp_path_factory.mktemp("reinstalled"), reinstalled()), as_of=AS_OF)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = put_aside(server("old", with_key=True, name="OLD01"))
    return disk(tmp_path_factory.mktemp("alone"), files)


class TestReinstalled:
    def test_two_installations(self, case: Case) -> None:
        assert [(m.kind, m.computer_name, m.system_root) for m in case.rows("machine")] == [
            ("windows", "WEB01", "Windows"),
            ("former", "OLD01", "Windows.old/Windows"),
        ]
        assert [(c.name, c.outcome, c.detail) for c in case.rows("coverage") if c.name == WINDOWS_OLD] == [
            (WINDOWS_OLD, "present", "a former Windows, examined by itself")
        ]

    def test_the_key_of_the_present_windows_is_had_from_there(self, case: Case) -> None:
        """Its key file opens with the secrets of Windows.old, and with nothing of the present Windows."""
        row = chains(case, 1)["CN=web.contoso.test"]
        old = server("old", with_key=False)
        path = f"{FORMER_KEYS}/{capi_file_name('web', old.suffix)}"
        on_windows = "C:\\" + path.replace("/", "\\")
        assert (row.verdict, row.broken_at, row.key_file) == ("unusable", "key_file", "absent")
        assert (row.recoverable, row.recoverable_from, row.recoverable_on) == (True, path, 2)
        assert row.recovery_place == f"the former Windows OLD01: {on_windows}"
        assert (row.key_copy, row.key_copy_on, row.key_copy_needs) == (None, None, None)
        assert row.reason == (
            "there is no key file where the certificate's link leads; the key lies in "
            f"{on_windows} of the former Windows OLD01"
        )

    def test_the_keys_of_the_former_windows_are_proved_with_its_own_secrets(self, case: Case) -> None:
        assert {s: (r.verdict, r.private_key, r.unlocked_by) for s, r in chains(case, 2).items()} == {
            "CN=web.contoso.test": ("usable", "proved", "current"),
            "CN=only.contoso.test": ("usable", "proved", "current"),
        }

    def test_what_is_only_there(self, case: Case) -> None:
        row = former_of(case)
        assert (row.machine_id, row.former, row.folder, row.computer_name) == (1, 2, "C:\\Windows.old", "OLD01")
        assert (row.same_machine_guid, row.same_dpapi_system) == (False, False)
        assert (row.keys, row.keys_only_there, row.only_there) == (
            2,
            2,
            ["CN=only.contoso.test", "CN=web.contoso.test"],
        )
        assert (row.locked, row.locked_only_there) == (0, 0)

    def test_what_a_tired_admin_reads(self, case: Case) -> None:
        lines = str(render(case, "screen")).splitlines()
        place = chains(case, 1)["CN=web.contoso.test"].recovery_place
        assert lines[1].startswith("WEB01: Windows Server 2019 Standard build 17763")
        assert lines[2] == (
            "C:\\Windows.old: a former Windows (OLD01, last ran 2026-10-30), not counted; "
            "keys only there that can be had: 2."
        )
        assert lines[3] == "Keys of 1 certificate: 1 broken, 0 usable, 0 undecided; 0 expired."
        assert lines[-4:-1] == [
            "KEYS YOU CAN STILL SAVE (keymortem recover): 2",
            f"  CN=web.contoso.test, store MY, in {place}",
            "  CN=only.contoso.test, only in the former Windows in C:\\Windows.old",
        ]

    def test_no_rule_speaks_of_what_is_in_the_former_windows(self, case: Case) -> None:
        assert {(f.rule, f.machine_id, f.severity) for f in case.finding_list} == {
            ("key-file-missing", 1, "high"),
            ("key-recoverable", 1, "low"),
            ("keys-only-in-former-windows", 1, "info"),
            ("certificate-used-by-nothing", 1, "info"),
        }
        assert case.rows("shared_identity") == []

    def test_no_list_or_count_is_of_the_former_windows(self, case: Case) -> None:
        assert [(c.machine_id, c.subject) for c in expiring(case, within=timedelta(days=200)).chains] == [
            (1, "CN=web.contoso.test")
        ]
        metrics = str(render(case, "prom"))
        assert "OLD01" not in metrics
        assert metrics.count('severity="high"') == 1
        assert "only.contoso.test" not in str(render(case, "ics"))
        assert "OLD01" not in set(case.timeline()["machine"])
        assert "1 key broken" in case._repr_html_()
        changes = compare(case, case)
        assert [one.before.computer_name for one in changes.machines if one.before] == ["WEB01"]

    def test_the_page_says_so(self, case: Case) -> None:
        page = str(render(case, "html"))
        assert "The only private key of WEB01 cannot be opened by Windows" in page
        assert "a former Windows (OLD01, last ran 2026-10-30), not counted" in page

    def test_the_document_holds_everything(self, case: Case) -> None:
        document = json.loads(str(render(case, "json")))
        assert [m["kind"] for m in document["tables"]["machine"]] == ["windows", "former"]
        assert [(c["machine_id"], c["subject"]) for c in document["tables"]["key_chain"]] == [
            (1, "CN=web.contoso.test"),
            (2, "CN=only.contoso.test"),
            (2, "CN=web.contoso.test"),
        ]

    def test_explain_finds_what_only_the_former_windows_has(self, case: Case) -> None:
        told = explain(case, "only.contoso.test")
        assert [(c.machine_id, c.verdict) for c in told.chains] == [(2, "usable")]
        assert "of a former Windows, which is not in use" in str(told)
        assert [c.machine_id for c in explain(case, "web.contoso.test").chains] == [1]

    def test_recover_brings_both_back(self, tmp_path: Path) -> None:
        source = disk(tmp_path, reinstalled())
        keys = recover(source, even_not_exportable=True, as_of=AS_OF).keys
        assert sorted((key.chain.subject or "", key.computer, key.lack) for key in keys) == [
            ("CN=only.contoso.test", "OLD01 (C:\\Windows.old)", None),
            ("CN=web.contoso.test", "WEB01", None),
        ]
        assert all("Windows.old" in (key.place or "") for key in keys)

    def test_a_case_file_keeps_it(self, case: Case, tmp_path: Path) -> None:
        case.save(tmp_path / "x.sqlite")
        assert render(open_case(tmp_path / "x.sqlite"), "text") == render(case, "text")


def test_an_upgrade_keeps_identity_and_keys(tmp_path: Path) -> None:
    """The same keys twice: counted once, and the former Windows is no clone."""
    case = examine(disk(tmp_path, upgraded(server("x", with_key=True), server("x", with_key=True))), as_of=AS_OF)
    row = former_of(case)
    assert (row.same_machine_guid, row.same_dpapi_system) == (True, True)
    assert (row.keys, row.keys_only_there, row.only_there) == (1, 0, [])
    lines = str(render(case, "screen")).splitlines()
    assert lines[2:5] == [
        "C:\\Windows.old: a former Windows (WEB01, last ran 2026-10-30), not counted; "
        "keys only there that can be had: 0.",
        "Keys of 1 certificate: 0 broken, 1 usable, 0 undecided; 0 expired.",
        "Nothing is known to be down or wrong. Ends in 90 days: none.",
    ]
    assert case.rows("shared_identity") == []
    assert {f.rule for f in case.finding_list} == {"certificate-used-by-nothing"}
    assert not case.has_findings
    assert not case.is_incomplete


def test_a_key_lost_in_an_upgrade_opens_with_the_secrets_of_today(tmp_path: Path) -> None:
    files = upgraded(server("x", with_key=False), server("x", with_key=True))
    row = chains(examine(disk(tmp_path, files), as_of=AS_OF), 1)["CN=web.contoso.test"]
    path = f"{FORMER_KEYS}/{capi_file_name('web', server('x', with_key=False).suffix)}"
    assert (row.recoverable, row.recoverable_from, row.recoverable_on) == (True, path, None)


def test_a_key_file_that_was_moved_back_without_its_master_key(tmp_path: Path) -> None:
    """It opens with the master key that still lies in Windows.old, by the secrets there."""
    new, old = server("new", with_key=False), server("old", with_key=True, name="OLD01")
    path = f"{MACHINE.capi_folder}/{capi_file_name('web', old.suffix)}"
    new.write(path, old.files[path].data or b"", sd=acl.KEY_FILE_SD)
    old.remove(path)
    row = chains(examine(disk(tmp_path, upgraded(new, old)), as_of=AS_OF), 1)["CN=web.contoso.test"]
    assert (row.verdict, row.key_file, row.key_file_path) == ("unusable", "other_machine_guid", path)
    assert (row.recoverable, row.recoverable_from, row.recoverable_on) == (True, path, 2)
    assert row.recovery_doubt is None
    on_windows = "C:\\" + path.replace("/", "\\")
    assert row.recovery_place == f"{on_windows}, by the secrets of the former Windows OLD01"


def test_a_former_service_is_not_down(tmp_path: Path) -> None:
    certificate = make_certificate("rdp.contoso.test", RDP)
    old = machine("former/rdp", computer_name="OLD01", rdp_certificate=certificate.thumbprint)
    old.put_certificate(certificate, link=capi_link("rdp", CAPI_ENHANCED))
    in_use = examine(disk(tmp_path, old.volume(), "in-use.raw"), as_of=AS_OF)
    assert "SERVICES DOWN" in str(render(in_use, "screen"))
    aside = examine(disk(tmp_path, upgraded(machine("former/sound"), old)), as_of=AS_OF)
    assert "DOWN" not in str(render(aside, "screen"))
    assert not aside.has_findings


class TestAlone:
    def test_it_is_examined_and_said_to_be_no_windows_of_today(self, alone: Path) -> None:
        case = examine(alone, as_of=AS_OF)
        older = f"{alone} is an older state of a machine: the present one is the Windows that was set up in its place, "
        assert str(render(case, "screen")).splitlines() == [
            f"keymortem {case.tool_version}, as of 2026-11-22. Examined 1 of 1.",
            f"{older}which was not found",
            "C:\\Windows.old: a former Windows (OLD01, last ran 2026-10-30), not counted; keys that can be had: 1.",
            "No Windows of today is here, only a former one that Setup put aside: no key of today can be judged.",
            "No service is known to be down. Findings: none.",
            "KEYS YOU CAN STILL SAVE (keymortem recover): 1",
            "  CN=web.contoso.test, only in the former Windows in C:\\Windows.old",
            "NOT EXAMINED, OR IN PART: 1",
            f"  {older}which was not found",
            "More: -v tells all.",
        ]
        assert chains(case, 1)["CN=web.contoso.test"].verdict == "usable"
        assert (former_of(case).machine_id, former_of(case).keys) == (0, 1)
        assert (case.has_findings, case.judges_nothing, case.is_empty) == (False, True, False)
        assert [(c.area, c.detail) for c in case.rows("coverage") if c.area == "volume"] == [
            ("volume", "NTFS, no Windows but a former Windows in Windows.old")
        ]

    @pytest.mark.parametrize("command", [["examine"], ["expiring"]])
    def test_the_exit_code_is_that_of_older_states(self, alone: Path, command: list[str]) -> None:
        assert CliRunner().invoke(cli, [*command, str(alone)]).exit_code == 3


@pytest.mark.parametrize(
    ("folder", "shown"),
    [
        ("Windows.old(1)", "C:\\Windows.old(1)"),
        ("Windows.old.000", "C:\\Windows.old.000"),
        ("$WINDOWS.~BT/NewOS", "C:\\$WINDOWS.~BT\\NewOS"),
        ("$Windows.~Q/DATA", "C:\\$Windows.~Q\\DATA"),
    ],
)
def test_other_folders_of_setup(tmp_path: Path, folder: str, shown: str) -> None:
    files = upgraded(server("new", with_key=False), server("old", with_key=True, name="OLD01"), folder)
    case = examine(disk(tmp_path, files), as_of=AS_OF)
    row = chains(case, 1)["CN=web.contoso.test"]
    assert (former_of(case).folder, former_of(case).keys_only_there) == (shown, 1)
    assert (row.recoverable, row.recoverable_on) == (True, 2)
    assert (row.recovery_place or "").startswith(f"the former Windows OLD01: {shown}\\ProgramData\\")


@pytest.mark.parametrize(
    "files",
    [
        [
            FileSpec("$WINDOWS.~BT/Sources/Panther/setupact.log", b"x"),
            FileSpec("$WINDOWS.~BT/Sources/Rollback/x", b"x"),
        ],
        [FileSpec("Windows.old/readme.txt", b"x")],
        [FileSpec("Windows.older/Windows/System32/config/SYSTEM", b"x")],
    ],
    ids=["logs of Setup", "next to nothing", "another name"],
)
def test_what_is_no_former_windows(tmp_path: Path, files: list[FileSpec]) -> None:
    case = examine(disk(tmp_path, [*server("new", with_key=True).volume(), *files]), as_of=AS_OF)
    assert [m.kind for m in case.rows("machine")] == ["windows"]
    assert case.rows("former_windows") == []
    told = [(c.outcome, c.detail) for c in case.rows("coverage") if c.name == WINDOWS_OLD]
    assert told == [("absent", "no Windows, profiles or ProgramData in it")] * (
        files[0].path.startswith("Windows.old/")
    )


def test_a_windows_folder_that_somebody_renamed(tmp_path: Path) -> None:
    """Its ProgramData stayed where it was, and is that of the Windows of today too."""
    old = machine("former/renamed", computer_name="OLD01")
    renamed = [replace(file, path=f"Windows.old{file.path.removeprefix('Windows')}") for file in old.volume()]
    moved = [file for file in renamed if file.path.startswith("Windows.old")]
    case = examine(disk(tmp_path, [*server("new", with_key=True).volume(), *moved]), as_of=AS_OF)
    assert [(m.kind, m.computer_name, m.system_root) for m in case.rows("machine")] == [
        ("windows", "WEB01", "Windows"),
        ("former", "OLD01", "Windows.old"),
    ]
    assert former_of(case).folder == "C:\\Windows.old"
    assert {f.machine_id for f in case.finding_list} == {1}


def test_one_on_a_volume_without_windows(tmp_path: Path) -> None:
    """The disk of an old computer in a new one: nothing says that it took the place of this Windows."""
    files = (server("new", with_key=False).volume(), put_aside(server("old", with_key=True, name="OLD01")))
    volumes = [tmp_path / "c.ntfs", tmp_path / "d.ntfs"]
    for content, volume in zip(files, volumes, strict=True):
        build_ntfs(content, volume, 64 << 20, default_sd=acl.DEFAULT_SD)
    build_disk([Volume(volume) for volume in volumes], out := tmp_path / "disk.raw")
    case = examine(out, as_of=AS_OF)
    assert (former_of(case).machine_id, former_of(case).former, former_of(case).keys) == (0, 2, 1)
    row = chains(case, 1)["CN=web.contoso.test"]
    assert (row.recoverable, row.recoverable_on) == (True, 2)
    assert not case.shows_older_state


def test_two_former_windows(tmp_path: Path) -> None:
    first, second = server("one", with_key=True, name="ONE"), machine("former/two", computer_name="TWO")
    put(second, "only", ONLY)
    files = [*upgraded(server("new", with_key=False), first), *put_aside(second, "Windows.old.000")]
    case = examine(disk(tmp_path, files), as_of=AS_OF)
    assert [(r.former, r.folder, r.only_there) for r in case.rows("former_windows")] == [
        (2, "C:\\Windows.old", ["CN=web.contoso.test"]),
        (3, "C:\\Windows.old.000", ["CN=only.contoso.test"]),
    ]


def test_keys_of_former_users(tmp_path: Path) -> None:
    old = machine("former/users", computer_name="OLD01", machine_sid=ALICE.rpartition("-")[0])
    alice = old.add_user(ALICE, "alice", PASSWORD)
    link = capi_link("mine", CAPI_ENHANCED, machine_keyset=False)
    old.put_certificate(make_certificate("alice", ONLY), link=link, owner=alice)
    path = old.put_capi("mine", exchange=Slot(ONLY), owner=alice)
    source = disk(tmp_path, upgraded(machine("former/new"), old))
    row = former_of(examine(source, as_of=AS_OF))
    assert (row.keys, row.locked, row.locked_only_there) == (0, 1, 1)
    case = examine(source, as_of=AS_OF, passwords={"alice": PASSWORD})
    chain = chains(case, 2)["CN=alice"]
    assert (chain.private_key, chain.key_file_path) == ("proved", f"Windows.old/{path}")
    assert [(u.name, u.profile_path) for u in case.rows("user") if u.sid == ALICE] == [
        ("alice", "Windows.old/Users/alice")
    ]
    assert (former_of(case).keys_only_there, former_of(case).only_there) == (1, ["CN=alice"])


def test_a_former_windows_xp(tmp_path: Path) -> None:
    old = machine("former/xp", xp=True, computer_name="XP01", product_name="Windows Server 2003 R2")
    put(old, "web", WEB)
    case = examine(disk(tmp_path, upgraded(server("new", with_key=False), old)), as_of=AS_OF)
    assert [(m.kind, m.system_root) for m in case.rows("machine")] == [
        ("windows", "Windows"),
        ("former", "Windows.old/WINDOWS"),
    ]
    row = chains(case, 1)["CN=web.contoso.test"]
    assert (row.recoverable, row.recoverable_on) == (True, 2)
    assert (row.recoverable_from or "").startswith("Windows.old/Documents and Settings/All Users/Application Data/")


class TestCollections:
    def unpack(self, folder: Path, files: Sequence[FileSpec]) -> None:
        for file in files:
            path = folder / file.path
            if file.data is None:
                path.mkdir(parents=True, exist_ok=True)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(file.data)

    @pytest.mark.parametrize("form", ["folder", "zip"])
    def test_a_collected_former_windows_is_no_second_machine(self, tmp_path: Path, form: str) -> None:
        self.unpack(tmp_path / "kape" / "C", reinstalled(present=with_another_key(server("new", with_key=False))))
        source = tmp_path / "kape"
        if form == "zip":
            source = tmp_path / "kape.zip"
            with zipfile.ZipFile(source, "w") as archive:
                for path in sorted((tmp_path / "kape").rglob("*")):
                    archive.write(path, path.relative_to(tmp_path / "kape"))
        case = examine(source, as_of=AS_OF)
        assert [(e.path, e.machine_ids, e.error) for e in case.sources] == [(str(source), [1, 2], None)]
        assert [(m.kind, m.system_root) for m in case.rows("machine")] == [
            ("windows", "C/Windows"),
            ("former", "C/Windows.old/Windows"),
        ]
        row = chains(case, 1)["CN=web.contoso.test"]
        assert (row.recoverable, row.recoverable_on) == (True, 2)
        assert (row.recovery_place or "").startswith("the former Windows OLD01: C:\\Windows.old\\ProgramData\\")
        assert former_of(case).machine_id == 1
        assert "Keys of 1 certificate:" in str(render(case, "screen"))

    @pytest.mark.parametrize("folder", ["Windows.old", "Windows.old.000", "$WINDOWS.~BT/NewOS"])
    def test_at_the_top_of_a_folder(self, tmp_path: Path, folder: str) -> None:
        """Its hives are no loose ones of another machine."""
        old = server("old", with_key=True, name="OLD01")
        self.unpack(tmp_path, upgraded(with_another_key(server("new", with_key=False)), old, folder))
        case = examine(tmp_path, as_of=AS_OF)
        assert [(m.kind, m.system_root) for m in case.rows("machine")] == [
            ("windows", "Windows"),
            ("former", f"{folder}/Windows"),
        ]
        assert [(e.path, e.machine_ids) for e in case.sources] == [(str(tmp_path), [1, 2])]

    @pytest.mark.parametrize("folder", ["C/Windows.old", "Windows.old", "."])
    def test_one_that_was_collected_alone(self, tmp_path: Path, folder: str) -> None:
        source = tmp_path / ("Windows.old" if folder == "." else "source")
        self.unpack(source / folder, server("old", with_key=True, name="OLD01").volume())
        case = examine(source, as_of=AS_OF)
        assert [m.kind for m in case.rows("machine")] == ["former"]
        assert (former_of(case).machine_id, former_of(case).keys) == (0, 1)
        assert case.judges_nothing
        assert "No Windows of today is here" in str(render(case, "screen"))

    def test_two_machines_with_one_former_windows_each(self, tmp_path: Path) -> None:
        for number, name in enumerate(("ONE", "TWO")):
            old = server(f"old/{number}", with_key=True, name=f"OLD{number}")
            new = with_another_key(server(f"new/{number}", with_key=False, name=name))
            self.unpack(tmp_path / name / "C", upgraded(new, old))
        case = examine(tmp_path, as_of=AS_OF)
        assert [(m.machine_id, m.kind, m.computer_name) for m in case.rows("machine")] == [
            (1, "windows", "ONE"),
            (3, "windows", "TWO"),
            (2, "former", "OLD0"),
            (4, "former", "OLD1"),
        ]
        assert [(r.machine_id, r.former) for r in case.rows("former_windows")] == [(1, 2), (3, 4)]
        assert {c.recoverable_on for c in case.rows("key_chain") if c.recoverable} == {2, 4}
        assert "Keys of 2 certificates: 2 broken" in str(render(case, "screen"))


def test_a_clean_disk_pays_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the root, which is listed anyway, no folder is looked into."""
    build_ntfs(server("new", with_key=True).volume(), out := tmp_path / "c.ntfs", 64 << 20, default_sd=acl.DEFAULT_SD)
    listed: list[str] = []
    entries = NtfsTree.entries

    def listing(self: NtfsTree, folder: Entry | str) -> Sequence[Entry]:
        listed.append(str(folder))
        return entries(self, folder)

    with out.open("rb") as file:
        reader = VolumeReader(file, 0, 64 << 20)
        tree = NtfsTree(reader, reader.read_at(0, 512))
        monkeypatch.setattr(NtfsTree, "entries", listing)
        assert former_windows(tree, "", Coverage(1)) == []
    assert listed == [""]
