"""Reading clusters: the volume itself and the content of one NTFS stream."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from forensics.disk.sized_stream import SizedStream
from forensics.disk.tree import NotObtained, Unreadable
from forensics.lack_of_memory import pass_on
from forensics.language import sentence

if TYPE_CHECKING:
    from forensics.disk.ntfs.record import Run

_MAX_UNIT = 1 << 20
"""Format: bytes of one compression unit."""
_LZNT1_CHUNK = 4096


class VolumeReader:
    """Reads at offsets of a volume; what it does not give is NotObtained, with the place.

    Args:
        stream: The disk or volume, seekable.
        offset: Start of the volume in it, bytes.
        size: Bytes of the volume; None for up to the end of the stream.
    """

    def __init__(self, stream: BinaryIO, offset: int = 0, size: int | None = None) -> None:
        self.stream = stream
        self.offset = offset
        self.size = size

    def read_at(self, offset: int, count: int) -> bytes:
        """Return exactly ``count`` bytes, or raise NotObtained."""
        if offset < 0 or (self.size is not None and offset + count > self.size):
            raise NotObtained(
                sentence("bytes {offset} to {offset2} lie outside the volume", offset=offset, offset2=offset + count)
            )
        try:
            self.stream.seek(self.offset + offset)
            data = self.stream.read(count)
        except Unreadable:
            raise
        # Container readers of many libraries raise many things; to a caller each means the same.
        except Exception as error:
            pass_on(error)
            raise NotObtained(
                sentence("the image cannot be read at byte {offset}: {error}", offset=self.offset + offset, error=error)
            ) from error
        if len(data) != count:
            raise NotObtained(
                sentence("the image ends before byte {offset}: it is truncated", offset=self.offset + offset + count)
            )
        return data


class Piece(NamedTuple):
    """A part of a stream that lies in one place: its first byte and end, and the byte of the volume where it begins."""

    start: int
    end: int
    place: int


class RunStream(SizedStream):
    """The content of a non-resident stream.

    Args:
        volume: Where the clusters lie.
        runs: The whole run list.
        cluster: Cluster size in bytes.
        size: Bytes of the stream.
        initialized: Bytes ever written; the rest reads as zeros, whatever its clusters hold.
    """

    def __init__(self, volume: VolumeReader, runs: Sequence[Run], cluster: int, size: int, initialized: int) -> None:
        super().__init__(size)
        self._volume = volume
        self._runs = runs
        self._cluster = cluster
        self._initialized = initialized
        self._starts = [0, *accumulate(count * cluster for _, count in runs)]
        if self._starts[-1] < initialized:
            raise NotObtained(sentence("its run list is shorter than the file"))

    def read(self, size: int | None = -1, /) -> bytes:
        count = self._count(size)
        written = max(0, min(count, self._initialized - self._at))
        data = self._content(self._at, written) if written else b""
        self._at += count
        return data + bytes(count - written)

    def readall(self) -> bytes:
        return self.read()

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def place(self, offset: int) -> int | None:
        """Return where a byte of the stream lies on the volume; None where it lies in no cluster."""
        index = bisect_right(self._starts, offset) - 1
        if not 0 <= index < len(self._runs):
            return None
        lcn = self._runs[index][0]
        return None if lcn is None else lcn * self._cluster + offset - self._starts[index]

    def extents(self) -> Iterator[tuple[int, int]]:
        """Yield first byte and end of each part that lies in clusters; what lies between them is zero."""
        for (lcn, _), start, end in zip(self._runs, self._starts, self._starts[1:], strict=False):
            if lcn is not None:
                yield start, min(end, self._size)

    def pieces(self) -> Iterator[Piece]:
        """Yield what lies in clusters, in order."""
        for start, end in self.extents():
            place = self.place(start)
            if place is not None and start < end:
                yield Piece(start, end, place)

    def _content(self, offset: int, count: int) -> bytes:
        parts = []
        index = bisect_right(self._starts, offset) - 1
        while count:
            within = offset - self._starts[index]
            take = min(count, self._starts[index + 1] - offset)
            lcn = self._runs[index][0]
            parts.append(bytes(take) if lcn is None else self._volume.read_at(lcn * self._cluster + within, take))
            offset, count, index = offset + take, count - take, index + 1
        return b"".join(parts)


class CompressedStream(RunStream):
    """The content of an LZNT1-compressed stream.

    Args:
        unit: Log2 of the clusters in one compression unit.
    """

    def __init__(
        self, volume: VolumeReader, runs: Sequence[Run], cluster: int, size: int, initialized: int, unit: int
    ) -> None:
        super().__init__(volume, runs, cluster, size, initialized)
        self._unit = cluster << unit
        if self._unit > _MAX_UNIT:
            raise NotObtained(sentence("compression units of {unit} bytes are not NTFS", unit=self._unit))
        self._cached: tuple[int, bytes] = (-1, b"")

    def _content(self, offset: int, count: int) -> bytes:
        parts = []
        while count:
            number, within = divmod(offset, self._unit)
            data = self._decompressed(number)[within : within + count]
            if not data:
                raise NotObtained(sentence("a compression unit is shorter than the file says"))
            parts.append(data)
            offset, count = offset + len(data), count - len(data)
        return b"".join(parts)

    def _decompressed(self, number: int) -> bytes:
        if self._cached[0] == number:
            return self._cached[1]
        start = number * self._unit
        stored, holes = self._stored(start, min(start + self._unit, self._starts[-1]))
        if not stored:
            data = bytes(self._unit)
        elif not holes:
            data = stored
        else:
            data = _lznt1(_chunks(stored, self._unit))[: self._unit]
            # Windows leaves out zeros at the end of a unit.
            data += bytes(self._unit - len(data))
        self._cached = (number, data)
        return data

    def _stored(self, start: int, end: int) -> tuple[bytes, bool]:
        parts, holes, offset = [], False, start
        index = bisect_right(self._starts, offset) - 1
        while offset < end:
            take = min(end, self._starts[index + 1]) - offset
            lcn = self._runs[index][0]
            if lcn is None:
                holes = True
            else:
                parts.append(self._volume.read_at(lcn * self._cluster + offset - self._starts[index], take))
            offset, index = offset + take, index + 1
        return b"".join(parts), holes


def _chunks(data: bytes, unit: int) -> bytes:
    """Return the chunks that fill a unit, each of which stands for 4 KiB: more of them are a trap."""
    offset = 0
    for _ in range(-(-unit // _LZNT1_CHUNK)):
        header = int.from_bytes(data[offset : offset + 2], "little")
        if not header:
            break
        offset += (header & 0xFFF) + 3
    return data[:offset]


def _lznt1(data: bytes) -> bytes:
    from dissect.util.compression import lznt1

    try:
        # The list ends at a zero chunk header, which may have been cut with the last cluster.
        return bytes(lznt1.decompress(data + bytes(2)))
    except Exception as error:
        pass_on(error)
        raise NotObtained(sentence("a compressed part is damaged: {error}", error=error)) from error
