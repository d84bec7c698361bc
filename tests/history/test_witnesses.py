"""What each witness of the past says of the keys of one forged server, and what follows from all of them."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

import forensics
from forensics.cli.main import cli
from forensics.disk.ntfs.traces import FileTraces, Trace
from forensics.disk.ntfs.tree import NtfsTree
from forensics.disk.shadow_copy import ShadowCopy
from forensics.disk.tree import NotObtained, Tree, WantedNames
from forensics.tables.key_chain import KeyChainRow
from testdata.builder import acl
from testdata.builder.capi import Slot
from testdata.builder.certs import CAPI_ENHANCED, make_certificate
from testdata.builder.change_journal import Change, creation, deletion, renaming
from testdata.builder.disk import Volume, build_disk
from testdata.builder.files import FileSpec
from testdata.builder.keys import rsa_key
from testdata.builder.machine import ForgedMachine, capi_link, machine
from testdata.builder.names import capi_file_name
from testdata.builder.ntfs import NtfsExtras, build_ntfs, unavailable
from tests.memory_tree import MemoryTree

pytestmark = pytest.mark.skipif(unavailable() is not None, reason="needs mkntfs (Debian package ntfs-3g)")

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
KEYS = "ProgramData/Microsoft/Crypto/RSA/MachineKeys"
LAST_CHANGED = datetime(2026, 6, 1, 4, 5, 6, tzinfo=UTC)
REPLACED = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)
IMPORTED = datetime(2026, 10, 1, 12, 0, tzinfo=UTC)
FIRST_COPY, SECOND_COPY = datetime(2026, 11, 3, 2, 0, tzinfo=UTC), datetime(2026, 11, 10, 2, 0, tzinfo=UTC)


WEB = "web33"
"""A container whose key file comes last by name: remains of it stand behind the end of an index."""


class Server:
    """A server whose key ``web`` is gone and whose key ``made`` was made anew; ``sound`` is well."""

    def __init__(self) -> None:
        self.machine: ForgedMachine = machine("witnesses", computer_name="WEB01")
        for number, name in enumerate(("sound", "web", "made"), 1):
            certificate = make_certificate(f"{name}.contoso.test", rsa_key(f"2048-0{number}"))
            self.machine.put_certificate(certificate, link=capi_link(WEB if name == "web" else name, CAPI_ENHANCED))
            if name != "web":
                other = rsa_key("2048-05") if name == "made" else certificate.key
                self.machine.put_capi(name, exchange=Slot(other))  # type: ignore[arg-type]

    def file(self, container: str) -> str:
        return f"{KEYS}/{capi_file_name(WEB if container == 'web' else container, self.machine.facts.machine_guid)}"

    def disk(
        self,
        folder: Path,
        *,
        changes: Sequence[Change] = (),
        deleted: Sequence[str] = (),
        more: Sequence[FileSpec] = (),
        named: Mapping[str, datetime] | None = None,
    ) -> Path:
        gone = [FileSpec(path, b"k" * 1000, created=LAST_CHANGED, modified=LAST_CHANGED) for path in deleted]
        made = self.file("made")
        files = [
            FileSpec(f.path, f.data, f.sd, REPLACED, REPLACED) if f.path == made else f for f in self.machine.volume()
        ]
        extras = NtfsExtras(changes=changes, deleted=gone, named=named or {})
        build_ntfs([*files, *more], folder / "c.ntfs", 32 << 20, default_sd=acl.DEFAULT_SD, extras=extras)
        build_disk([Volume(folder / "c.ntfs")], folder / "disk.raw", seed="witnesses")
        return folder / "disk.raw"


def examined(source: Path, history: bool = False) -> forensics.Case:
    return forensics.examine(source, as_of=AS_OF, history=history)


def chain_of(case: forensics.Case, name: str) -> KeyChainRow:
    found: list[KeyChainRow] = [r for r in case.rows("key_chain") if r.subject == f"CN={name}.contoso.test"]
    (row,) = found
    return row


def told(case: forensics.Case) -> list[tuple[str, str, str, str, str | None]]:
    """Return container, event, time and witness of each row."""
    return [
        (row.happened, row.at.isoformat()[:19] if row.at else "", row.witness, row.certainty, row.folder)
        for row in case.rows("key_history")
    ]


@pytest.fixture(scope="module")
def server() -> Server:
    return Server()


def test_a_deleted_record_says_that_the_file_was_there_and_not_when_it_went(server: Server, tmp_path: Path) -> None:
    case = examined(server.disk(tmp_path, deleted=[server.file("web")]))
    assert told(case) == [
        ("existed", "2026-06-01T04:05:06", "deleted_record", "proved", KEYS),
        ("existed", "2026-06-01T04:05:06", "index_slack", "proved", KEYS),
    ]
    web = chain_of(case, "web")
    assert (web.lost_at, web.lost_by, web.lost_after, web.lost_after_witness, web.lost_before) == (
        None,
        None,
        LAST_CHANGED,
        "deleted_record",
        None,
    )
    text = forensics.explain(case, "web.contoso").render()
    assert (
        f"in short: {server.file('web').rpartition('/')[2]} existed at 2026-06-01 04:05:06 UTC (deleted file record), "
        "and no witness tells when it went"
    ) in text
    # Two witnesses of one thing are one line.
    assert "was there (deleted file record and remains of the folder's index)" in text
    (finding,) = (f for f in case.finding_list if f.rule == "key-file-missing")
    said = " ".join(block.text for block in finding.because)
    assert "the file that it needs existed at 2026-06-01 04:05:06 UTC (deleted file record), and no witness" in said


def test_remains_in_its_folder_prove_that_a_file_was_there(server: Server, tmp_path: Path) -> None:
    disk = server.disk(tmp_path, deleted=[server.file("web")])
    # Its record is another file's by now: only the remains in the folder name it.
    data = bytearray(disk.read_bytes())
    name = server.file("web").rpartition("/")[2].encode("utf-16-le")
    for at in range(0, len(data), 1024):
        if data[at : at + 4] == b"FILE" and name in data[at : at + 1024] and not data[at + 22] & 1:
            data[at : at + 4] = b"BAAD"
    disk.write_bytes(data)
    case = examined(disk)
    assert [t for t in told(case) if t[2] == "index_slack"] == [
        ("existed", "2026-06-01T04:05:06", "index_slack", "proved", KEYS)
    ]
    assert chain_of(case, "web").lost_after_witness == "index_slack"
    assert {row.file_name for row in case.rows("key_history")} == {server.file("web").rpartition("/")[2]}


def test_a_file_that_took_the_name_bounds_when_the_right_one_went(server: Server, tmp_path: Path) -> None:
    made = chain_of(examined(server.disk(tmp_path)), "made")
    assert (made.lost_at, made.lost_before, made.lost_before_witness) == (None, REPLACED, "file_times")


def test_a_restored_file_tells_when_it_was_put_there(server: Server, tmp_path: Path) -> None:
    case = examined(server.disk(tmp_path, named={server.file("made"): IMPORTED}))
    assert told(case) == [("put_there", "2026-10-01T12:00:00", "file_times", "likely", KEYS)]
    assert chain_of(case, "made").lost_before == IMPORTED
    text = forensics.explain(case, "made.contoso").render()
    assert "was written to this volume, with an older date of its own (likely, by the times of the file)" in text


def test_the_file_that_was_replaced_is_the_one_that_went_before(server: Server, tmp_path: Path) -> None:
    made, went = server.file("made"), REPLACED - timedelta(minutes=1)
    case = examined(server.disk(tmp_path, changes=[*deletion(went, made, 70), *creation(REPLACED, made, 71)]))
    row = chain_of(case, "made")
    assert (row.lost_at, row.lost_by, row.lost_before) == (went, "deleted", None)
    (finding,) = (f for f in case.finding_list if f.rule == "key-recreated")
    said = " ".join(block.text for block in finding.because)
    assert "the file that it needs was deleted at 2026-09-01 11:59:00 UTC (change journal)" in said


def test_a_file_that_somebody_moved_away_was_lost_then(server: Server, tmp_path: Path) -> None:
    web, away, moved = server.file("web"), "Backup/web", datetime(2026, 11, 7, tzinfo=UTC)
    changes = renaming(moved, web, away, 70)
    case = examined(server.disk(tmp_path, changes=changes, more=[FileSpec("Backup/other", b"x")]))
    (row,) = (r for r in case.rows("key_history") if r.witness == "change_journal")
    assert (row.happened, row.folder, row.other_folder, row.other_name) == ("moved", KEYS, "Backup", "web")
    assert chain_of(case, "web").lost_by == "moved"


def test_one_that_got_its_name_came_by_that(server: Server, tmp_path: Path) -> None:
    """It was restored under another name, got its own, and was deleted again: only the last deletion counts."""
    web, restored = server.file("web"), datetime(2026, 11, 7, tzinfo=UTC)
    went = restored + timedelta(hours=1)
    changes = [
        *deletion(restored - timedelta(days=1), web, 70),
        *renaming(restored, f"{KEYS}/restored", web, 71),
        *deletion(went, web, 71),
    ]
    case = examined(server.disk(tmp_path, changes=changes))
    assert [(r.happened, r.other_name) for r in case.rows("key_history")] == [
        ("deleted", None),
        ("named", None),
        ("deleted", None),
    ]
    assert chain_of(case, "web").lost_at == went


def test_keys_behind_a_junction_keep_the_name_of_their_folder(server: Server, tmp_path: Path) -> None:
    went = datetime(2026, 11, 7, tzinfo=UTC)
    web = server.file("web").replace(KEYS, "Keys")
    files = [replace(f, path=f.path.replace(KEYS, "Keys")) for f in server.machine.volume()]
    extras = NtfsExtras(
        junctions={KEYS: "C:\\Keys"},
        changes=deletion(went, web, 70),
        deleted=[FileSpec(web, b"k", created=LAST_CHANGED, modified=LAST_CHANGED)],
    )
    build_ntfs(files, tmp_path / "c.ntfs", 32 << 20, default_sd=acl.DEFAULT_SD, extras=extras)
    build_disk([Volume(tmp_path / "c.ntfs")], tmp_path / "disk.raw", seed="witnesses")
    case = examined(tmp_path / "disk.raw")
    assert {(r.witness, r.folder) for r in case.rows("key_history") if r.witness != "index_slack"} == {
        ("change_journal", KEYS),
        ("deleted_record", KEYS),
    }
    web_chain = chain_of(case, "web")
    assert (web_chain.lost_at, web_chain.lost_folder) == (went, KEYS)


def test_a_clock_that_was_set_back_is_told(server: Server, tmp_path: Path) -> None:
    web, later = server.file("web"), datetime(2026, 11, 7, tzinfo=UTC)
    went = datetime(2026, 10, 1, tzinfo=UTC)
    case = examined(server.disk(tmp_path, changes=[*creation(later, web, 70), *deletion(went, web, 70)]))
    row = chain_of(case, "web")
    assert (row.lost_at, row.lost_doubt) == (
        went,
        "the journal has it behind a change of 2026-11-07 00:00:00 UTC: the clock of the computer was set between the "
        "two",
    )


def test_a_record_that_is_younger_than_the_deletion_contradicts_it(server: Server, tmp_path: Path) -> None:
    web, went = server.file("web"), LAST_CHANGED - timedelta(days=9)
    case = examined(server.disk(tmp_path, changes=deletion(went, web, 70), deleted=[web]))
    row = chain_of(case, "web")
    assert row.lost_at == went
    assert row.lost_doubt == (
        "the deleted file record shows a file of that name at 2026-06-01 04:05:06 UTC, which is later: the clock of "
        "the computer was set between the two, or the file came back and went once more unseen"
    )


def with_copies(monkeypatch: pytest.MonkeyPatch, copies: Mapping[datetime, Tree | None]) -> None:
    """Let every NTFS volume have shadow copies, by the time of each; None for one that cannot be opened."""

    def opened(tree: Tree | None) -> Tree:
        if tree is None:
            raise NotObtained("libvshadow is not installed")
        return tree

    found = [
        ShadowCopy(f"{n:08x}-0000-4000-8000-000000000000", at, lambda tree=tree: opened(tree))  # type: ignore[misc]
        for n, (at, tree) in enumerate(copies.items(), 1)
    ]
    monkeypatch.setattr(
        NtfsTree,
        "shadow_copies",
        lambda tree: sorted(found, key=lambda c: c.created or AS_OF, reverse=True),
        raising=False,
    )


def copy_with(*paths: str) -> MemoryTree:
    return MemoryTree({**dict.fromkeys(paths, b"k"), f"{KEYS}/": None})


def test_a_file_went_between_the_last_copy_that_has_it_and_the_first_that_has_not(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web, day = server.file("web"), timedelta(days=1)
    with_copies(
        monkeypatch,
        {
            FIRST_COPY - day: copy_with(web),
            FIRST_COPY: copy_with(web),
            SECOND_COPY: copy_with(),
            SECOND_COPY + day: copy_with(),
        },
    )
    case = examined(server.disk(tmp_path))
    rows = [r for r in case.rows("key_history") if r.file_name == web.rpartition("/")[2]]
    assert [(r.happened, r.at, r.since, r.witness) for r in rows] == [
        ("existed", FIRST_COPY, FIRST_COPY - day, "shadow_copy"),
        ("not_there", SECOND_COPY, FIRST_COPY, "shadow_copy"),
    ]
    assert rows[0].source_path == f"{web} (shadow copy 00000002-0000-4000-8000-000000000000 of 2026-11-03T02:00:00Z)"
    chain = chain_of(case, "web")
    assert (chain.lost_at, chain.lost_after, chain.lost_before, chain.lost_before_witness) == (
        None,
        FIRST_COPY,
        SECOND_COPY,
        "shadow_copy",
    )
    assert (
        "the file that it needs existed at 2026-11-03 02:00:00 UTC (shadow copy), and was gone at 2026-11-10 02:00:00 "
        "UTC (shadow copy)."
    ) in forensics.render(case, "text")
    page = forensics.render(case, "html").replace("<wbr>", "")
    assert "was not there any more; at 2026-11-03 02:00:00 UTC it was (shadow copy)" in page
    assert {r.outcome for r in case.rows("coverage") if r.name == "shadow copies"} <= {"present"}


def test_a_file_that_no_copy_has_is_told_by_its_container(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_copies(monkeypatch, {FIRST_COPY: copy_with()})
    case = examined(server.disk(tmp_path))
    assert chain_of(case, "web").lost_before == FIRST_COPY
    text = forensics.explain(case, "web.contoso").render()
    assert "  - in short: its file was gone at 2026-11-03 02:00:00 UTC (shadow copy)\n" in text
    assert "  - 2026-11-03 02:00:00 UTC: no key file of its container was there (shadow copy)\n" in text


def test_journal_and_copies_make_one_sentence(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    web, went = server.file("web"), datetime(2026, 11, 7, 9, 14, 22, tzinfo=UTC)
    with_copies(monkeypatch, {FIRST_COPY: copy_with(web)})
    others = [
        change for n in range(5) for change in deletion(went + timedelta(seconds=n / 2), f"{KEYS}/other{n}", 100 + n)
    ]
    case = examined(server.disk(tmp_path, changes=[*deletion(went, web, 70), *others]))
    assert (
        f"in short: {web.rpartition('/')[2]} existed at 2026-11-03 02:00:00 UTC (shadow copy), and was deleted at "
        "2026-11-07 09:14:22 UTC (change journal), together with 5 other files of MachineKeys within 2 seconds\n"
    ) in forensics.explain(case, "web.contoso").render()


def test_a_copy_that_cannot_be_opened_is_told_and_denies_nothing(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_copies(monkeypatch, {FIRST_COPY: None, SECOND_COPY: MemoryTree({f"{KEYS}/": None}, unreadable=[KEYS])})
    case = examined(server.disk(tmp_path))
    assert told(case) == []
    assert chain_of(case, "web").lost_before is None
    assert {r.outcome for r in case.rows("coverage") if r.name == "shadow copies"} == {"partial"}


def test_a_windows_that_setup_moved_aside_still_has_the_file(server: Server, tmp_path: Path) -> None:
    old = f"Windows.old/{server.file('web')}"
    case = examined(server.disk(tmp_path, more=[FileSpec(old, b"k", created=LAST_CHANGED, modified=LAST_CHANGED)]))
    assert ("existed", "2026-06-01T04:05:06", "former_windows", "proved", f"Windows.old/{KEYS}") in told(case)
    assert chain_of(case, "web").lost_after_witness == "former_windows"


def test_history_of_keys_that_work_is_told_when_asked(server: Server, tmp_path: Path) -> None:
    sound, made = server.file("sound"), datetime(2026, 11, 1, tzinfo=UTC)
    disk = server.disk(tmp_path, changes=creation(made, sound, 70))
    name = sound.rpartition("/")[2]
    assert not [r for r in examined(disk).rows("key_history") if r.file_name == name]
    case = examined(disk, history=True)
    assert [r.happened for r in case.rows("key_history") if r.file_name == name] == ["created"]
    assert f"  - key file {name} was created (change journal) at 2026-11-01 00:00:00 UTC\n" in forensics.render(case)
    assert chain_of(case, "sound").lost_after is None
    assert f"key file {name} was created (change journal)" in forensics.explain(case, "sound.contoso").render()


def test_a_dirty_volume_whose_log_is_not_read_says_so(server: Server, tmp_path: Path) -> None:
    disk = server.disk(tmp_path)
    assert not [r for r in examined(disk).rows("coverage") if r.name == "$LogFile"]
    data = bytearray(disk.read_bytes())
    name = "$Volume".encode("utf-16-le")
    for at in range(0, len(data), 1024):
        record = data[at : at + 1024]
        if record[:4] == b"FILE" and name in record:
            place = at + int.from_bytes(record[20:22], "little")
            while int.from_bytes(data[place : place + 4], "little") != 0x70:
                place += int.from_bytes(data[place + 4 : place + 8], "little")
            data[place + int.from_bytes(data[place + 20 : place + 22], "little") + 10] |= 1
    disk.write_bytes(data)
    (row,) = (r for r in examined(disk).rows("coverage") if r.name == "$LogFile")
    assert (row.area, row.outcome) == ("volume", "not_examined")
    assert row.detail == (
        "the volume is marked dirty: the last changes of its files may stand in its $LogFile alone, which is not read"
    )


def test_a_collected_journal_finds_its_folders_in_a_collected_mft(server: Server, tmp_path: Path) -> None:
    web, went = server.file("web"), datetime(2026, 11, 7, tzinfo=UTC)
    disk = server.disk(
        tmp_path,
        changes=[*deletion(went, web, 70), *deletion(went, f"Backup/{web[-69:]}", 71)],
        more=[FileSpec("Backup/other", b"x")],
    )
    from forensics.sources.open import open_source

    with open_source(disk) as source, zipfile.ZipFile(tmp_path / "triage.zip", "w") as out:
        tree = source.installations[0].own_tree
        assert isinstance(tree, NtfsTree)
        for path in (f.path for f in server.machine.volume() if f.data is not None):
            out.writestr(f"C/{path}", tree.open(path).read())
        mft = tree.volume._mft
        mft.seek(0)
        out.writestr("C/$MFT", mft.read())
        journal = tree.change_journal()
        assert journal is not None
        journal._stream.seek(1 << 20)
        out.writestr("C/$Extend/$J", journal._stream.read())
    case = examined(tmp_path / "triage.zip")
    assert [(r.happened, r.folder) for r in case.rows("key_history")] == [
        ("deleted", f"C/{KEYS}"),
        ("deleted", "C/Backup"),
    ]
    assert chain_of(case, "web").lost_at == went


def test_compare_names_the_date_by_the_history_of_either_disk(server: Server, tmp_path: Path) -> None:
    web, went = server.file("web"), datetime(2026, 11, 7, 9, 14, 22, tzinfo=UTC)
    (tmp_path / "dead").mkdir()
    (tmp_path / "alive").mkdir()
    (tmp_path / "later").mkdir()
    dead = server.disk(tmp_path / "dead", changes=deletion(went, web, 70))
    whole = Server()
    key = rsa_key("2048-02")
    whole.machine.put_capi(WEB, exchange=Slot(key))
    alive = examined(whole.disk(tmp_path / "alive"))
    [machine_row] = forensics.compare(alive, examined(dead)).machines
    (died,) = (key for key in machine_row.keys if key.fate == "died")
    assert died.lost == "the file that it needs was deleted at 2026-11-07 09:14:22 UTC (change journal)"
    text = forensics.compare(alive, examined(dead)).render()
    assert "the file that it needs was deleted at 2026-11-07 09:14:22 UTC (change journal)" in text
    # The disk on which it is dead has no journal; the later one, where it is back, still tells of the loss.
    back = [*deletion(went, web, 70), *creation(went + timedelta(days=1), web, 71)]
    later = examined(whole.disk(tmp_path / "later", changes=back), history=True)
    (tmp_path / "silent").mkdir()
    silent = examined(server.disk(tmp_path / "silent"))
    [machine_row] = forensics.compare(silent, later).machines
    (revived,) = (key for key in machine_row.keys if key.fate == "revived")
    name = web.rpartition("/")[2]
    assert revived.lost == (
        f"at 2026-11-07 09:14:22 UTC key file {name} was deleted (change journal), as the later disk has it"
    )


def test_the_command_asks_for_the_history_of_all_keys(server: Server, tmp_path: Path) -> None:
    disk = server.disk(tmp_path, changes=creation(datetime(2026, 11, 1, tzinfo=UTC), server.file("sound"), 70))
    told = [
        CliRunner().invoke(cli, ["examine", str(disk), "--only", "history", "--as-of", "2026-11-22", *more]).output
        for more in ([], ["--history"])
    ]
    assert told[0] == "There is nothing to tell of history.\n"
    assert told[1].startswith("HISTORY of the files of keys that are not broken, as witnesses of the past tell it\n")


def test_a_key_in_the_other_slot_was_not_replaced(tmp_path: Path) -> None:
    """Its public half differs from what the certificate names, and the file is the right one."""
    server = Server()
    certificate = make_certificate("slot.contoso.test", rsa_key("2048-06"))
    server.machine.put_certificate(certificate, link=capi_link("slot", CAPI_ENHANCED))
    server.machine.put_capi("slot", exchange=Slot(rsa_key("2048-07")), signature=Slot(rsa_key("2048-06")))
    slot = chain_of(examined(server.disk(tmp_path)), "slot")
    assert (slot.verdict, slot.public_key, slot.lost_before) == ("unusable", "mismatch", None)


def test_what_of_the_traces_was_not_searched_is_told(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FileTraces, "deleted", lambda traces, wanted: iter([None]))
    monkeypatch.setattr(FileTraces, "in_index", lambda traces, folder, wanted: iter([None]))
    case = examined(server.disk(tmp_path))
    names = ("deleted file records", "remains of names in folders")
    told_of = [(r.name, r.outcome, r.detail) for r in case.rows("coverage") if r.name in names]
    assert told_of == [(name, "partial", "not all of them were searched") for name in names]


def test_a_witness_that_fails_silences_no_other(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(traces: FileTraces, wanted: WantedNames) -> Iterator[Trace | None]:
        raise ZeroDivisionError

    monkeypatch.setattr(FileTraces, "deleted", failing)
    went = datetime(2026, 11, 7, tzinfo=UTC)
    case = examined(server.disk(tmp_path, changes=deletion(went, server.file("web"), 70)))
    assert chain_of(case, "web").lost_at == went
    assert ("$MFT", "reading failed with ZeroDivisionError") in {
        (r.source_path, r.message) for r in case.rows("problem")
    }
