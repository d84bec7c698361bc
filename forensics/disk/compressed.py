"""Unpacks .xz, .gz, .bz2 and .zst files into a temporary sparse file, within bounds."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

from forensics.disk.disk import Progress
from forensics.disk.errors import SourceError
from forensics.lack_of_memory import pass_on
from forensics.language import sentence

MAGIC = {
    b"\xfd7zXZ\0": "xz",
    b"\x1f\x8b\x08": "gzip",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "zstd",
}
MAGIC_SIZE = max(map(len, MAGIC))
SUFFIXES = (".xz", ".gz", ".bz2", ".zst")
MAX_UNPACKED = 2 << 40
"""Format: bytes that a compressed image may unpack to."""
MAX_RATIO = 2_000
"""Format: what a file may unpack to in proportion to itself: an empty disk shrinks by 100 to 700."""
LEAST_LIMIT = 4 << 30
"""Format: bytes that a file may unpack to however small it is."""
_BLOCK = 64 * 1024
_OUTPUT = 1 << 20
_ZSTD_WINDOW = 31
"""Format: binary logarithm of the bytes of memory that zstd may take."""
_XZ_MEMORY = 1 << 30
"""Format: bytes of memory that xz may take."""
_ZERO = bytes(_BLOCK)


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes: ...


def compression(head: bytes) -> str | None:
    """Name the compression a file begins with."""
    return next((name for magic, name in MAGIC.items() if head.startswith(magic)), None)


def unpacked_head(file: BinaryIO, kind: str, size: int = 1) -> bytes:
    """Unpack the beginning of a file, at least as many bytes as are asked for and a MiB more at the most.

    Args:
        file: The compressed file, or its first part, at its start.
        kind: As :func:`compression` names it.
        size: Bytes that are needed.

    Returns:
        What unpacks, which may be less; empty where nothing does.
    """
    head = bytearray()
    try:
        for chunk in _chunks(file, kind):
            head += chunk
            if len(head) >= size:
                break
    # Each decompressor has its own exceptions.
    except Exception as error:
        pass_on(error)
    return bytes(head)


def unpack(file: BinaryIO, kind: str, name: str, size: int, progress: Progress, limit: int = MAX_UNPACKED) -> BinaryIO:
    """Unpack a file; zeros become holes.

    Args:
        file: The compressed file, at its start.
        kind: As :func:`compression` names it.
        name: For messages.
        size: Bytes of the compressed file.
        progress: Told of every twentieth part.
        limit: Most bytes the content may have.

    Returns:
        An unnamed temporary file, which vanishes when it is closed.

    Raises:
        SourceError: ``truncated``, ``damaged``, ``too_large`` or ``disk_full``.
    """
    from forensics.disk.temporary import temporary  # here, as in the others: most disks are not compressed

    target = temporary()
    try:
        limit = min(limit, max(LEAST_LIMIT, size * MAX_RATIO))
        _fill(target, _chunks(file, kind), file, name, size, progress, limit)
    except EOFError as error:
        target.close()
        raise SourceError(
            "truncated", sentence("{name} ends in the middle of its {kind} data: copy it again", name=name, kind=kind)
        ) from error
    except SourceError:
        target.close()
        raise
    # Each decompressor has its own exceptions, and all of them mean that the data is not what it should be.
    except Exception as error:
        pass_on(error)
        target.close()
        pass_on(error)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            import tempfile

            folder = tempfile.gettempdir()
            message = sentence(
                "{name} does not fit into {folder}: unpack it elsewhere (or set TMPDIR)", name=name, folder=folder
            )
            raise SourceError("disk_full", message) from error
        raise SourceError(
            "damaged",
            sentence(
                "{name} cannot be unpacked, its {kind} data is damaged: {error}; copy it again",
                name=name,
                kind=kind,
                error=error,
            ),
        ) from error
    target.seek(0)
    return target


def _fill(
    target: BinaryIO, chunks: Iterator[bytes], file: BinaryIO, name: str, size: int, progress: Progress, limit: int
) -> None:
    from forensics.disk.temporary import Room

    room = Room()
    done, told = 0, 0
    for chunk in chunks:
        for start in range(0, len(chunk), _BLOCK):
            part = chunk[start : start + _BLOCK]
            if part != _ZERO[: len(part)]:
                room.take(len(part))
                target.seek(done)
                target.write(part)
            else:
                room.skip(len(part))
            done += len(part)
        if done > limit:
            raise SourceError(
                "too_large",
                sentence(
                    "{name} unpacks to more than {limit} bytes: if it is no trap, unpack it yourself and examine that",
                    name=name,
                    limit=limit,
                ),
            )
        part_done = 20 * file.tell() // max(1, size)
        if part_done > told:
            told = part_done
            progress(f"unpacking {name}: {min(100, 5 * told)} %")
    target.truncate(done)


def _chunks(file: BinaryIO, kind: str) -> Iterator[bytes]:
    if kind == "zstd":
        from forensics.formats.zstandard import zstd

        widest: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW}
        return _streams(file, lambda: zstd.ZstdDecompressor(options=widest), b"")
    if kind == "gzip":
        return _streams(file, _Gzip, b"\0")
    if kind == "xz":
        import lzma

        return _streams(file, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _XZ_MEMORY), b"\0")
    import bz2

    return _streams(file, bz2.BZ2Decompressor, b"")


def _streams(file: BinaryIO, new: Callable[[], _Decompressor], padding: bytes) -> Iterator[bytes]:
    """Yield the content of one compressed stream after the other, at most ``_OUTPUT`` bytes at a time."""
    data = file.read(_BLOCK)
    while data:
        decompressor = new()
        at_end = False
        while not decompressor.eof:
            if decompressor.needs_input and not data:
                data = file.read(_BLOCK)
                at_end = not data
            chunk = decompressor.decompress(data, _OUTPUT)
            if at_end and not chunk and not decompressor.eof:
                raise EOFError
            data = b""
            yield chunk
        data = decompressor.unused_data or file.read(_BLOCK)
        while data and padding and not data.strip(padding):
            data = file.read(_BLOCK)
        data = data.lstrip(padding) if padding else data


class _Gzip:
    """zlib's gzip reader with the interface of the other two."""

    def __init__(self) -> None:
        import zlib

        self._inner = zlib.decompressobj(31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max(0, max_length))
