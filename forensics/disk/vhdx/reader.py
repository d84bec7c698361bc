"""Reads the virtual disk in a VHDX file: fixed, dynamic, or differencing with its chain of parents.

dissect's reader runs on into the block that lies next in the file where a read crosses a block boundary, never
compares a parent's identity and never replays the log; all three give wrong content without an error.

References:
    - [MS-VHDX] v8, section 2.5 (BAT)
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from dissect.util.stream import AlignedStream

from forensics.disk.errors import SourceError
from forensics.disk.evidence_files import open_evidence
from forensics.disk.vhdx import structures as fmt
from forensics.disk.vhdx.file import VhdxFile, VhdxReadError, file_name
from forensics.disk.vhdx.parent import ParentCandidate, ParentResolver, check_parent, find_beside, no_parent
from forensics.formats.errors import FormatError
from forensics.language import sentence

__all__ = ["MAX_CHAIN", "ParentResolver", "VhdxReadError", "VhdxStream", "open_vhdx"]

MAX_CHAIN = 64
"""Format: differencing disks of one chain, base included."""

_ALIGN = 4096
_NO_DATA = (fmt.UNDEFINED, fmt.ZERO, fmt.UNMAPPED)


class VhdxStream(AlignedStream):
    """The virtual disk, as a seekable read-only stream; made by ``open_vhdx``.

    Args:
        chain: The opened files: the disk itself first, then parent after parent to the base.

    Attributes:
        size: Size of the virtual disk in bytes.
        sector_size: Logical sector size, 512 or 4096.
        files: Names of the files, the disk itself first.
    """

    size: int

    def __init__(self, chain: list[VhdxFile]) -> None:
        self._chain = chain
        super().__init__(chain[0].geometry.disk_size, _ALIGN)
        self.sector_size = chain[0].geometry.sector_size
        self.files = [file.name for file in chain]

    @property
    def problems(self) -> list[FormatError]:
        """What is wrong with the files although the disk could be opened; grows while the disk is read."""
        return [problem for file in self._chain for problem in file.problems]

    def close(self) -> None:
        """Close the files that were opened for this stream."""
        for file in self._chain:
            file.close()

    def _read(self, offset: int, length: int) -> bytes:
        return self._read_layer(0, offset, min(length, self.size - offset))

    def _read_layer(self, layer: int, offset: int, length: int) -> bytes:
        """Read from a file of the chain and its parents; raises VhdxReadError."""
        if layer == len(self._chain):
            return bytes(length)
        block_size = self._chain[layer].geometry.block_size
        parts = []
        while length > 0:
            block, start = divmod(offset, block_size)
            count = min(length, block_size - start)
            parts.append(self._read_in_block(layer, block, start, count))
            offset += count
            length -= count
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _read_in_block(self, layer: int, block: int, start: int, count: int) -> bytes:
        file = self._chain[layer]
        entry = file.bat_entry(block)
        if entry.state == fmt.FULLY_PRESENT:
            return file.read_block(block, entry, start, count)
        if entry.state == fmt.NOT_PRESENT:
            return self._read_layer(layer + 1, block * file.geometry.block_size + start, count)
        if entry.state in _NO_DATA:
            return bytes(count)
        if entry.state == fmt.PARTIALLY_PRESENT and file.locator is not None:
            return self._read_mixed(layer, block, entry, start, count)
        raise file.unknown_state(block, entry.state)

    def _read_mixed(self, layer: int, block: int, entry: fmt.BatEntry, start: int, count: int) -> bytes:
        """Read a block of which some sectors are in this file and the others in the parent."""
        file = self._chain[layer]
        size = self.sector_size
        first = start // size
        bitmap = file.sector_bitmap(block, first, -(-(start + count) // size) - first)
        cuts = [0, *(at for at in range(1, len(bitmap)) if bitmap[at] != bitmap[at - 1]), len(bitmap)]
        parts = []
        for run_start, run_end in pairwise(cuts):
            low, high = max(start, (first + run_start) * size), min(start + count, (first + run_end) * size)
            if bitmap[run_start] == "1":
                parts.append(file.read_block(block, entry, low, high - low))
            else:
                parts.append(self._read_layer(layer + 1, block * file.geometry.block_size + low, high - low))
        return b"".join(parts)


def open_vhdx(
    source: Path | BinaryIO, *, name: str | None = None, resolve_parent: ParentResolver | None = None
) -> VhdxStream:
    """Open a VHDX or AVHDX file, and its parents where it is a differencing disk.

    Args:
        source: Path of the file, or the opened file, which stays the caller's to close.
        name: What messages call an opened file; a path is called what it is.
        resolve_parent: Looks for a parent. By default they are looked for in the file system as ``find_beside`` says
            when ``source`` is a path, and not at all when it is an opened file.

    Raises:
        SourceError: Not a VHDX file, a damaged one, or a parent that is missing or not the parent.
    """
    chain: list[VhdxFile] = []
    try:
        if isinstance(source, Path):
            resolve_parent = resolve_parent or find_beside
            chain.append(_open_file(open_evidence(source, buffering=0), str(source), owned=True))
        else:
            chain.append(_open_file(source, name or file_name(source), owned=False))
        while (locator := chain[-1].locator) is not None:
            if len(chain) == MAX_CHAIN:
                raise SourceError(
                    "chain_too_long",
                    sentence("{name} has more than {max_chain} parents", name=chain[0].name, max_chain=MAX_CHAIN - 1),
                )
            candidates = resolve_parent(chain[-1].name, locator) if resolve_parent else ()
            chain.append(_open_parent(chain, candidates))
        return VhdxStream(chain)
    except BaseException as error:
        for file in chain:
            file.close()
        if isinstance(error, OSError):
            raise SourceError(
                "unreadable",
                sentence("{source} or a parent of it cannot be read: {error}", source=source, error=error),
            ) from error
        raise


def _open_file(fh: BinaryIO, name: str, *, owned: bool) -> VhdxFile:
    try:
        return VhdxFile(fh, name, owned=owned)
    except BaseException:
        if owned:
            fh.close()
        raise


def _open_parent(chain: list[VhdxFile], candidates: Iterable[ParentCandidate]) -> VhdxFile:
    """Open the first candidate that is the parent: a damaged or wrong one does not hide the right one."""
    child = chain[-1]
    tried: list[SourceError] = []
    for name, opener in candidates:
        if any(file.name == name for file in chain):
            tried.append(
                SourceError(
                    "wrong_parent", sentence("{name} cannot be its own parent, nor that of its parent", name=name)
                )
            )
            continue
        try:
            parent = _open_file(opener(), name, owned=True)
        except SourceError as error:
            tried.append(error)
            continue
        except OSError as error:
            tried.append(
                SourceError(
                    "unreadable",
                    sentence("{name} cannot be read: {strerror}", name=name, strerror=error.strerror or error),
                )
            )
            continue
        try:
            check_parent(child, parent)
        except SourceError as error:
            parent.close()
            tried.append(error)
            continue
        return parent
    raise no_parent(child, tried)
