"""What identifies a source later on: size and SHA-256 of its file."""

from __future__ import annotations

import hashlib
import os
from io import BufferedReader
from pathlib import PurePath
from typing import cast

from forensics.disk.evidence_files import open_evidence
from forensics.disk.places import is_url, place_of
from forensics.tables.source import SourceEntry

CHEAP = 32 << 20
"""Bytes that are hashed without being asked to where they lie on this machine: a fraction of a second."""


def identify(entry: SourceEntry, hash_all: bool = False) -> None:
    """Note size and hash of a source that is a file; folders and devices have neither, and nothing is raised.

    Of what evidence names, or a link in it leads to, nothing is noted where that lies elsewhere.

    Args:
        entry: The source; ``size`` and ``sha256`` are set. Of a split or differencing image: of the named file alone.
        hash_all: Hash larger files than :data:`CHEAP` too.
    """
    path = place_of(entry.path)
    try:
        if not _lies_with_its_source(entry) or not path.is_file():
            return
        entry.size = path.stat().st_size
        if hash_all or (entry.size <= CHEAP and not is_url(entry.path)):
            with open_evidence(path) as file:
                entry.sha256 = hashlib.file_digest(cast(BufferedReader, file), "sha256").hexdigest()
    except (OSError, ValueError):
        # Why it cannot be read is told by whoever opens it.
        return


def _lies_with_its_source(entry: SourceEntry) -> bool:
    """Tell whether no ``..`` and no link leads from where an entry was found to its path; what was named lies there."""
    if entry.found_in is None or is_url(entry.path):
        return True
    if PurePath(entry.path).parts.count("..") > PurePath(entry.found_in).parts.count(".."):
        return False
    path, found_in = os.path.abspath(entry.path), os.path.abspath(entry.found_in)
    shared = os.path.commonpath([path, found_in])
    return os.path.realpath(path) == os.path.join(os.path.realpath(shared), os.path.relpath(path, shared))
