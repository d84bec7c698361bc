"""Indexes of uploads in pieces: what fits is read, what does not is refused."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest

from forensics.formats.errors import FormatError
from forensics.formats.velociraptor_upload import (
    MAX_PIECE,
    NO_INDEX,
    StoredPiece,
    StoredUpload,
    parse_chunk_index,
    parse_sparse_index,
)


def chunks(*rows: tuple[int, int, int, int, int]) -> bytes:
    return b"".join(struct.pack("<qqqqQ", *row) for row in rows)


def ranges(*rows: dict[str, Any]) -> bytes:
    return json.dumps({"ranges": rows}).encode()


def test_compressed_pieces() -> None:
    index = chunks((0, 0, 10, 100, 0), (100, 10, 5, 50, 0))
    pieces = (StoredPiece(0, 100, 0, 10), StoredPiece(100, 50, 10, 5))
    assert parse_chunk_index(index, 15) == StoredUpload(pieces, 150, True)
    assert parse_chunk_index(chunks((0, 0, 10, 100, 7)), 10).is_encrypted is True


@pytest.mark.parametrize(
    ("index", "stored", "kind"),
    [
        (b"", 0, NO_INDEX),
        (bytes(39), 0, NO_INDEX),
        (bytes(41), 0, NO_INDEX),
        (chunks((0, 0, 10, 100, 0)), 9, "bad_length"),
        (chunks((0, 0, 10, 100, 0)), 11, "bad_length"),
        (chunks((1, 0, 10, 100, 0)), 10, "bad_value"),
        (chunks((0, 1, 10, 100, 0)), 10, "bad_value"),
        (chunks((0, 0, 10, 100, 0), (99, 10, 5, 50, 0)), 15, "bad_value"),
        (chunks((0, 0, 10, 100, 0), (100, 11, 5, 50, 0)), 15, "bad_value"),
        (chunks((0, 0, -1, 100, 0), (100, -1, 11, 50, 0)), 10, "bad_value"),
        (chunks((0, 0, 10, -1, 0)), 10, "bad_value"),
        (chunks((0, 0, 10, MAX_PIECE + 1, 0)), 10, "too_large"),
        (chunks((0, 0, MAX_PIECE + 1, 10, 0)), MAX_PIECE + 1, "too_large"),
    ],
)
def test_indexes_of_something_else(index: bytes, stored: int, kind: str) -> None:
    with pytest.raises(FormatError) as refused:
        parse_chunk_index(index, stored)
    assert refused.value.kind == kind


def test_ranges_of_a_sparse_file() -> None:
    index = ranges(
        {"file_length": 512, "length": 512},
        {"original_offset": 512, "file_offset": 512, "length": 1 << 40},
        {"original_offset": "1099511628288", "file_offset": "512", "file_length": "7", "length": "7"},
    )
    pieces = (StoredPiece(0, 512, 0, 512), StoredPiece(512, 1 << 40, 512, 0), StoredPiece((1 << 40) + 512, 7, 512, 7))
    assert parse_sparse_index(index, 519) == StoredUpload(pieces, (1 << 40) + 519, False)


@pytest.mark.parametrize(
    ("index", "stored"),
    [
        (b"", 0),
        (b"IDX\0\xff", 0),
        (b"[]", 0),
        (b"{}", 0),
        (b'{"ranges": 3}', 0),
        (b'{"ranges": [3]}', 0),
        (b'{"ranges": [{"length": "x"}]}', 0),
        (b"[" * 100_000, 0),
        (ranges(), 0),
        (ranges({"file_length": 5, "length": 6}), 5),
        (ranges({"file_length": 5, "length": 5}), 6),
        (ranges({"file_length": 5, "length": 5}, {"original_offset": 6, "file_offset": 5, "length": 5}), 5),
    ],
)
def test_what_is_no_list_of_ranges(index: bytes, stored: int) -> None:
    with pytest.raises(FormatError):
        parse_sparse_index(index, stored)
