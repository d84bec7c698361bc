"""The files that a folder holds, or that a pattern means, on this machine or on a server."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import field
from fnmatch import fnmatchcase
from pathlib import Path

from forensics.disk.places import is_url, place_of
from forensics.language import sentence
from forensics.late_methods import dataclass

MAX_FILES = 100_000
"""Evidence: files that one folder or pattern names."""
MAX_FOLDERS = 10_000
"""Evidence: folders that are listed for one folder or pattern."""
_ANY_DEPTH = "**"


@dataclass(slots=True)
class ListedFiles:
    """What a folder or pattern means.

    Attributes:
        files: The files, in the order of their paths within each folder.
        left_out: Folder that was not listed, or not to its end, and why.
    """

    files: list[Path] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)


def listed_files(place: str | Path) -> ListedFiles:
    """List the files below a folder, or those that a pattern fits.

    Args:
        place: A path or URL without what is secret. In a part of it ``*`` stands for any characters; a part ``**``
            stands for any number of folders. A folder alone means all files below it, a file alone itself.
    """
    path = place_of(place)
    parts = path.parts
    first = next((number for number, part in enumerate(parts) if "*" in part), None)
    found = ListedFiles()
    if first is not None:
        top, wanted = _of_parts(path, first), parts[first:]
    elif path.is_file():
        found.files.append(path)
        return found
    else:
        top, wanted = path, (_ANY_DEPTH,)
    folders = 0
    pending = deque([(top, wanted)])
    seen: set[tuple[Path, tuple[str, ...]]] = set()
    while pending:
        folder, rest = pending.popleft()
        if (folder, rest) in seen:
            continue
        seen.add((folder, rest))
        if folders == MAX_FOLDERS or len(found.files) >= MAX_FILES:
            why = sentence(
                "not listed: only {max_folders} folders and {max_files} files are, name it itself",
                max_folders=MAX_FOLDERS,
                max_files=MAX_FILES,
            )
            found.left_out.append((str(folder), why))
            break
        folders += 1
        try:
            pending.extend(_matched(folder, rest, found))
        except OSError as error:
            found.left_out.append(
                (str(folder), sentence("it cannot be listed: {strerror}", strerror=error.strerror or error))
            )
    found.files = list(dict.fromkeys(found.files))
    return found


def _of_parts(path: Path, count: int) -> Path:
    """Return the first parts of a path."""
    for _ in range(len(path.parts) - count):
        path = path.parent
    return path


def _matched(folder: Path, wanted: tuple[str, ...], found: ListedFiles) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Take the files of a folder that fit, and yield the folders in it to go into, with what is wanted there."""
    part, rest = wanted[0], wanted[1:]
    if part == _ANY_DEPTH and rest:
        yield folder, rest
    for each in sorted(folder.iterdir()):
        if not is_url(each) and each.is_symlink():
            continue
        is_dir = each.is_dir()
        if part == _ANY_DEPTH:
            if is_dir:
                yield each, wanted
            elif not rest:
                found.files.append(each)
        elif fnmatchcase(each.name, part.replace("[", "[[]").replace("?", "[?]")):
            if is_dir and rest:
                yield each, rest
            elif not is_dir and not rest and len(found.files) < MAX_FILES:
                found.files.append(each)
