"""Table event: records of the event logs that bear on keys, certificates, identity and time.

Read with the Rust ``evtx`` package. A log is streamed chunk by chunk; chunks and records that cannot be wanted are
dropped by their bytes, and only what is left is parsed: by one child for all logs, while this process reads on.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from forensics.collectors.event_filters import ANY_PROVIDER, EVENT_LOGS, EventLog, watched_service
from forensics.collectors.event_parser import Parser
from forensics.collectors.guard import guard
from forensics.disk.tree import Entry, NotObtained
from forensics.formats.errors import FormatError
from forensics.formats.evtx import (
    CHUNK_SIZE,
    HEADER_SIZE,
    check_chunk,
    check_file_header,
    has_chunk_magic,
    is_unused,
)
from forensics.language import joined, said_by, sentence
from forensics.sources.installation import CUTS, Installation
from forensics.tables.event import EventRow
from forensics.tables.outcome import Outcome

if TYPE_CHECKING:
    from forensics.formats.event_fields import EventFields

LOG_FOLDER = "System32/winevt/Logs"
MAX_ROWS = 20_000
"""Evidence: records of one event log, divided among its kinds (provider and ID), of each the newest."""
MAX_CHUNKS = 65_536
"""Evidence: chunks of 64 KiB of one event log."""
MAX_BROKEN = 20
"""Display: damaged parts of one event log that are told one by one; coverage counts all."""
_MOST_SAID = 2000
"""Work: different events of one log whose fields are kept for the next one like it."""
_LONGEST_SAID = 1000
"""Work: characters of an event whose fields are kept for the next one like it."""
_MOST_NAMED = 5
"""Display: kinds of which records were left out that are named."""
_READ_AHEAD = 16


def collect_events(installation: Installation) -> list[EventRow]:
    """Read every wanted event log, and wait for its rows; see :class:`EventLogs`."""
    return EventLogs(installation).rows()


class EventLogs:
    """The event logs of one Windows: read at once, parsed beside whatever is done until their rows are asked for."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._parser = Parser()
        self._folder = installation.in_windows(LOG_FOLDER)
        self._listing = installation.listing(self._folder)
        files = {entry.name.lower(): entry for entry in self._listing.entries if not entry.is_dir}
        self._readers = [self._read(log, entry) for log in EVENT_LOGS for entry in _files_of(log, files)]
        self._parser.begin()

    def _read(self, log: EventLog, entry: Entry) -> _LogReader:
        installation = self._installation
        reader = _LogReader(installation, log, entry)
        with guard(installation, entry.path) as guarded, installation.tree.open(entry) as stream:
            reader.read(stream, self._parser)
        reader.failure = reader.failure or guarded.failure
        return reader

    def rows(self) -> list[EventRow]:
        """Return at most 20,000 rows of each log, of every provider and ID the newest.

        What was there is told in coverage (area ``log``, name of the file); damage becomes rows of table problem.
        """
        try:
            self._parser.finish()
        finally:
            self._parser.close()
        rows: list[EventRow] = []
        for log in EVENT_LOGS:
            read = [reader for reader in self._readers if reader.log is log]
            if not read:
                self._tell_missing(log)
            for reader in read:
                rows += reader.finished()
        return rows

    def _tell_missing(self, log: EventLog) -> None:
        # Collectors copy single logs: one that lies beside the others is no proof that this one was not there.
        seen = self._listing.outcome
        outcome = self._installation.not_found if seen.is_there else seen
        self._installation.coverage.tell("log", log.file, outcome, f"{self._folder}/{log.file}")


def _files_of(log: EventLog, files: dict[str, Entry]) -> list[Entry]:
    exact = files.get(log.file.lower())
    if log.or_like is None:
        return [exact] if exact else []
    return [entry for name, entry in sorted(files.items()) if name.startswith(log.or_like) and name.endswith(".evtx")]


