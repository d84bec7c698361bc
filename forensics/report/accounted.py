"""What of the evidence that was named or found was examined, and what was not: the words that head every output."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from forensics.language import joined, sentence
from forensics.report.named import named
from forensics.tables.source import SourceEntry, leaves
from forensics.tables.timestamps import format_utc

MOST_NAMED = 5
"""Display: pieces of evidence that the line about what was not examined names."""
MOST_REASONS = 20
"""Display: pieces of evidence of which a text says one by one why they were not examined."""


def not_examined(sources: Sequence[SourceEntry]) -> list[SourceEntry]:
    """Return the pieces of evidence of which nothing could be examined."""
    return [entry for entry in leaves(sources) if entry.error]


def has_several_disks(sources: Sequence[SourceEntry]) -> bool:
    """Tell whether a report begins with a row for each disk (:mod:`forensics.report.disk_table`)."""
    return len(leaves(sources)) > 1


def older_states(sources: Sequence[SourceEntry]) -> list[SourceEntry]:
    """Return the disks on which a newer state builds, or may, that was not examined in their place."""
    return [entry for entry in sources if entry.older_state_of and (entry.error or entry.machine_ids)]


def examined_line(sources: Sequence[SourceEntry]) -> str:
    """Return the sentence that says how much was examined; empty where there was one piece of evidence only."""
    all_of_it, left_out = leaves(sources), not_examined(sources)
    if len(all_of_it) < 2:
        return ""
    count, total = len(all_of_it) - len(left_out), len(all_of_it)
    if not left_out:
        return sentence("Examined {count} of {total}.", count=count, total=total)
    names = named([_short(entry) for entry in left_out], MOST_NAMED)
    return sentence("Examined {count} of {total}: not {names}.", count=count, total=total, names=names)


def reasons(sources: Sequence[SourceEntry], most: int = MOST_REASONS) -> list[str]:
    """Return a sentence for each piece of evidence that was not examined, or is not one machine of today, and why."""
    counted = {id(entry) for entry in leaves(sources)}
    why = [_with_path(e) for e in sources if e.error and (e.same_as is not None or id(e) in counted)]
    why += doubts(sources)
    if len(why) <= most:
        return why
    return [*why[:most], sentence("and {count} more: see --format json", count=len(why) - most)]


def doubts(sources: Sequence[SourceEntry]) -> list[str]:
    """Return a sentence for each piece of evidence that was examined and is not one machine of today."""
    unread = {entry.path for entry in sources if entry.error}
    mixed = [joined([entry.path, entry.mixed], ": ") for entry in sources if entry.mixed]
    mixed += [_of(entry, _backup_told(entry)) for entry in leaves(sources) if entry.backup_of and entry.machine_ids]
    older = [entry for entry in older_states(sources) if not entry.error]
    return mixed + [_of(entry, _older_state_told(entry, unread)) for entry in older]


def doubts_of(entry: SourceEntry, sources: Sequence[SourceEntry]) -> list[str]:
    """Return what :func:`doubts` says of one piece of evidence, in sentences that its path begins.

    Args:
        entry: One of those that count.
        sources: All of the examination.
    """
    why = [entry.mixed] if entry.mixed else []
    why += [_backup_told(entry)] if entry.backup_of and entry.machine_ids else []
    if entry.older_state_of and entry.machine_ids and not entry.error:
        why.append(_older_state_told(entry, {other.path for other in sources if other.error}))
    return why


def head_lines(sources: Sequence[SourceEntry]) -> list[str]:
    """Return what an output begins with where not everything was examined as it is today; else nothing."""
    why = reasons(sources)
    line = examined_line(sources)
    return [*([line] if line else []), *why] if why else []


def examined_otherwise(sources: Sequence[SourceEntry], as_of: datetime) -> list[str]:
    """Return what to say of sources that another version of the tool examined, or for another day.

    Args:
        sources: Of a case that was joined.
        as_of: Its date.
    """
    counted = [entry for entry in leaves(sources) if entry.machine_ids]
    said: list[str] = []
    for version in sorted({entry.examined_with for entry in counted if entry.examined_with}):
        names = _names([entry for entry in counted if entry.examined_with == version])
        said.append(
            sentence(
                "{names}: examined by keymortem {version}; what that read and judged stands as it was.",
                names=names,
                version=version,
            )
        )
    day = format_utc(as_of)[:10]
    earlier = [entry for entry in counted if entry.examined_for and entry.examined_for[:10] != day]
    if earlier:
        days = sorted({(entry.examined_for or "")[:10] for entry in earlier})
        when = days[0] if len(days) == 1 else sentence("{first} to {last}", first=days[0], last=days[-1])
        said.append(
            sentence(
                "{names}: examined for {when}; what hangs on the date is reckoned for {day}.",
                names=_names(earlier),
                when=when,
                day=day,
            )
        )
    return said


def _names(entries: Sequence[SourceEntry]) -> str:
    return named([entry.path for entry in entries], MOST_NAMED)


def _of(entry: SourceEntry, what: str) -> str:
    return sentence("{path} {what}", path=entry.path, what=what)


def _backup_told(entry: SourceEntry) -> str:
    return sentence(
        "is a backup: it shows its machine as it was at {time} (by the name of its folder, likely UTC), not as it is "
        "today",
        time=str(entry.backup_of),
    )


def _older_state_told(entry: SourceEntry, unread: set[str]) -> str:
    newer = str(entry.older_state_of)
    if newer in unread:
        return sentence(
            "may be an older state: {newer}, which could not be read, may build on it",
            newer=newer,
        )
    return sentence("is an older state of a machine: the present one is {newer}", newer=newer)


def _with_path(entry: SourceEntry) -> str:
    error = entry.error or ""
    return error if error.startswith(entry.path) else joined([entry.path, error], ": ")


def _short(entry: SourceEntry) -> str:
    return entry.path.removeprefix(f"{entry.found_in}/") if entry.found_in else entry.path
