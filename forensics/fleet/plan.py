"""What the inputs of a fleet are, and which of them belong together: one task each.

Every file and folder that was named or listed is in a plan once: as the input of a task, as a part of one, as no
evidence, or as what could not be looked at.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import field
from pathlib import Path

from forensics.disk.places import is_url, place_of
from forensics.disk.remote.errors import RemoteError
from forensics.fleet.disk_record import Failure, State
from forensics.fleet.families import Families, families_of
from forensics.fleet.listing import Listed, list_files, list_folder
from forensics.language import said_by
from forensics.late_methods import dataclass
from forensics.sources.file_kind import looks_like_a_source
from forensics.sources.pieces import MAX_PIECES

_AMONG_TOO_MANY = (
    f"it lies among more than {MAX_PIECES} disks and archives, each of which is examined by itself: "
    "put it into a folder with those of its machine alone"
)


@dataclass(frozen=True, slots=True)
class Task:
    """What is examined at once.

    Attributes:
        sources: What :func:`forensics.examine` is given; the first is the path of its row.
        members: Files that are read with it.
        shown: Those of them that have a row of their own, and what that says.
    """

    sources: tuple[str, ...]
    members: tuple[str, ...] = ()
    shown: tuple[tuple[str, State], ...] = ()

    @property
    def path(self) -> str:
        """The input for which it stands."""
        return self.sources[0]


@dataclass(frozen=True, slots=True)
class Other:
    """An input that is in no task.

    Attributes:
        path: The input.
        state: ``not_evidence`` or ``failed``.
        error: Why.
        failure: What failed.
    """

    path: str
    state: State
    error: str | None = None
    failure: Failure | None = None


@dataclass(slots=True)
class Plan:
    """What a run has to do.

    Attributes:
        tasks: In the order in which their inputs were named or listed.
        others: What is in none of them.
    """

    tasks: list[Task] = field(default_factory=list)
    others: list[Other] = field(default_factory=list)

    @property
    def inputs(self) -> int:
        """How many inputs there are."""
        return len(self.others) + sum(1 + len(task.shown) for task in self.tasks)


def plan(sources: Iterable[str], whole_folders: bool = False) -> Plan:
    """Find the inputs that sources mean.

    Args:
        sources: Paths or URLs without what is secret in them: files, folders, or patterns with ``*``.
        whole_folders: A folder is one input, whatever it holds.
    """
    listed = Listed()
    folders: list[Path] = []
    others: list[Other] = []
    for source in dict.fromkeys(sources):
        named = source if is_url(source) else os.path.abspath(source)
        try:
            _take(listed, folders if whole_folders else None, named)
        except RemoteError as error:
            others.append(Other(named, "failed", said_by(error), "source"))
    result = _planned(listed, folders)
    result.others += others
    return result


def _take(listed: Listed, folders: list[Path] | None, named: str) -> None:
    """List what a source means; a folder is put to those that are one input each, where these are given."""
    path = place_of(named)
    if "*" in named:
        if (found := list_files(path)).is_empty:
            found.failed[path] = "nothing fits this pattern"
        listed.add(found)
    elif (looks_like_a_source(path.name) or not path.is_dir()) if is_url(named) else not os.path.isdir(path):
        listed.files[path] = None
    elif folders is not None:
        folders.append(path)
    else:
        listed.add(list_folder(path))


def _planned(listed: Listed, folders: Sequence[Path]) -> Plan:
    result = Plan()
    claims = _Claims([*folders, *listed.collections])
    files = {path: kind for path, kind in listed.files.items() if claims.of(path) is None}
    left = {path: why for path, why in listed.failed.items() if claims.of(path) is None}
    mixed = _Claims([path for path in listed.exports if claims.of(path) is None])
    inside: dict[Path, list[Path]] = {path: [] for path in mixed.folders}
    for path in (*files, *listed.parts_of_exports):
        if (folder := mixed.of(path)) is not None:
            inside[folder].append(path)
    several = {folder for folder, own in inside.items() if sum(path in files for path in own) > MAX_PIECES}
    for folder in inside.keys() - several:
        for path in inside[folder]:
            files.pop(path, None)
    left |= {path: _AMONG_TOO_MANY for folder in several for path in inside[folder] if path not in files}
    whole = [*claims.folders, *(folder for folder in mixed.folders if folder not in several)]
    result.tasks += [Task((str(folder),)) for folder in whole]
    taken = _Claims(whole)
    result.tasks += _tasks(families_of(files, listed.bundles), files)
    result.others += [Other(str(path), "failed", why, "source") for path, why in left.items() if taken.of(path) is None]
    result.others += [
        Other(str(path), "not_evidence", why) for path, why in listed.not_evidence.items() if taken.of(path) is None
    ]
    return result


def _tasks(families: Families, files: Iterable[Path]) -> list[Task]:
    found = []
    for path in files:
        if path in families.head_of:
            continue
        members = families.members(path)
        shown = tuple((str(each), families.state(each)) for each in members)
        beside = tuple(str(each) for each in members if each in families.given_too)
        found.append(Task((str(path), *beside), tuple(str(each) for each in members), shown))
    return found


class _Claims:
    """Folders that are one input each: the outermost of those that lie in each other.

    Args:
        folders: The folders.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self.folders: list[Path] = []
        self._known: set[Path] = set()
        for folder in sorted(dict.fromkeys(folders), key=lambda each: (len(each.parts), str(each))):
            if self.of(folder) is None:
                self.folders.append(folder)
                self._known.add(folder)

    def of(self, path: Path) -> Path | None:
        """Return the folder that a path lies in, or is."""
        if not self._known:
            return None
        return next((each for each in (path, *path.parents) if each in self._known), None)