class _LogReader:
    """Reads one event log into rows.

    Attributes:
        log: The log.
        failure: What ended the reading before its end.
    """

    def __init__(self, installation: Installation, log: EventLog, entry: Entry) -> None:
        self.log = log
        self.failure: Outcome | None = None
        self._rows: list[EventRow] = []
        self._is_readable = False
        self._installation = installation
        self._name = log.file if log.or_like is None else entry.name
        self._path = entry.path
        self._modified = entry.modified
        self._dropped = 0
        self._cut_kinds: set[tuple[str, int]] = set()
        self._damaged = 0
        self._unread = False
        self._cut: str | None = None
        self._said: dict[str, EventFields] = {}

    def finished(self) -> list[EventRow]:
        """Return the rows, in the order of their record numbers, and tell what was read of the log."""
        if self._unread:
            self._problem(
                "too_much_work", sentence("too many parts of the event logs end their parser: no more is read"), None
            )
        self._keep_newest()
        self._installation.coverage.tell("log", self._name, self._outcome(), self._path)
        return self._rows

    def _outcome(self) -> Outcome:
        if self.failure is not None:
            # Nothing of it, or not all, could be got or read.
            return Outcome("partial", self.failure.why) if self._is_readable else self.failure
        if not self._is_readable:
            return Outcome("unreadable", self._detail())
        # A bound was reached, or bytes were not got: not every record was read or kept.
        return Outcome("present" if self._cut is None else "partial", self._detail())

    def _detail(self) -> str | None:
        """Say what of the log is missing, if anything is."""
        parts: list[str] = [sentence("damaged parts: {damaged}", damaged=self._damaged)] if self._damaged else []
        if self._unread:
            parts.append(
                sentence("not read to its end, since too many parts of this computer's event logs end their parser")
            )
        if self._dropped:
            often = ", ".join(f"{provider} {event_id}" for provider, event_id in sorted(self._cut_kinds)[:_MOST_NAMED])
            kept = len(self._rows)
            parts.append(
                sentence(
                    "{kept} of {all} records; the oldest of these were left out: {often}",
                    kept=kept,
                    all=kept + self._dropped,
                    often=often,
                )
            )
        return joined(parts, "; ") or self._cut

    def read(self, stream: BinaryIO, parser: Parser) -> None:
        """Read the whole log; what may be wanted of it is given to the parser."""
        needles, selection = self.log.needles(), self.log.selection()
        for offset, chunk in self._chunks(stream):
            is_sound = self._check(chunk, offset)
            if needles and not any(needle in chunk for needle in needles):
                continue
            if is_sound:
                selected = chunk if selection is None else selection.of(chunk)
                if selected is not None:
                    parser.give(self, self.log.wants, selected)
            elif has_chunk_magic(chunk):
                parser.give(self, self.log.wants, chunk, offset)

    def _chunks(self, stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
        try:
            check_file_header(stream.read(HEADER_SIZE))
        except FormatError as error:
            self._problem(error.kind, error.message, error.offset)
            if error.kind != "bad_checksum":
                return
        self._is_readable = True
        offset = HEADER_SIZE
        while block := self._block(stream, offset):
            for start in range(0, len(block), CHUNK_SIZE):
                chunk = block[start : start + CHUNK_SIZE]
                # A live log's header counts the chunks of its last flush: what is there, is told by the chunks.
                if not is_unused(chunk):
                    yield offset + start, chunk
            offset += len(block)
            if offset >= MAX_CHUNKS * CHUNK_SIZE:
                message = sentence(
                    "only the first {max_chunks} GiB of the event log were read",
                    max_chunks=MAX_CHUNKS * CHUNK_SIZE >> 30,
                )
                self._problem("too_large", message, offset)
                return

    def _block(self, stream: BinaryIO, offset: int) -> bytes:
        """Read some chunks; what cannot be got ends the log."""
        try:
            return stream.read(_READ_AHEAD * CHUNK_SIZE)
        except NotObtained as error:
            self._cut = self._cut or said_by(error)
            self._problem(error.kind, sentence("the event log was read up to here: {error}", error=error), offset)
            return b""

    def _check(self, chunk: bytes, offset: int) -> bool:
        try:
            check_chunk(chunk)
        except FormatError as error:
            self._broken(error.kind, error.message, offset + error.offset)
            return False
        return True

    def parsed(self, records: Sequence[str | None], failure: str | None, offset: int | None) -> None:
        """Make rows of a chunk's records; what the parser refuses becomes a problem.

        Args:
            records: As JSON; None for each that cannot be read.
            failure: Why there are no more of them.
            offset: Where the chunk stands if it is known to be damaged, and told already.
        """
        with guard(self._installation, self._path) as guarded:
            for record in records:
                if record is not None:
                    self._row(record)
                elif offset is None:
                    self._broken("bad_record", sentence("a record of the event log cannot be read"), None)
        self.failure = self.failure or guarded.failure
        if failure is not None:
            self._broken("bad_record", failure, offset)
        if len(self._rows) >= 2 * MAX_ROWS:
            self._keep_newest()

    def not_parsed(self) -> None:
        """Take it that no more of the log is parsed."""
        self._unread = True

    def _row(self, record: str) -> None:
        # Here, as below, because many a source holds no event log.
        from forensics.formats.event_fields import system_part

        try:
            event = json.loads(record)["Event"]
        except (ValueError, KeyError, TypeError, RecursionError):
            self._broken("bad_record", sentence("a record of the event log is not what records are"), None)
            return
        system = system_part(event) if isinstance(event, dict) else None
        if system is None:
            return
        wanted = self.log.providers.get(system.provider) or self.log.providers.get(ANY_PROVIDER)
        if wanted is None or (wanted.ids is not None and system.event_id not in wanted.ids):
            return
        fields = self._fields(event)
        self._rows.append(
            EventRow(
                machine_id=self._installation.machine_id,
                channel=system.channel or self.log.file.removesuffix(".evtx").replace("%4", "/"),
                provider=system.provider,
                event_id=system.event_id,
                time=system.time,
                computer=system.computer,
                record_id=system.record_id,
                level=system.level,
                data=fields.data,
                thumbprint=fields.thumbprint,
                key_name=fields.key_name,
                key_file_name=fields.key_file_name,
                machine_guid=fields.machine_guid,
                process=fields.process,
                error_code=fields.error_code,
                service=watched_service(record) if wanted.services else None,
                message=fields.message,
                source_path=self._path,
                source_time=self._modified,
            )
        )

    def _fields(self, event: dict[str, Any]) -> EventFields:
        # A log says few different things, each of them very often.
        own = str((event.get("EventData"), event.get("UserData")))
        fields = self._said.get(own)
        if fields is None:
            from forensics.formats.event_fields import MAX_FIELDS, event_fields

            fields = event_fields(event)
            if fields.is_cut:
                self._problem(
                    "too_many",
                    sentence("only the first {max_fields} fields of an event are kept", max_fields=MAX_FIELDS),
                    None,
                )
            if len(self._said) < _MOST_SAID and len(own) < _LONGEST_SAID:
                self._said[own] = fields
        return fields

    def _keep_newest(self) -> None:
        self._rows.sort(key=lambda row: row.record_id or 0)
        if len(self._rows) <= MAX_ROWS:
            return
        if not self._dropped:
            message = sentence(
                "more than {max_rows} records of this event log bear on keys; of the most frequent providers "
                "and IDs the oldest were left out",
                max_rows=MAX_ROWS,
            )
            self._problem("too_many", message, None)
        # What is repeated all day must not push out the few records that matter.
        share = _share(Counter(map(_kind, self._rows)), MAX_ROWS)
        kept: list[EventRow] = []
        seen: Counter[tuple[str, int]] = Counter()
        for row in reversed(self._rows):
            kind = _kind(row)
            if seen[kind] < share and len(kept) < MAX_ROWS:
                seen[kind] += 1
                kept.append(row)
            else:
                self._cut_kinds.add(kind)
        self._dropped += len(self._rows) - len(kept)
        self._rows[:] = reversed(kept)

    def _broken(self, kind: str, message: str, offset: int | None) -> None:
        self._damaged += 1
        if self._damaged <= MAX_BROKEN:
            self._problem(kind, message, offset)

    def _problem(self, kind: str, message: str, offset: int | None) -> None:
        if kind in CUTS:
            self._cut = self._cut or message
        self._installation.problem(self._path, kind, message, offset)


def _kind(row: EventRow) -> tuple[str, int]:
    return row.provider, row.event_id


def _share(counts: Counter[tuple[str, int]], most: int) -> int:
    """Return how many rows of each kind there may be, so that all together are no more than ``most``."""
    left = most
    for done, count in enumerate(sorted(counts.values())):
        share = left // (len(counts) - done)
        if count > share:
            return max(share, 1)
        left -= count
    return most
