"""Finds the transaction logs beside a hive and says which pages they put right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from typing import BinaryIO

from forensics.disk.tree import NotFound, Tree, Unreadable
from forensics.formats.errors import FormatError
from forensics.lack_of_memory import pass_on
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.registry.base_block import CHECKED_SIZE, BaseBlock, FileType, parse_base_block
from forensics.registry.log_entries import (
    ENTRY_HEADER_SIZE,
    LOG_START,
    SECTOR,
    LogEntryHeader,
    Page,
    dirty_vector_size,
    parse_dirty_vector,
    parse_entry,
    parse_entry_header,
)

Report = Callable[[str, str, int | None], None]
"""Records a problem: kind, message, offset in the file or None."""

LOG_SUFFIXES = (".LOG1", ".LOG2", ".LOG")
MAX_LOG_SIZE = 256 << 20
"""Evidence: bytes of one log of a hive."""


@dataclass
class Replay:
    """What the logs put right.

    Attributes:
        base: Base block to believe: the hive's own, or a log's where that is bad.
        bins_size: Size of the hive bins after the replay, in bytes.
        overlay: 512-byte pages by their number from the start of the bins.
        sequences: Sequence numbers applied, in order; one for an old log.
        page_count: Number of pages the log lists, each of one or more 512-byte pages.
    """

    base: BaseBlock
    bins_size: int
    overlay: dict[int, bytes] = field(default_factory=dict, repr=False)
    sequences: list[int] = field(default_factory=list)
    page_count: int = 0

    def apply(self, page: Page) -> None:
        """Lay a page over what is there."""
        first = page.offset // SECTOR
        for index in range(len(page.data) // SECTOR):
            self.overlay[first + index] = page.data[index * SECTOR : (index + 1) * SECTOR]
        self.page_count += 1


@dataclass
class _Log:
    """A transaction log that has a base block."""

    name: str
    base: BaseBlock
    stream: BinaryIO
    size: int
    headers: list[tuple[int, LogEntryHeader]] = field(default_factory=list)

    @property
    def first(self) -> int:
        return self.headers[0][1].sequence

    @property
    def last(self) -> int:
        return self.headers[-1][1].sequence

    def read(self, offset: int, size: int) -> bytes:
        data = b""
        if offset + size <= self.size:
            try:
                self.stream.seek(offset)
                data = self.stream.read(size)
            except Exception as error:  # whatever the libraries behind a tree raise
                pass_on(error)
                raise FormatError(
                    "not_obtained", offset, sentence("{name} cannot be read: {error}", name=self.name, error=error)
                ) from error
        if len(data) != size:
            raise FormatError(
                "truncated", offset, sentence("{name} does not hold {size} bytes there", name=self.name, size=size)
            )
        return data


def replay_logs(tree: Tree, path: str, primary: BaseBlock | None, report: Report) -> Replay | None:
    """Work out what the logs beside a dirty hive put right.

    Args:
        tree: Where the hive lies.
        path: Its path; the logs are looked for beside it.
        primary: Its base block; None where that is bad, so that a log's must do.
        report: Takes what was wrong with the logs.

    Returns:
        The pages to lay over the hive; None without a log that fits it.
    """
    logs = list(_open_logs(tree, path, report))
    try:
        return _replay_new(logs, primary, report) or _replay_old(logs, primary, report)
    finally:
        for log in logs:
            log.stream.close()


def _open_logs(tree: Tree, path: str, report: Report) -> Iterator[_Log]:
    for suffix in LOG_SUFFIXES:
        try:
            entry = tree.entry(path + suffix)
            if entry.is_dir or not entry.size:
                continue
            stream = tree.open(entry)
        except NotFound:
            continue
        except Unreadable as error:
            report(
                "log_unreadable",
                sentence("{path}{suffix}: {error}", path=path, suffix=suffix, error=error),
                None,
            )
            continue
        log = _open_log(entry.name, stream, entry.size, report)
        if log:
            yield log
        else:
            stream.close()


def _open_log(name: str, stream: BinaryIO, size: int, report: Report) -> _Log | None:
    if size > MAX_LOG_SIZE:
        report(
            "log_too_large",
            sentence(
                "{name} has {size} bytes; only the first {max_log_size} are looked at",
                name=name,
                size=size,
                max_log_size=MAX_LOG_SIZE,
            ),
            None,
        )
    try:
        base = parse_base_block(stream.read(CHECKED_SIZE))
    except FormatError as error:
        report("log_unusable", sentence("{name}: {message}", name=name, message=error.message), error.offset)
        return None
    except Exception as error:  # whatever the libraries behind a tree raise
        pass_on(error)
        report("log_unreadable", sentence("{name}: {error}", name=name, error=error), None)
        return None
    if not base.checksum_ok:
        report("log_unusable", sentence("{name}: the checksum of its base block is wrong", name=name), 508)
        return None
    return _Log(name, base, stream, min(size, MAX_LOG_SIZE))


def _replay_new(logs: Sequence[_Log], primary: BaseBlock | None, report: Report) -> Replay | None:
    usable = []
    for log in logs:
        if log.base.file_type == FileType.NEW_LOG:
            log.headers = list(_entry_headers(log))
            if log.headers:
                usable.append(log)
    usable.sort(key=lambda log: log.first)
    if not usable:
        return None
    if primary is None and len(usable) > 1 and usable[-2].last + 1 != usable[-1].first:
        # Without the hive's own sequence number only the newest log is known to belong to it.
        usable = usable[-1:]
    base = primary or usable[0].base
    start = primary.sequence2 if primary else usable[0].first
    replay = Replay(base, base.bins_size)
    for log in usable:
        for offset, header in log.headers:
            expected = replay.sequences[-1] + 1 if replay.sequences else None
            if header.sequence < (expected or start):
                continue  # stale: the hive already holds it
            if expected is None and header.sequence > start + 1:
                report(
                    "log_gap",
                    sentence(
                        "{name} begins with flush {sequence}, the hive ends with {start}",
                        name=log.name,
                        sequence=header.sequence,
                        start=start,
                    ),
                    offset,
                )
            elif expected is not None and header.sequence != expected:
                report(
                    "log_gap",
                    sentence(
                        "{name} goes on with {sequence} where {expected} should follow",
                        name=log.name,
                        sequence=header.sequence,
                        expected=expected,
                    ),
                    offset,
                )
                return replay
            if not _apply_entry(replay, log, offset, header, report):
                return replay if replay.sequences else None
    return replay if replay.sequences else None


def _entry_headers(log: _Log) -> Iterator[tuple[int, LogEntryHeader]]:
    """Yield the entries that follow one another; what an earlier round left behind them is not yielded."""
    offset, expected = LOG_START, None
    while offset + ENTRY_HEADER_SIZE <= log.size:
        try:
            header = parse_entry_header(log.read(offset, ENTRY_HEADER_SIZE))
        except FormatError:
            return
        if expected is not None and header.sequence != expected:
            return
        yield offset, header
        offset, expected = offset + header.size, header.sequence + 1


def _apply_entry(replay: Replay, log: _Log, offset: int, header: LogEntryHeader, report: Report) -> bool:
    try:
        entry = parse_entry(log.read(offset, header.size))
    except FormatError as error:
        report(
            "log_torn",
            sentence(
                "{name}: entry {sequence} is not applied: {message}",
                name=log.name,
                sequence=header.sequence,
                message=error.message,
            ),
            offset,
        )
        return False
    for page in entry.pages:
        replay.apply(page)
    replay.bins_size = header.bins_size
    replay.sequences.append(header.sequence)
    return True


def _replay_old(logs: Sequence[_Log], primary: BaseBlock | None, report: Report) -> Replay | None:
    usable = [
        log for log in logs if log.base.file_type == FileType.OLD_LOG and log.base.sequence1 == log.base.sequence2
    ]
    for log in sorted(usable, key=lambda log: log.base.sequence1, reverse=True):
        if primary and log.base.sequence1 not in (primary.sequence1, primary.sequence2):
            continue
        try:
            return _read_old(log, primary or log.base)
        except FormatError as error:
            report("log_unusable", sentence("{name}: {message}", name=log.name, message=error.message), error.offset)
    return None


def _read_old(log: _Log, base: BaseBlock) -> Replay:
    bins_size = log.base.bins_size
    size = min(dirty_vector_size(bins_size), log.size - LOG_START)
    vector = parse_dirty_vector(log.read(LOG_START, max(size, 0)), bins_size)
    replay = Replay(base, bins_size, sequences=[log.base.sequence1])
    offset = vector.data_start
    for start, length in vector.runs:
        replay.apply(Page(start, log.read(offset, length)))
        offset += length
    return replay
