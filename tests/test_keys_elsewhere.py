"""Disks whose dead keys are saved by what lies elsewhere on them: on other volumes, in copies, in another Windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from forensics import examine, render
from forensics.case import Case
from forensics.collectors.key_copies import KEY_NAMES
from forensics.disk.ntfs.stream import VolumeReader
from forensics.disk.ntfs.tree import NtfsTree
from forensics.tables.finding import as_text
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.windows_path import windows_path
from testdata.builder import acl, gpt
from testdata.builder.capi import Slot, make_capi_key
from testdata.builder.certs import CAPI_ENHANCED, make_certificate
from testdata.builder.disk import Volume, build_disk
from testdata.builder.dpapi import make_master_key
from testdata.builder.fat import build_fat
from testdata.builder.files import FileSpec
from testdata.builder.folders import LOCAL_SYSTEM, MACHINE, Owner, user
from testdata.builder.keys import rsa_key
from testdata.builder.machine import ForgedMachine, capi_link, machine
from testdata.builder.names import capi_file_name
from testdata.builder.ntfs import NtfsExtras, build_ntfs, unavailable

pytestmark = pytest.mark.skipif(unavailable() is not None, reason="needs mkntfs (Debian package ntfs-3g)")

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
KEY, OTHER = rsa_key("2048-01"), rsa_key("2048-02")
ALICE, BOB = "S-1-5-21-1-2-3-1001", "S-1-5-21-1-2-3-1002"
PASSWORD = "Correct-Horse-9"
FOREIGN = make_master_key("foreign", "S-1-5-18", b"z" * 20)
Files = Mapping[str, bytes]


def server(name: str = "WEB01", *, with_key: bool = False) -> ForgedMachine:
    """A machine whose only certificate names the container ``web``."""
    made = machine(f"elsewhere/{name}", computer_name=name)
    made.put_certificate(make_certificate("web.contoso.test", KEY), link=capi_link("web", CAPI_ENHANCED))
    if with_key:
        made.put_capi("web", exchange=Slot(KEY))
    return made


def key_file(made: ForgedMachine, **how: object) -> bytes:
    return make_capi_key("copy", "web", how.pop("master_key", made.keys[MACHINE]), exchange=Slot(how.pop("key", KEY)))  # type: ignore[arg-type]


def key_name(made: ForgedMachine) -> str:
    return capi_file_name("web", made.suffix)


def ntfs(files: Sequence[FileSpec] | Files, out: Path) -> Volume:
    specs = [FileSpec(path, data) for path, data in files.items()] if isinstance(files, Mapping) else files
    build_ntfs(specs, out, 32 << 20, default_sd=acl.DEFAULT_SD)
    return Volume(out)


def disk(folder: Path, made: ForgedMachine, *others: Volume | Files | ForgedMachine) -> Path:
    """Build a disk of the volume of a machine and others behind it; partition 1 is that of the machine."""
    volumes = [ntfs(made.volume(), folder / "windows.ntfs")]
    for number, other in enumerate(others):
        files = other.volume() if isinstance(other, ForgedMachine) else other
        volumes.append(files if isinstance(files, Volume) else ntfs(files, folder / f"{number}.ntfs"))
    build_disk(volumes, out := folder / "disk.raw")
    return out


def of_web(case: Case, machine_id: int = 1) -> KeyChainRow:
    (row,) = [r for r in case.rows("key_chain") if r.thumbprint and r.machine_id == machine_id]
    assert isinstance(row, KeyChainRow)
    return row


def findings(case: Case) -> dict[str, str]:
    return {f.rule: as_text(f.because) + as_text(f.remedy) for f in case.finding_list if f.verdict == "match"}


def text_of(case: Case) -> str:
    return str(render(case, "text"))


class TestOtherVolumes:
    def test_a_copy_on_a_second_ntfs_volume(self, tmp_path: Path) -> None:
        made = server()
        path = f"Backup/MachineKeys/{key_name(made)}"
        case = examine(disk(tmp_path, made, {path: key_file(made), "x/y": b""}), as_of=AS_OF)
        row = of_web(case)
        assert (row.verdict, row.key_file, row.broken_at) == ("unusable", "absent", "key_file")
        assert (row.recoverable, row.recoverable_from) == (True, f"partition 2/{path}")
        place = f"partition 2:\\Backup\\MachineKeys\\{key_name(made)}"
        assert row.recovery_place == place
        assert row.reason == f"there is no key file where the certificate's link leads; the key lies in {place}"
        text = text_of(case)
        assert "nowhere on this disk" not in text
        assert place in text
        assert "-delstore" not in text or "# the key may still be had" in text
        # "partition 2:" is no path on the machine, and its letter is not on this disk.
        told = findings(case)["key-recoverable"]
        assert "\nNo command is printed here: the path is on a drive whose letter this disk does not tell.\n" in told

    @pytest.mark.parametrize("bits", [16, 32])
    def test_a_copy_on_a_fat_volume(self, tmp_path: Path, bits: int) -> None:
        made = server()
        image = tmp_path / "data.fat"
        size = {16: 8 << 20, 32: 34 << 20}[bits]
        image.write_bytes(build_fat({f"Keys/old/{key_name(made)}.bak": key_file(made)}, size, bits=bits))
        row = of_web(examine(disk(tmp_path, made, Volume(image)), as_of=AS_OF))
        assert (row.recoverable, row.recoverable_from) == (True, f"partition 2/Keys/old/{key_name(made)}.bak")

    @pytest.mark.parametrize("files", [{}, {"readme.txt": b"nothing"}], ids=["empty", "other files"])
    def test_a_key_is_lost_where_all_volumes_were_searched(self, tmp_path: Path, files: Files) -> None:
        case = examine(disk(tmp_path, server(), files), as_of=AS_OF)
        row = of_web(case)
        assert (row.recoverable, row.recovery_doubt, row.reason) == (False, None, "the key file is not on this disk")
        assert "its private key is nowhere on this disk" in findings(case)["key-file-missing"]

    @pytest.mark.parametrize(
        ("image", "why"),
        [
            (b"\xeb\x52\x90-FVE-FS-", "partition 2 was not searched: "),
            (b"\xeb\x76\x90EXFAT   ", "partition 2 was not searched: exFAT file system, which is not read"),
            (b"not a file system", "partition 2 was not searched: no known file system"),
        ],
        ids=["BitLocker", "exFAT", "unknown"],
    )
    def test_a_volume_that_is_not_read_may_hold_it(self, tmp_path: Path, image: bytes, why: str) -> None:
        data = tmp_path / "data.bin"
        data.write_bytes(image.ljust(4 << 20, b"\x01"))
        case = examine(disk(tmp_path, server(), Volume(data)), as_of=AS_OF)
        row = of_web(case)
        assert (row.verdict, row.key_file, row.recoverable) == ("unusable", "absent", None)
        assert (row.recovery_doubt or "").startswith(why)
        missing = findings(case)["key-file-missing"]
        assert why in missing
        assert "nowhere on this disk" not in missing
        assert "certutil -delstore: " not in missing

    def test_what_can_hold_no_files_leaves_nothing_open(self, tmp_path: Path) -> None:
        """A Microsoft reserved partition, which most disks have, and one that was never written."""
        reserved = Volume(None, gpt.MICROSOFT_RESERVED, size=16 << 20)
        row = of_web(examine(disk(tmp_path, server(), reserved, Volume(None, size=4 << 20)), as_of=AS_OF))
        assert (row.recoverable, row.recovery_doubt) == (False, None)

    def test_a_key_file_without_certificate_and_its_copy(self, tmp_path: Path) -> None:
        made = machine("elsewhere/orphan")
        path = made.put_capi("web", exchange=Slot(KEY))
        copy = f"Keys/{key_name(made)}"
        data = made.files[path].data
        made.change(path, lambda data: data[:40])
        (row,) = examine(disk(tmp_path, made, {copy: data or b""}), as_of=AS_OF).rows("key_chain")
        assert (row.key_file, row.recoverable, row.recoverable_from) == ("unreadable", True, f"partition 2/{copy}")

    def test_a_sound_disk_is_not_searched(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def searched(*_: object) -> None:
            raise AssertionError

        monkeypatch.setattr("forensics.disk.ntfs.tree.NtfsTree.paths_named", searched)
        row = of_web(examine(disk(tmp_path, server(with_key=True), {"x": b""}), as_of=AS_OF))
        assert (row.verdict, row.recoverable) == ("usable", None)


@pytest.mark.parametrize(
    "form",
    ["{}.bak", "{}.old", "copy of {}", "Copy of {}.bak", "{} - Copy (2)", "{}_20240101", "backup-of-the-web-server-{}"],
)
def test_copies_whose_names_have_something_added(tmp_path: Path, form: str) -> None:
    made = server()
    path = f"Backup/{form.format(key_name(made))}"
    made.write(path, key_file(made))
    row = of_web(examine(disk(tmp_path, made), as_of=AS_OF))
    assert (row.recoverable, row.recoverable_from) == (True, path)


@pytest.mark.parametrize("short", [False, True], ids=["names alone", "with short names"])
def test_names_that_lie_across_two_sectors_of_the_mft(tmp_path: Path, *, short: bool) -> None:
    """What was added before the name moves it, letter by letter, over the two bytes that end each sector."""
    names = [f"{'x' * added}{'a' * 32}_{machine('x').suffix}" for added in range(100)]
    files = [FileSpec(f"Backup/{number:03}/{name}", b"x") for number, name in enumerate(names)]
    build_ntfs(files, out := tmp_path / "x.ntfs", 32 << 20, extras=NtfsExtras(short_names=short))
    with out.open("rb") as file:
        reader = VolumeReader(file, 0, 32 << 20)
        found = list(NtfsTree(reader, reader.read_at(0, 512)).paths_named(KEY_NAMES, ()))
    assert sorted(map(str, found)) == [file.path for file in files]


class TestLockedCopies:
    @pytest.mark.parametrize("on", ["Backup", "partition 2/Backup"])
    def test_a_copy_that_needs_another_master_key_is_named(self, tmp_path: Path, on: str) -> None:
        made = server()
        name = f"Backup/{key_name(made)}"
        data = key_file(made, master_key=FOREIGN)
        others: list[Files] = [{name: data}] if on != "Backup" else [{"x": b""}]
        if on == "Backup":
            made.write(name, data)
        case = examine(disk(tmp_path, made, *others), as_of=AS_OF)
        row = of_web(case)
        # Its master key is nowhere on the disk: from this disk the key cannot be had.
        assert (row.recoverable, row.key_copy, row.key_copy_on) == (False, f"{on}/{key_name(made)}", None)
        assert row.key_copy_needs == FOREIGN.guid
        told = findings(case)
        assert FOREIGN.guid in told["key-copy-locked"]
        assert key_name(made) in told["key-copy-locked"]
        assert "nowhere on this disk" not in told["key-file-missing"]
        assert row.reason.endswith("has its public key, and does not open with what this disk holds")

    def test_a_copy_with_another_key_is_not(self, tmp_path: Path) -> None:
        made = server()
        made.write(f"Backup/{key_name(made)}", key_file(made, key=OTHER, master_key=FOREIGN))
        row = of_web(examine(disk(tmp_path, made), as_of=AS_OF))
        assert (row.recoverable, row.key_copy) == (False, None)

    def test_a_copy_beside_a_damaged_file(self, tmp_path: Path) -> None:
        made = server(with_key=True)
        made.change(f"{MACHINE.capi_folder}/{key_name(made)}", lambda data: data[:40])
        made.write(f"Backup/{key_name(made)}.old", key_file(made, master_key=FOREIGN))
        row = of_web(examine(disk(tmp_path, made), as_of=AS_OF))
        assert (row.key_file, row.recoverable, row.key_copy) == ("unreadable", False, f"Backup/{key_name(made)}.old")


def moved(made: ForgedMachine, owner: Owner, to: str) -> bytes:
    """Take the master key of an owner away from home, and put it elsewhere on the volume unless that is another one."""
    home = f"{owner.protect_folder}/{made.keys[owner].guid}"
    data = made.files[home].data
    assert data is not None
    if to.startswith("partition"):
        made.remove(home)
    elif to:
        made.move(home, to)
    return data


class TestMasterKeys:
    @pytest.mark.parametrize(
        "folder",
        ["Backup/Protect", "Windows.old/Windows/System32/Microsoft/Protect/S-1-5-18", "partition 2/S-1-5-18"],
    )
    @pytest.mark.parametrize("form", ["{}", "{}.bak", "copy of {}"])
    def test_one_that_was_copied_away(self, tmp_path: Path, folder: str, form: str) -> None:
        made = server(with_key=True)
        guid = made.keys[MACHINE].guid
        path = f"{folder}/{form.format(guid)}"
        data = moved(made, MACHINE, path)
        others: list[Files] = [{path.partition("/")[2]: data}] if path.startswith("partition") else []
        case = examine(disk(tmp_path, made, *others), as_of=AS_OF)
        row = of_web(case)
        assert (row.verdict, row.broken_at, row.master_key) == ("unusable", "master_key", "absent")
        assert (row.private_key, row.recoverable) == ("proved", True)
        assert (row.master_key_copy, row.copy_opens) == (path, True)
        place = windows_path(path, drive="C:")
        assert row.reason == f"master key {guid} is not where Windows looks for it; a file of it lies in {place}"
        told = findings(case)
        assert guid in told["master-key-elsewhere"]
        assert "by nobody" not in text_of(case)
        assert "master key lies where Windows does not look" in told["key-recoverable"]

    def test_one_under_another_secret_leaves_it_open(self, tmp_path: Path) -> None:
        made = server()
        made.put_capi("web", exchange=Slot(KEY), master_key=FOREIGN)
        made.write(f"Backup/{FOREIGN.guid}", FOREIGN.file)
        case = examine(disk(tmp_path, made), as_of=AS_OF)
        row = of_web(case)
        assert (row.verdict, row.master_key, row.recoverable) == ("unusable", "absent", None)
        assert (row.master_key_copy, row.copy_opens) == (f"Backup/{FOREIGN.guid}", False)
        assert row.recovery_doubt == (
            f"a file of master key {FOREIGN.guid} lies in C:\\Backup\\{FOREIGN.guid}, and nothing known here opens it"
        )
        assert "master-key-elsewhere" in findings(case)

    @pytest.mark.parametrize("content", [b"", b"no master key", FOREIGN.file[:200]], ids=["empty", "other", "cut off"])
    def test_a_file_that_only_has_its_name(self, tmp_path: Path, content: bytes) -> None:
        made = server()
        made.put_capi("web", exchange=Slot(KEY), master_key=FOREIGN)
        made.write(f"Backup/{FOREIGN.guid}", content)
        row = of_web(examine(disk(tmp_path, made), as_of=AS_OF))
        assert (row.recoverable, row.master_key_copy) == (False, None)
        assert row.reason == f"master key {FOREIGN.guid} is not on this disk"

    def test_a_volume_that_is_not_read_may_hold_it(self, tmp_path: Path) -> None:
        made = server()
        made.put_capi("web", exchange=Slot(KEY), master_key=FOREIGN)
        data = tmp_path / "data.bin"
        data.write_bytes(b"\xeb\x76\x90EXFAT   ".ljust(4 << 20, b"\1"))
        case = examine(disk(tmp_path, made, Volume(data)), as_of=AS_OF)
        row = of_web(case)
        assert (row.master_key, row.recoverable) == ("absent", None)
        assert "partition 2 was not searched: exFAT" in findings(case)["master-key-missing"]

    def test_one_in_the_folder_of_a_user(self, tmp_path: Path) -> None:
        """Whether Windows looks there is not published."""
        made = server(with_key=True)
        alice = made.add_user(ALICE, "alice", PASSWORD)
        path = f"{alice.protect_folder}/{made.keys[MACHINE].guid}"
        moved(made, MACHINE, path)
        case = examine(disk(tmp_path, made), as_of=AS_OF)
        row = of_web(case)
        assert (row.verdict, row.master_key, row.private_key, row.recoverable) == ("unknown", "present", "proved", True)
        assert (row.master_key_copy, row.copy_opens) == (path, True)
        assert windows_path(path, drive="C:") in row.reason
        assert "master-key-elsewhere" in findings(case)

    def test_a_users_in_the_profile_of_another(self, tmp_path: Path) -> None:
        made = machine("elsewhere/users", machine_sid=ALICE.rpartition("-")[0])
        alice, bob = made.add_user(ALICE, "alice", PASSWORD), made.add_user(BOB, "bob", "another")
        made.put_capi("web", exchange=Slot(KEY), owner=alice)
        path = f"{bob.profile}/AppData/Roaming/Microsoft/Protect/{ALICE}/{made.keys[alice].guid}"
        moved(made, alice, path)
        source = disk(tmp_path, made)
        (row,) = examine(source, as_of=AS_OF, passwords={"alice": PASSWORD}).rows("key_chain")
        assert (row.verdict, row.private_key, row.recoverable) == ("unknown", "proved", True)
        assert row.reason.endswith(f"in the profile of {BOB}; whether Windows looks there is not published")

    @pytest.mark.parametrize("content", [b"", b"\0" * 468], ids=["empty", "zeros"])
    @pytest.mark.parametrize("folder", ["Backup", f"{LOCAL_SYSTEM.protect_folder}", "partition 2/Backup"])
    def test_a_damaged_one_at_home_and_a_sound_copy(self, tmp_path: Path, content: bytes, folder: str) -> None:
        made = server(with_key=True)
        guid = made.keys[MACHINE].guid
        home = f"{MACHINE.protect_folder}/{guid}"
        path = f"{folder}/{guid}"
        data = made.files[home].data or b""
        made.change(home, lambda _: content)
        others: list[Files] = []
        if folder.startswith("partition"):
            others = [{path.partition("/")[2]: data}]
        else:
            made.write(path, data)
        case = examine(disk(tmp_path, made, *others), as_of=AS_OF)
        row = of_web(case)
        assert (row.private_key, row.recoverable) == ("proved", True)
        assert (row.master_key_copy, row.copy_opens) == (path, True)
        assert row.verdict == ("unknown" if folder == LOCAL_SYSTEM.protect_folder else "unusable")
        told = findings(case)["master-key-elsewhere"]
        assert guid in told
        assert path.rpartition("/")[0].replace("/", "\\").removeprefix("partition 2") in told

    def test_a_users_damaged_one_beside_that_of_an_older_profile(self, tmp_path: Path) -> None:
        made = machine("elsewhere/older", machine_sid=ALICE.rpartition("-")[0])
        alice = made.add_user(ALICE, "alice", PASSWORD)
        older = user(ALICE, "alice.WEB01")
        made.put_capi("web", exchange=Slot(KEY), owner=alice)
        guid = made.keys[alice].guid
        home = f"{alice.protect_folder}/{guid}"
        made.write(f"{older.protect_folder}/{guid}", made.files[home].data or b"")
        made.change(home, lambda _: b"")
        (row,) = examine(disk(tmp_path, made), as_of=AS_OF, passwords={"alice": PASSWORD}).rows("key_chain")
        assert (row.verdict, row.recoverable) == ("unknown", True)
        assert row.master_key_copy == f"{older.protect_folder}/{guid}"


class TestSecretsThatDoNotFit:
    """What was given and does not open proves nothing: a user had other passwords, a domain other backup keys."""

    @pytest.fixture
    def source(self, tmp_path: Path) -> Path:
        made = machine("elsewhere/wrong", machine_sid=ALICE.rpartition("-")[0])
        alice = made.add_user(ALICE, "alice", PASSWORD)
        certificate = make_certificate("alice", KEY)
        link = capi_link("web", CAPI_ENHANCED, machine_keyset=False)
        made.put_certificate(certificate, link=link, owner=alice)
        made.put_capi("web", exchange=Slot(KEY), owner=alice)
        return disk(tmp_path, made)

    @pytest.mark.parametrize(
        "given",
        [
            {},
            {"passwords": {"alice": "wrong"}},
            {"passwords": {ALICE: ""}},
            {"nt_hashes": {"alice": "32ed87bdb5fdc5e9cba88547376818d4"}},
        ],
        ids=["nothing", "a wrong password", "an empty password", "a wrong hash"],
    )
    def test_it_stays_open(self, source: Path, given: dict[str, dict[str, str]]) -> None:
        row = of_web(examine(source, as_of=AS_OF, **given))  # type: ignore[arg-type]
        assert (row.verdict, row.private_key, row.recoverable) == ("unknown", "locked", None)

    def test_a_dead_link_and_a_wrong_password(self, tmp_path: Path) -> None:
        """Broken whatever the password is: it is still not known whether the key can be had."""
        made = machine("elsewhere/dead", machine_sid=ALICE.rpartition("-")[0])
        alice = made.add_user(ALICE, "alice", PASSWORD)
        made.put_certificate(make_certificate("alice", KEY), owner=alice)
        made.put_capi("web", exchange=Slot(KEY), owner=alice)
        source = disk(tmp_path, made)
        for given in ({}, {"alice": "wrong"}):
            row = of_web(examine(source, as_of=AS_OF, passwords=given))
            assert (row.verdict, row.broken_at, row.recoverable) == ("unusable", "claim", None)
        row = of_web(examine(source, as_of=AS_OF, passwords={"alice": PASSWORD}))
        assert (row.broken_at, row.recoverable) == ("claim", True)


class TestAnotherWindows:
    @pytest.fixture
    def case(self, tmp_path: Path) -> Case:
        return examine(disk(tmp_path, server("WEB01"), server("WEB02", with_key=True)), as_of=AS_OF)

    def test_its_name_stands_wherever_the_key_is_said_to_be_had(self, case: Case) -> None:
        row = of_web(case)
        assert (row.recoverable, row.recoverable_on) == (True, 2)
        assert row.recovery_place is not None
        assert row.recovery_place.startswith("WEB02 (installation 2, partition 2, Windows): C:\\ProgramData\\")
        assert "of WEB02" in row.reason
        for rule, text in findings(case).items():
            for claim in ("was found all the same", "can be recovered from", "can be had all the same"):
                assert claim not in text or "WEB02" in text, rule

    @pytest.mark.parametrize("form", ["text", "json", "html"])
    def test_every_form_of_the_report_names_it(self, case: Case, form: str) -> None:
        assert "WEB02 (installation 2, partition 2, Windows)" in str(render(case, form))

    def test_a_copy_locked_with_its_secrets_is_named(self, tmp_path: Path) -> None:
        other = machine("elsewhere/WEB03", computer_name="WEB03")
        other.write(f"{MACHINE.capi_folder}/{capi_file_name('web', other.suffix)}", key_file(other, master_key=FOREIGN))
        row = of_web(examine(disk(tmp_path, server("WEB01"), other), as_of=AS_OF))
        assert (row.recoverable, row.key_copy_needs) == (False, FOREIGN.guid)
        assert (row.key_copy or "").endswith(capi_file_name("web", other.suffix))
