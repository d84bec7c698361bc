"""Tells which files of a collection Velociraptor stores in pieces, with an index of these beside each."""

from __future__ import annotations

from typing import BinaryIO

from forensics.disk.tree import Entry
from forensics.formats.errors import FormatError
from forensics.formats.velociraptor_upload import NO_INDEX, StoredUpload, parse_chunk_index, parse_sparse_index
from forensics.late_methods import dataclass

_COMPRESSED = ".chunk"
_PARSERS = {_COMPRESSED: parse_chunk_index, ".idx": parse_sparse_index}
INDEXES = tuple(_PARSERS)
"""What is added to the name of such a file for that of the index."""
MAX_INDEX = 64 << 20
"""Format: bytes of an index."""


@dataclass(frozen=True, slots=True)
class UploadInPieces:
    """What a tree opens such a file by.

    Attributes:
        stored: What it opens the pieces by.
        upload: Where they belong; None where the index does not fit them.
    """

    stored: object
    upload: StoredUpload | None


def upload_in_pieces(stored: Entry, suffix: str, index: BinaryIO) -> UploadInPieces | None:
    """Tell whether what lies beside a file is the index of its pieces.

    Args:
        stored: The file.
        suffix: Of :data:`INDEXES`.
        index: What lies beside it.
    """
    try:
        return UploadInPieces(stored.handle, _PARSERS[suffix](index.read(MAX_INDEX), stored.size))
    except FormatError as error:
        is_damaged = suffix == _COMPRESSED and error.kind != NO_INDEX
        return UploadInPieces(stored.handle, None) if is_damaged else None
