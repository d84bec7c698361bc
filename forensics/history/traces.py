"""What a volume itself still says of files that are gone: deleted records, remains of names, and times that differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from forensics.disk.ntfs.traces import FileTraces, Trace
from forensics.disk.tree import NotFound, Tree, Unreadable
from forensics.history.needed_files import NeededFiles
from forensics.history.places import FolderOf, Places
from forensics.late_methods import dataclass
from forensics.tables.history import HistoryWitness, KeyHistoryRow

MAX_TRACES = 2_000
"""Display: rows of deleted records, and of remains, of one installation."""
_NOT_COPIED = timedelta(seconds=2)
"""Times so near to each other are of one moment."""


@dataclass(slots=True)
class TracesFound:
    """What traces were found.

    Attributes:
        rows: What they say.
        is_whole: All of it was searched.
    """

    rows: list[KeyHistoryRow]
    is_whole: bool = True


def deleted_rows(traces: FileTraces, needed: NeededFiles, folder_of: FolderOf, machine_id: int) -> TracesFound:
    """Return what deleted records say: the file was there when the record was last changed.

    When it was deleted no record says.
    """
    found = TracesFound([])
    for _, wanted in needed.names():
        for trace in traces.deleted(wanted):
            if trace is None or len(found.rows) >= MAX_TRACES:
                found.is_whole = False
            else:
                folder = folder_of(trace.folder)
                source = f"$MFT, {trace.place}"
                found.rows += _rows(trace, needed, "deleted_record", folder, source, machine_id)
    return found


def slack_rows(
    traces: FileTraces, tree: Tree, needed: NeededFiles, places: Places, folder_of: FolderOf, machine_id: int
) -> TracesFound:
    """Return what remains of names in the folders of keys say: a file of that name was there once.

    A name that is there now says nothing: its entry was moved within the index.
    """
    found = TracesFound([])
    for what, wanted in needed.names():
        for path in places.folders[what]:
            reference = folder_of.reference(path)
            if reference is None:
                continue
            latest: dict[str, Trace] = {}
            for trace in traces.in_index(reference, wanted):
                if trace is None or len(latest) >= MAX_TRACES:
                    found.is_whole = False
                    continue
                if trace.name not in latest or _later(trace, latest[trace.name]):
                    latest[trace.name] = trace
            for trace in latest.values():
                if len(found.rows) >= MAX_TRACES:
                    found.is_whole = False
                elif _is_gone(tree, f"{path}/{trace.name}"):
                    found.rows += _rows(trace, needed, "index_slack", path, f"{path}, {trace.place}", machine_id)
    return found


def put_there_rows(
    traces: FileTraces, tree: Tree, paths: Iterable[str], needed: NeededFiles, machine_id: int
) -> Iterator[KeyHistoryRow]:
    """Yield when present files were put onto the volume whose own time of creation was set back afterwards.

    Windows gives a file's name the times of its making; what restores or copies a file with its dates sets those of the
    file alone.

    Args:
        traces: Reads the times.
        tree: The volume.
        paths: Of the files on it.
        needed: The files that are looked for.
        machine_id: The installation.
    """
    for path in paths:
        folder, _, name = path.rpartition("/")
        file = needed.of_name(name)
        try:
            handle = tree.entry(path).handle
        except (NotFound, Unreadable):
            continue
        times = traces.times(handle) if isinstance(handle, int) else None
        if file is None or times is None:
            continue
        own, of_name = times
        if own.created is None or of_name.created is None or of_name.created - own.created <= _NOT_COPIED:
            continue
        yield KeyHistoryRow(
            machine_id=machine_id,
            source_path=path,
            source_time=own.modified,
            file_name=name,
            what=file.what,
            folder=folder,
            thumbprints=list(file.thumbprints),
            happened="put_there",
            at=of_name.created,
            certainty="likely",
            witness="file_times",
        )


def _rows(
    trace: Trace, needed: NeededFiles, witness: HistoryWitness, folder: str | None, source: str, machine_id: int
) -> Iterator[KeyHistoryRow]:
    file = needed.of_name(trace.name)
    if file is not None:
        yield KeyHistoryRow(
            machine_id=machine_id,
            source_path=source,
            source_time=_last(trace),
            file_name=trace.name,
            what=file.what,
            folder=folder,
            thumbprints=list(file.thumbprints),
            happened="existed",
            at=_last(trace),
            witness=witness,
        )


def _last(trace: Trace) -> datetime | None:
    """Return the last moment that a trace tells of: others than that of its record may have been copied with a file."""
    return trace.times.changed or trace.times.created


def _later(trace: Trace, than: Trace) -> bool:
    one, other = _last(trace), _last(than)
    return one is not None and (other is None or one > other)


def _is_gone(tree: Tree, path: str) -> bool:
    """Tell whether a file is not there; False where that is not known."""
    try:
        tree.entry(path)
    except NotFound:
        return True
    except Unreadable:
        return False
    return False
