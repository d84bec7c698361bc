"""What became of the files that keys need, asked of the witnesses that a source has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from forensics.collectors.events import LOG_FOLDER
from forensics.collectors.guard import guard
from forensics.collectors.shadow_copies import FOLDER
from forensics.disk.ntfs.journal import ChangeJournal
from forensics.disk.tree import KeepsShadowCopies, KeepsTraces, Unreadable
from forensics.history.audit_log import audit_rows
from forensics.history.change_journal import journal_rows
from forensics.history.journal_source import JOURNAL, journal_source
from forensics.history.loss import Replaced, with_loss
from forensics.history.needed_files import MAX_NEEDED, NeededFiles, needed_files
from forensics.history.places import FolderOf, Places, is_of_keys, places_of
from forensics.history.shadow_copies import copy_rows
from forensics.history.traces import deleted_rows, put_there_rows, slack_rows
from forensics.history.windows_old import former_rows
from forensics.language import said_by, sentence
from forensics.sources.installation import outcome_of
from forensics.tables.history import KeyHistoryRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.outcome import ABSENT, NOT_COLLECTED, Outcome
from forensics.tables.timestamps import told_time

if TYPE_CHECKING:
    from forensics.collectors.evidence import Evidence

_JOURNAL_IN_COVERAGE = "change journal"
_NOT_REPLAYED = sentence(
    "the volume is marked dirty: the last changes of its files may stand in its $LogFile alone, which is not read"
)


def key_history(
    evidence: Evidence, chains: Sequence[KeyChainRow], everything: bool = False
) -> tuple[list[KeyHistoryRow], list[KeyChainRow]]:
    """Return what happened to the files that keys need, and the chains with the day they lost theirs.

    Nothing is read where no key is broken for want of a file, unless all is asked for.

    Args:
        evidence: The installation, whose source is open.
        chains: Its chains.
        everything: Ask for the files of all keys, broken or not.
    """
    needed = needed_files(evidence, chains, everything)
    if not needed:
        return [], list(chains)
    return _History(evidence, chains, needed, everything).told()


class _History:
    """Asks the witnesses of one installation, one after the other; one that fails does not silence the others."""

    def __init__(
        self, evidence: Evidence, chains: Sequence[KeyChainRow], needed: NeededFiles, everything: bool
    ) -> None:
        self._evidence, self._chains, self._needed, self._everything = evidence, chains, needed, everything
        self._installation = evidence.installation
        self._tree = evidence.installation.own_tree
        self._places: Places = places_of(evidence)
        self._folder_of = FolderOf(evidence, self._places)
        self._suffix = evidence.machine.key_suffix
        self._journal_knows_folders = False
        self._public_keys = {c.row.thumbprint: c.row.public_key_sha256 for c in evidence.certificates}
        self._key_files = {key.row.path: key.row for key in evidence.key_files}

    def told(self) -> tuple[list[KeyHistoryRow], list[KeyChainRow]]:
        installation = self._installation
        if self._needed.is_cut:
            message = sentence(
                "only {max_needed} key and master key files are looked for in witnesses of the past",
                max_needed=MAX_NEEDED,
            )
            installation.problem(installation.source_path, "too_many", message)
        rows: list[KeyHistoryRow] = []
        witnesses = {
            JOURNAL: self._journal,
            LOG_FOLDER: self._audit_log,
            "$MFT": self._traces,
            FOLDER: self._shadow_copies,
            "Windows.old": self._windows_old,
        }
        for place, witness in witnesses.items():
            with guard(installation, installation.on_drive(place)):
                rows += witness()
        own = [row for row in rows if self._is_of_keys(row)]
        return rows, [with_loss(c, own, self._suffix, self._replaced(c, own)) for c in self._chains]

    def _journal(self) -> Iterator[KeyHistoryRow]:
        installation = self._installation
        path = installation.on_drive(JOURNAL)
        rows: list[KeyHistoryRow] = []
        try:
            source = journal_source(installation, self._folder_of)
            if source is None:
                outcome = ABSENT if installation.tree.complete else NOT_COLLECTED
            else:
                path = source.path
                outcome = _reach(source.journal)
                self._journal_knows_folders = source.folder_of is not None
                folder_of = source.folder_of or (lambda reference: None)
                rows = journal_rows(source.journal, self._needed, folder_of, installation.machine_id, path)
        except Unreadable as error:
            installation.problem(path, error.kind, said_by(error))
            outcome = outcome_of(error)
        installation.coverage.tell("log", _JOURNAL_IN_COVERAGE, outcome, path)
        yield from rows

    def _audit_log(self) -> Iterator[KeyHistoryRow]:
        yield from audit_rows(self._evidence.events, self._needed, self._places, self._installation.machine_id)

    def _traces(self) -> Iterator[KeyHistoryRow]:
        """Yield what the file system still says; that it was not searched whole is told."""
        installation, machine_id = self._installation, self._installation.machine_id
        if not isinstance(self._tree, KeepsTraces) or installation.drive:
            return
        traces = self._tree.traces()
        deleted = deleted_rows(traces, self._needed, self._folder_of, machine_id)
        slack = slack_rows(traces, self._tree, self._needed, self._places, self._folder_of, machine_id)
        for name, path, found in (
            (sentence("deleted file records"), "$MFT", deleted),
            (sentence("remains of names in folders"), "$I30", slack),
        ):
            if not found.is_whole:
                installation.coverage.tell(
                    "volume", name, Outcome("partial", sentence("not all of them were searched")), path
                )
        if traces.is_dirty:
            installation.coverage.tell("volume", "$LogFile", Outcome("not_examined", _NOT_REPLAYED), "$LogFile")
        yield from deleted.rows
        yield from slack.rows
        yield from put_there_rows(traces, self._tree, self._present_files(), self._needed, machine_id)

    def _shadow_copies(self) -> Iterator[KeyHistoryRow]:
        tree, installation = self._tree, self._installation
        if not isinstance(tree, KeepsShadowCopies) or installation.drive:
            return
        try:
            copies = tree.shadow_copies()
        except Unreadable as error:
            installation.coverage.tell("volume", "shadow copies", outcome_of(error), FOLDER)
            return
        seen = copy_rows(copies, self._needed, self._places, installation.machine_id)
        if seen.why is not None:
            installation.coverage.cut("volume", "shadow copies", seen.why, FOLDER)
        yield from seen.rows

    def _windows_old(self) -> Iterator[KeyHistoryRow]:
        installation = self._installation
        if installation.kind == "windows":
            yield from former_rows(
                self._tree, installation.drive, self._needed, self._places, self._suffix, installation.machine_id
            )

    def _present_files(self) -> Iterator[str]:
        """Yield the key files whose times matter: those that hold another key, or have another name, than is needed."""
        paths = dict.fromkeys(
            chain.key_file_path
            for chain in self._chains
            if chain.key_file_path is not None and (self._everything or chain.verdict == "unusable")
        )
        yield from (self._installation.really(path) for path in paths)

    def _is_of_keys(self, row: KeyHistoryRow) -> bool:
        if row.witness == "change_journal":
            return is_of_keys(row.what, row.folder, self._journal_knows_folders)
        return row.witness != "deleted_record" or is_of_keys(row.what, row.folder, True)

    def _replaced(self, chain: KeyChainRow, rows: Sequence[KeyHistoryRow]) -> Replaced | None:
        """Return since when another file has the name of the one that a chain needs, where that is so."""
        if (chain.key_file, chain.public_key) != ("present", "mismatch") or chain.provider_kind not in ("capi", "cng"):
            return None
        path = chain.key_file_path or ""
        public, file = self._public_keys.get(chain.thumbprint or ""), self._key_files.get(path)
        if file is None or public in (None, file.public_key_sha256, file.second_public_key_sha256):
            return None
        if chain.recoverable and chain.recoverable_from in (None, path):
            # Its public half is wrong, and the private half in it is the right one.
            return None
        name = path.rpartition("/")[2]
        put = [row.at for row in rows if row.happened == "put_there" and row.file_name == name and row.at is not None]
        at = next((time for time in (*put, file.created) if time is not None), None)
        # One that is older than the certificate took the place of nothing.
        return Replaced(at if at is None or chain.not_before is None or at > chain.not_before else None)


def _reach(journal: ChangeJournal) -> Outcome:
    """Say how far back the journal reaches: what it does not name happened before, or never."""
    first = journal.first()
    if first is None or first.at is None:
        return Outcome("partial", sentence("no whole record was found in it"))
    reach = sentence("reaches back to {time}", time=told_time(first.at))
    return (
        Outcome("partial", sentence("{reach}; more of it was not read", reach=reach))
        if journal.is_cut
        else Outcome("present", reach)
    )
