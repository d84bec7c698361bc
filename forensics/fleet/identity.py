"""What tells whether an input is still what was examined: sizes, times and first bytes of the files it stands for."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from forensics.disk.below import Below
from forensics.disk.evidence_files import peek_at
from forensics.disk.places import is_url, place_of
from forensics.fleet.disk_record import InputIdentity

HEAD = 132 << 10
"""Format: bytes of a file whose digest tells it apart: the two headers of a VHDX, and where others have theirs."""
MAX_FILES = 50_000
"""Evidence: files of a folder whose names, sizes and times tell whether it changed."""
_MOST_NAMES = 200_000
"""Evidence: files and folders in a folder that are looked at for that."""


def identity_of(path: str, members: Sequence[str] = ()) -> InputIdentity:
    """Return the identity of an input; what cannot be read has less of it.

    Args:
        path: A file or a folder, here or on a server, of which no more than its size and time are asked for.
        members: Other files that are read with it.
    """
    place = place_of(path)
    digest = hashlib.sha256()
    is_folder = not is_url(place) and os.path.isdir(place)
    states = list(_below(place)) if is_folder else [_state(place)]
    told = is_folder or (_add_version(digest, place) if is_url(place) else _add_head(digest, place))
    others = [_state(place_of(member)) for member in sorted(members)]
    for name, size, modified in (*(states if is_folder else ()), *others):
        digest.update(f"{name} {size} {modified}\n".encode("utf-8", "backslashreplace"))
        told = True
    known = [state for state in (*states, *others) if state[1] is not None]
    latest = max((modified for _, _, modified in known if modified is not None), default=None)
    return InputIdentity(
        path=path,
        size=sum(size or 0 for _, size, _ in known) if known else None,
        modified=_time(latest),
        head_sha256=digest.hexdigest() if told else None,
    )


_State = tuple[str, int | None, int | None]
"""A file's path, size and time in microseconds."""


def _state(path: Path) -> _State:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return str(path), None, None
    # A server tells whole seconds.
    nanoseconds = status.st_mtime_ns if status.st_mtime_ns is not None else int(status.st_mtime) * 10**9
    return str(path), status.st_size, nanoseconds // 1000


def _below(folder: Path) -> Iterator[_State]:
    for entry in islice(Below(folder, _MOST_NAMES), MAX_FILES):
        try:
            status = entry.stat(follow_symlinks=False)
            yield entry.path, status.st_size, status.st_mtime_ns // 1000
        except OSError:
            yield entry.path, None, None


def _add_head(digest: hashlib._Hash, path: Path) -> bool:
    try:
        with peek_at(path, buffering=0) as file:
            digest.update(file.read(HEAD))
    except (OSError, ValueError):
        return False
    return True


def _add_version(digest: hashlib._Hash, path: Path) -> bool:
    """Add what a server says of the version of a file."""
    try:
        digest.update(str(path.stat().st_ino).encode())
    except OSError:
        return False
    return True


def _time(microseconds: int | None) -> datetime | None:
    try:
        return None if not microseconds else datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds)
    except (OverflowError, OSError, ValueError):
        return None
