"""How Velociraptor stores uploads in pieces: compressed by its server, or without the holes of a sparse file.

References:
    Velociraptor, file_store/api/compressed.go: the index of a compressed file, ``NAME.chunk``, and zlib in ``NAME``.
    Velociraptor, actions/proto/transport.proto and reporting/container.go: the ranges of a sparse one, ``NAME.idx``.
"""

from __future__ import annotations

import json
import struct

from forensics.formats.errors import FormatError
from forensics.language import sentence
from forensics.late_methods import dataclass

MAX_PIECES = 500_000
"""Format: pieces of one file."""
MAX_PIECE = 64 << 20
"""Format: bytes of one compressed piece, and those that it unpacks to; Velociraptor's own bound is lower."""
NO_INDEX = "no_index"
"""Kind of the error of what is no index at all, whatever its name."""
_CHUNK = struct.Struct("<qqqqQ")


@dataclass(frozen=True, slots=True)
class StoredPiece:
    """A piece of a file.

    Attributes:
        start: Where in the file it begins.
        size: Its bytes there.
        stored_at: Where it begins in what is stored.
        stored_size: Its bytes there; 0 for a hole.
    """

    start: int
    size: int
    stored_at: int
    stored_size: int


@dataclass(frozen=True, slots=True)
class StoredUpload:
    """A file in pieces, which follow one another without a gap.

    Attributes:
        pieces: All of it, in their order.
        size: Bytes of the whole file.
        is_compressed: Each piece is a zlib stream of its own.
        is_encrypted: The server's key is needed.
    """

    pieces: tuple[StoredPiece, ...]
    size: int
    is_compressed: bool
    is_encrypted: bool = False


def parse_chunk_index(data: bytes, stored: int) -> StoredUpload:
    """Parse the index of a compressed upload.

    Args:
        data: The index.
        stored: Bytes of the compressed file.

    Raises:
        FormatError: It is none, or that of another file.
    """
    if not data or len(data) % _CHUNK.size or len(data) // _CHUNK.size > MAX_PIECES:
        raise FormatError(NO_INDEX, 0, sentence("{count} bytes are no index of compressed pieces", count=len(data)))
    rows = list(_CHUNK.iter_unpack(data))
    if any(max(row[2], row[3]) > MAX_PIECE for row in rows):
        raise FormatError("too_large", 0, sentence("a compressed piece is larger than any that Velociraptor writes"))
    pieces = [StoredPiece(start, size, at, packed) for start, at, packed, size, _ in rows]
    return StoredUpload(_whole(pieces, stored), _end(pieces), True, any(row[4] for row in rows))


def parse_sparse_index(data: bytes, stored: int) -> StoredUpload:
    """Parse the ranges of a sparse upload.

    Args:
        data: The index, JSON.
        stored: Bytes of what of the file is no hole.

    Raises:
        FormatError: It is none, or that of another file.
    """
    try:
        ranges = json.loads(data)["ranges"]
        names = ("original_offset", "length", "file_offset", "file_length")
        pieces = [StoredPiece(*(int(each.get(name, 0)) for name in names)) for each in ranges[: MAX_PIECES + 1]]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise FormatError("bad_value", 0, sentence("no list of the ranges of a sparse file")) from error
    if len(pieces) > MAX_PIECES or any(piece.stored_size not in (0, piece.size) for piece in pieces):
        raise FormatError("bad_value", 0, sentence("its ranges are not those of a sparse file"))
    return StoredUpload(_whole(pieces, stored), _end(pieces), False)


def _whole(pieces: list[StoredPiece], stored: int) -> tuple[StoredPiece, ...]:
    """Return pieces that follow one another, in the file and in what is stored, and are all of it."""
    start = at = 0
    for piece in pieces:
        if piece.size < 0 or piece.stored_size < 0 or (piece.start, piece.stored_at) != (start, at):
            raise FormatError("bad_value", 0, sentence("its pieces do not follow one another"))
        start, at = start + piece.size, at + piece.stored_size
    if not pieces or at != stored:
        raise FormatError(
            "bad_length", 0, sentence("its pieces have {at} bytes, what is stored has {stored}", at=at, stored=stored)
        )
    return tuple(pieces)


def _end(pieces: list[StoredPiece]) -> int:
    return pieces[-1].start + pieces[-1].size
