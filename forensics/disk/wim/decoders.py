"""What unpacks the chunks of a WIM: libwim where it is installed, own code for XPRESS where it is not.

libwim is C code in this process, and the chunks are hostile: it is handed bytes, and the number of bytes that they
unpack to, both bounded, and never a file.

References:
    - wimlib.h, "Compression and decompression functions" (LGPL-3.0-or-later)
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache, lru_cache

from forensics.disk.tree import NotObtained
from forensics.disk.wim.structures import LZMS, LZX, METHODS, XPRESS
from forensics.language import sentence

Decoder = Callable[[bytes, int], bytes]
"""Takes a chunk and the bytes that it unpacks to; raises NotObtained where it does not."""

_CHUNKS = {XPRESS: (12, 16), LZX: (15, 21), LZMS: (15, 28)}
"""Least and greatest size of a chunk, as powers of two; LZMS may have 1 GiB, and nobody writes more than 64 MiB."""
_ON_WINDOWS = "libwim-15.dll"
_ON_MACOS = tuple(f"/{folder}/lib/libwim.15.dylib" for folder in ("opt/homebrew", "usr/local", "opt/local"))
_ON_LINUX = "libwim.so.15"
_DAMAGED = sentence("the WIM is damaged there, which says nothing about the file itself: it does not unpack")
WITHOUT_LIBWIM = sentence(
    "install libwim (Debian: libwim15; macOS: brew install wimlib; Windows: libwim-15.dll in a "
    "folder of PATH), or apply the image to an NTFS in a file, which keeps access lists, and "
    "examine that: truncate -s 40G w.img; mkntfs -F w.img; wimapply IMAGE.wim 1 w.img"
)
"""What to do where LZX or LZMS cannot be unpacked."""


class _Libwim:
    """The functions of libwim that unpack.

    Args:
        library: It.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self.create = library.wimlib_create_decompressor
        self.create.argtypes = [ctypes.c_int, ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p)]
        self.create.restype = ctypes.c_int
        self.decompress = library.wimlib_decompress
        self.decompress.argtypes = [
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.c_void_p,
            ctypes.c_size_t,
            ctypes.c_void_p,
        ]
        self.decompress.restype = ctypes.c_int
        self.free = library.wimlib_free_decompressor
        self.free.argtypes = [ctypes.c_void_p]
        self.free.restype = None


@cache
def _libwim() -> _Libwim | None:
    """Load libwim; None where it is not installed."""
    for name in _names():
        try:
            return _Libwim(ctypes.CDLL(name))
        except (OSError, AttributeError):
            continue
    return None


def _names() -> Iterator[str]:
    """Yield the names under which libwim may be found: none that the folder with the evidence could hold."""
    if sys.platform == "win32":
        found = ctypes.util.find_library(_ON_WINDOWS)
        if found is not None and os.path.isabs(found):
            yield found
    elif sys.platform == "darwin":
        yield from _ON_MACOS
    else:
        yield _ON_LINUX


def lacks_decoder(method: int) -> bool:
    """Tell whether nothing is installed that unpacks a method."""
    return method in (LZX, LZMS) and _libwim() is None


def reader_of(methods: Iterable[int]) -> str | None:
    """Return the name of the library that unpacks what is compressed in these ways; None where that is our own code."""
    return "libwim" if any(method in _CHUNKS for method in methods) and _libwim() is not None else None


def is_chunk_size(method: int, size: int) -> bool:
    """Tell whether chunks of a size can be unpacked."""
    if method not in _CHUNKS:
        return False
    least, most = _CHUNKS[method]
    return size & (size - 1) == 0 and 1 << least <= size <= 1 << most


@lru_cache(maxsize=8)
def decoder_of(method: int, chunk_size: int) -> Decoder:
    """Return what unpacks chunks.

    Args:
        method: How they are compressed.
        chunk_size: Bytes that one unpacks to at most.

    Raises:
        NotObtained: The method or size is not known, or nothing that unpacks it is installed.
    """
    if not is_chunk_size(method, chunk_size):
        name = METHODS[method] if method < len(METHODS) else sentence("method {method}", method=method)
        raise NotObtained(
            sentence(
                "compressed with {name} in chunks of {chunk_size} bytes, which is not read",
                name=name,
                chunk_size=chunk_size,
            )
        )
    library = _libwim()
    if library is not None:
        return _LibwimDecoder(library, method, chunk_size)
    if method == XPRESS:
        return _xpress
    raise NotObtained(
        sentence("compressed with {methods}, and libwim, which unpacks that, is not installed", methods=METHODS[method])
    )


class _LibwimDecoder:
    """A decompressor of libwim.

    Args:
        library: libwim.
        method: How the chunks are compressed.
        chunk_size: Bytes that one unpacks to at most.
    """

    def __init__(self, library: _Libwim, method: int, chunk_size: int) -> None:
        self._library = library
        self._most = chunk_size
        self._handle = ctypes.c_void_p()
        if library.create(method, chunk_size, ctypes.byref(self._handle)) or not self._handle:
            raise NotObtained(
                sentence(
                    "libwim cannot unpack {methods} in chunks of {chunk_size} bytes",
                    methods=METHODS[method],
                    chunk_size=chunk_size,
                )
            )

    def __call__(self, chunk: bytes, size: int) -> bytes:
        if not 0 < size <= self._most or len(chunk) >= size:
            raise NotObtained(sentence("the WIM is damaged there: a chunk of it has a size that none has"))
        target = ctypes.create_string_buffer(size)
        if self._library.decompress(chunk, len(chunk), target, size, self._handle):
            raise NotObtained(_DAMAGED)
        return target.raw

    def __del__(self) -> None:
        if self._handle:
            self._library.free(self._handle)


def _xpress(chunk: bytes, size: int) -> bytes:
    from forensics.disk.wim.xpress import unpack_xpress

    try:
        return unpack_xpress(chunk, size)
    except (ValueError, IndexError) as error:
        raise NotObtained(_DAMAGED) from error
