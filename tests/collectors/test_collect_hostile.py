"""Hostile disks: whatever readers throw becomes a problem, and the rest is still collected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import BinaryIO

import pytest

from forensics.collectors.acl_summary import summarize_acl
from forensics.collectors.certificate_stores import collect_elements
from forensics.collectors.collect import collect
from forensics.collectors.evidence import CertificateEvidence
from forensics.collectors.guard import guard
from forensics.collectors.key_files import collect_key_files
from forensics.collectors.key_folders import collect_key_folders
from forensics.collectors.master_keys import collect_master_keys
from forensics.collectors.profiles import collect_profiles
from forensics.disk.tree import Entry, Tree
from forensics.formats.acl import Ace, SecurityDescriptor
from forensics.formats.errors import FormatError
from forensics.formats.key_prov_info import KeyProvInfo
from forensics.registry.hive import Hive, Key, Value
from forensics.tables.certificate import CertificateRow
from forensics.tables.outcome import PRESENT, Outcome
from testdata.builder.certs import make_certificate, store_element
from testdata.builder.dpapi import make_master_key
from testdata.builder.keys import rsa_key
from tests.collectors.virtual import (
    CONFIG,
    MACHINE_GUID,
    MACHINE_KEYS,
    PROTECT,
    USER_SID,
    add_profile,
    installation,
    problems,
    software_hive,
    system_hive,
)
from tests.memory_tree import MemoryTree


class BadKey:
    """A key that lists itself as its own sub-key for ever and whose values cannot be read."""

    name = "loop"
    path = "loop"
    timestamp: datetime | None = None
    class_name: str | None = None

    def subkeys(self) -> Iterator[Key]:
        while True:
            yield self

    def subkeys_beginning(self, start: str) -> Iterator[Key]:
        return self.subkeys()

    def subkey(self, path: str) -> Key | None:
        return self

    def values(self) -> Iterator[Value]:
        raise RecursionError

    def value(self, name: str) -> Value | None:
        raise ZeroDivisionError("secret text")


class BadHive:
    """A hive whose every key is a BadKey."""

    state = "clean"

    def __init__(self, source_path: str) -> None:
        self.source_path = source_path

    def key(self, path: str) -> Key | None:
        return BadKey()

    def covers(self, path: str) -> bool:
        return True

    def covers_values(self, path: str) -> bool:
        return True

    def lose_value(self, path: str) -> None: ...

    def lost_places(self) -> Iterator[tuple[str, str]]:
        return iter(())


def test_hives_that_never_end_and_always_throw(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.collectors.certificate_stores.MAX_ELEMENTS", 50)
    monkeypatch.setattr("forensics.collectors.registry_view.RegistryView.subkeys.__defaults__", (50,))
    key = make_master_key("hostile", "S-1-5-18", bytes(20), rounds=1)
    examined = installation({f"{PROTECT}/{key.guid}": key.file})
    examined.open_hive = lambda tree, path, report: BadHive(path)
    evidence = collect(examined)
    assert [m.row.outcome for m in evidence.master_keys] == ["present"]
    assert evidence.certificates == []
    kinds = {kind for _, kind in problems(examined)}
    assert kinds == {"no_value", "too_many", "unexpected"}
    assert not any("secret text" in p.message for p in examined.problems)


class ThrowingTree(MemoryTree):
    """A tree whose library fails in its own way on one file."""

    def open(self, file: Entry | str) -> BinaryIO:
        path = file if isinstance(file, str) else file.path
        if path.endswith(MACHINE_GUID):
            raise OSError(5, "Input/output error")
        return super().open(file)

    def security_descriptor(self, item: Entry | str) -> bytes | None:
        raise KeyError(0)


def test_a_tree_that_throws_something_else() -> None:
    key = make_master_key("hostile", "S-1-5-18", bytes(20), rounds=1)
    bad = f"{MACHINE_KEYS}/f686aace6942fb7f7ceb231212eef4a4_{MACHINE_GUID}"
    examined = installation({})
    examined.tree = ThrowingTree({bad: b"x", f"{PROTECT}/{key.guid}": key.file})
    evidence = collect(examined)
    assert [m.row.outcome for m in evidence.master_keys] == ["present"]
    assert [(f.row.path, f.row.outcome) for f in evidence.key_files] == [(bad, "not_examined")]
    assert (bad, "unexpected") in problems(examined)


class UnlistableTree(MemoryTree):
    """A tree whose library fails in its own way on every folder but one."""

    def entries(self, folder: Entry | str) -> Sequence[Entry]:
        path = folder if isinstance(folder, str) else folder.path
        if path.lower() != PROTECT.lower():
            raise ValueError("bad index")
        return super().entries(folder)


def test_folders_and_hives_whose_reader_throws_something_else() -> None:
    key = make_master_key("hostile", "S-1-5-18", bytes(20), rounds=1)
    examined = installation({})
    examined.tree = UnlistableTree({f"{PROTECT}/{key.guid}": key.file, f"{MACHINE_KEYS}/x": b"", f"{CONFIG}/SAM": b""})

    def broken(tree: Tree, path: str, report: object) -> Hive:
        raise ArithmeticError

    examined.open_hive = broken
    evidence = collect(examined)
    assert [m.row.outcome for m in evidence.master_keys] == ["present"]
    assert {f.outcome.state for f in evidence.key_folders if f.path == MACHINE_KEYS} == {"not_examined"}
    assert [s.outcome for s in evidence.secrets] == ["unreadable", "unreadable"]
    assert {kind for _, kind in problems(examined)} == {"unexpected"}


def test_profile_paths_that_lead_nowhere() -> None:
    software = software_hive()
    paths = [
        "",
        "\\\\server\\share\\alice",
        "C:",
        "C:\\..\\..\\etc",
        "%SystemRoot%",
        "relative",
        "\0",
        "Q:\\" + "a" * 5000,
    ]
    for number, path in enumerate(paths):
        add_profile(software, f"S-1-5-21-1-2-3-{number}", path)
    add_profile(software, "not a SID", "C:\\Users\\x")
    add_profile(software, USER_SID, "C:\\Users\\alice")
    examined = installation({"Users/alice/x": b""}, {"SOFTWARE": software})
    found = {p.sid: p for p in collect_profiles(examined)}
    assert found[USER_SID].outcome.state == "present"
    assert "not a SID" not in found
    for path in (p.path for p in found.values() if p.outcome.state == "present"):
        assert ".." not in path
    collect(examined)


def test_many_key_files_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.collectors.key_files.MAX_FILES", 3)
    files: dict[str, bytes | None] = {f"{MACHINE_KEYS}/{n:032x}_{MACHINE_GUID}": b"" for n in range(5)}
    examined = installation(files)
    found = collect_key_files(examined, collect_key_folders(examined, collect_profiles(examined)), None).found
    assert len(found) == 3
    assert (MACHINE_KEYS, "too_many") in problems(examined)


def test_files_that_certificates_name_are_read_first_and_names_alone_prove_absence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("forensics.collectors.key_files.MAX_FILES", 4)
    cng = "ProgramData/Microsoft/Crypto/Keys"
    files: dict[str, bytes | None] = {f"{MACHINE_KEYS}/{n:032x}_{MACHINE_GUID}": b"" for n in range(9)}
    files[f"{cng}/{'c' * 32}_{MACHINE_GUID}"] = b""
    named = f"{MACHINE_KEYS}/{'f' * 32}_{MACHINE_GUID}"
    files[named] = b""
    examined = installation(files)
    folders = collect_key_folders(examined, collect_profiles(examined))
    link = KeyProvInfo(f"{'f' * 32}_{MACHINE_GUID}", "", 1, 0x20, 1)
    row = CertificateRow(machine_id=1, source_path="c", thumbprint="AA", store="MY", store_scope="machine")
    found = collect_key_files(examined, folders, None, [CertificateEvidence(row, link)]).found
    assert [f.row.path for f in found] == [
        named,
        f"{MACHINE_KEYS}/{0:032x}_{MACHINE_GUID}",
        f"{cng}/{'c' * 32}_{MACHINE_GUID}",
        f"{MACHINE_KEYS}/{1:032x}_{MACHINE_GUID}",
    ]
    assert {f.path: (f.outcome.state, f.contents.state) for f in folders if f.path in (MACHINE_KEYS, cng)} == {
        MACHINE_KEYS: ("present", "partial"),
        cng: ("present", "present"),
    }


def test_bytes_of_key_files_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.collectors.key_files.MAX_TOTAL_SIZE", 2_500)
    monkeypatch.setattr("forensics.collectors.key_files.MAX_FILE_SIZE", 1_000)
    files: dict[str, bytes | None] = {f"{MACHINE_KEYS}/{n:032x}_{MACHINE_GUID}": bytes(5_000) for n in range(5)}
    examined = installation(files)
    found = collect_key_files(examined, collect_key_folders(examined, collect_profiles(examined)), None).found
    assert [f.row.outcome for f in found] == ["not_examined"] * 2
    assert [kind for _, kind in problems(examined)] == ["too_large", "too_large", "too_many"]


def test_many_master_keys_are_bounded_and_the_others_not_called_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.collectors.master_keys.MAX_FILES", 2)
    keys = [make_master_key(f"many{n}", "S-1-5-18", bytes(20), rounds=1) for n in range(4)]
    files: dict[str, bytes | None] = {
        f"{PROTECT}/{key.guid}": key.file for key in sorted(keys, key=lambda key: key.guid)
    }
    examined = installation(files)
    guids = sorted(key.guid for key in keys)
    found = collect_master_keys(examined, collect_profiles(examined), {guids[3], guids[1]})
    # What key files name was read, and names tell that nothing else of it is there.
    assert [m.row.guid for m in found.found] == [guids[1], guids[3]]
    assert found.folders["S-1-5-18", "machine"] == PRESENT
    assert problems(examined) == [(PROTECT, "too_many")]
    found = collect_master_keys(installation(files), collect_profiles(examined), set(guids))
    assert found.folders["S-1-5-18", "machine"] == Outcome("partial", "only 2 of 4 master keys were read")


def test_bytes_of_certificates_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    software = software_hive()
    for number in range(6):
        store = f"Microsoft\\Cryptography\\Services\\S{number}\\SystemCertificates\\MY"
        key = software.key(f"{store}\\Certificates\\{number:040X}")
        key.binary("Blob", bytes(1_000))
    monkeypatch.setattr("forensics.collectors.certificate_stores.MAX_TOTAL_SIZE", 4_500)
    examined = installation({}, {"SOFTWARE": software})
    assert len(list(collect_elements(examined, collect_profiles(examined)))) == 4
    assert [kind for _, kind in problems(examined)] == ["too_many"]


def test_collect_finds_everything_on_a_sound_disk() -> None:
    software, system = software_hive(), system_hive()
    certificate = make_certificate("a.example", rsa_key("2048-01"))
    thumbprint = certificate.thumbprint.upper()
    software.key(f"Microsoft\\SystemCertificates\\Remote Desktop\\Certificates\\{thumbprint}").binary(
        "Blob", store_element(certificate)
    )
    system.key("ControlSet002\\Services\\KeyIso").dword("Start", 3)
    examined = installation(
        {f"{MACHINE_KEYS}/{'0' * 32}_{MACHINE_GUID}": b""}, {"SYSTEM": system, "SOFTWARE": software}
    )
    evidence = collect(examined)
    assert evidence.machine.machine_guid == MACHINE_GUID
    assert [s.name for s in evidence.services] == ["KeyIso"]
    assert evidence.rdp_thumbprints == {thumbprint}
    assert [f.row.guid_is_current for f in evidence.key_files] == [True]
    assert {c.name: c.outcome for c in examined.coverage if c.area == "hive"} == {
        "SYSTEM": "present",
        "SOFTWARE": "present",
        "SECURITY": "absent",
        "SAM": "absent",
        "DEFAULT": "absent",
        "NTUSER.DAT of S-1-5-19": "absent",
        "NTUSER.DAT of S-1-5-20": "absent",
    }
    assert [s.outcome for s in evidence.secrets] == ["absent", "absent"]


def test_guard_keeps_kind_and_offset_and_lets_interrupts_through() -> None:
    examined = installation({"Windows/x": b""})
    with guard(examined, "a"):
        raise FormatError("bad_magic", 7, "no")
    with guard(examined, "b"):
        int("no number")
    assert [(p.source_path, p.kind, p.offset) for p in examined.problems] == [
        ("a", "bad_magic", 7),
        ("b", "unexpected", None),
    ]
    with pytest.raises(KeyboardInterrupt), guard(examined, "c"):
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("security", "summary"),
    [
        (SecurityDescriptor("S-1-5-18", None, null_dacl=True), "NULL"),
        (SecurityDescriptor("S-1-5-18", None, null_dacl=False), "NULL"),
        (SecurityDescriptor("S-1-5-18", (), null_dacl=False), "EMPTY"),
        (
            SecurityDescriptor(
                None,
                (
                    Ace(1, 0, 0x1F01FF, "S-1-5-7"),
                    Ace(0, 0, 0x1F01FF, "S-1-5-18"),
                    Ace(0, 0x0B, 0x10000000, "S-1-3-0"),
                    Ace(0, 0, 0x80000000, "S-1-1-0"),
                    Ace(0, 0, 0x1200A9, "S-1-5-32-545"),
                    Ace(0, 0, 0x100080, "S-1-5-20"),
                    Ace(17, 0, 1, "S-1-16-12288"),
                ),
                null_dacl=False,
            ),
            "-S-1-5-7:F,S-1-5-18:F,S-1-3-0:F(IO),S-1-1-0:R,S-1-5-32-545:RX,S-1-5-20:0x100080,type17=S-1-16-12288:0x1",
        ),
    ],
    ids=["NULL", "no DACL", "empty", "entries in order"],
)
def test_acl_summary(security: SecurityDescriptor, summary: str) -> None:
    assert summarize_acl(security) == summary
