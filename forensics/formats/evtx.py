"""The frame of an event log: file header and 64 KiB chunks with their checksums; records are the Rust parser's work.

Each chunk stands alone: every name and every provider that its records speak of is spelt out inside it. So chunks can
be chosen by their bytes and put together again as a smaller log.

References:
    https://github.com/libyal/libevtx/blob/main/documentation/Windows%20XML%20Event%20Log%20(EVTX).asciidoc
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

from forensics.formats.errors import FormatError
from forensics.language import sentence

HEADER_SIZE = 4096
CHUNK_SIZE = 0x10000
_FILE_MAGIC = b"ElfFile\0"
_CHUNK_MAGIC = b"ElfChnk\0"
CHUNK_HEADER = 512


def check_file_header(data: bytes) -> None:
    """Check the first block of an event log.

    Args:
        data: The first 4096 bytes of the file, or fewer when it is shorter.

    Raises:
        FormatError: It is no event log, or its header is damaged; the chunks behind it may still be sound.
    """
    if len(data) < HEADER_SIZE:
        raise FormatError(
            "truncated",
            len(data),
            sentence("an event log begins with {header_size} bytes of header", header_size=HEADER_SIZE),
        )
    if data[:8] != _FILE_MAGIC:
        raise FormatError("bad_magic", 0, sentence("the file does not begin as an event log does"))
    if zlib.crc32(data[:120]) != int(struct.unpack_from("<I", data, 124)[0]):
        raise FormatError("bad_checksum", 124, sentence("the checksum of the event log's header is wrong"))


def is_unused(chunk: bytes) -> bool:
    """Tell whether a chunk was preallocated and never written."""
    return not any(chunk[:8]) and not chunk.strip(b"\0")


def has_chunk_magic(chunk: bytes) -> bool:
    """Tell whether a chunk begins as chunks do; a damaged one that does may still hold readable records."""
    return chunk[:8] == _CHUNK_MAGIC


def check_chunk(chunk: bytes) -> None:
    """Check one chunk.

    Args:
        chunk: Its 65,536 bytes, or fewer at the end of a truncated file.

    Raises:
        FormatError: Not a chunk, truncated, or a checksum is wrong; offsets are relative to the chunk.
    """
    if not has_chunk_magic(chunk):
        raise FormatError("bad_magic", 0, sentence("a chunk of the event log does not begin as chunks do"))
    if len(chunk) < CHUNK_SIZE:
        raise FormatError(
            "truncated",
            len(chunk),
            sentence(
                "a chunk of the event log has {count} of {chunk_size} bytes", count=len(chunk), chunk_size=CHUNK_SIZE
            ),
        )
    free, data_sum = struct.unpack_from("<II", chunk, 48)
    (header_sum,) = struct.unpack_from("<I", chunk, 124)
    view = memoryview(chunk)
    if zlib.crc32(view[128:CHUNK_HEADER], zlib.crc32(view[:120])) != header_sum:
        raise FormatError("bad_checksum", 124, sentence("the checksum of a chunk's header is wrong"))
    if not CHUNK_HEADER <= free <= CHUNK_SIZE:
        raise FormatError("bad_length", 48, sentence("a chunk's free space begins outside the chunk"))
    if zlib.crc32(view[CHUNK_HEADER:free]) != data_sum:
        raise FormatError("bad_checksum", 52, sentence("the checksum of a chunk's records is wrong"))


def free_space(chunk: bytes) -> int:
    """Return where the records of a sound chunk end."""
    return int(struct.unpack_from("<I", chunk, 48)[0])


def log_of(chunks: Sequence[bytes]) -> bytes:
    """Put chunks together as a whole event log; a truncated one is filled up with zeros.

    Args:
        chunks: At most 65,535 of them, in any order.
    """
    head = struct.pack(
        "<8sQQQIHHHH", _FILE_MAGIC, 0, max(len(chunks) - 1, 0), 0, 128, 1, 3, HEADER_SIZE, len(chunks)
    ).ljust(120, b"\0")
    header = (head + struct.pack("<II", 0, zlib.crc32(head))).ljust(HEADER_SIZE, b"\0")
    return header + b"".join(chunk.ljust(CHUNK_SIZE, b"\0") for chunk in chunks)
