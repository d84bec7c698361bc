"""The shadow copies of an NTFS volume: listed by its catalog, each opened as a tree of its own when it is asked for.

To list them takes one read of a volume that has none, and two of one that has some.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from forensics.disk.ntfs.damage import DamageLog
from forensics.disk.ntfs.volume import NtfsVolume, ntfs_size
from forensics.disk.shadow_copy import ShadowCopy
from forensics.disk.tree import NotObtained, Unreadable
from forensics.formats.errors import FormatError
from forensics.formats.shadow_catalog import (
    HEADER_AT,
    HEADER_SIZE,
    CatalogCopy,
    ShadowCatalog,
    parse_catalog,
    parse_shadow_header,
    saved_blocks,
)
from forensics.language import sentence
from forensics.tables.shadow_path import shadow_path

if TYPE_CHECKING:
    from forensics.disk.ntfs.damage import Report
    from forensics.disk.ntfs.shadow_tree import ShadowTree
    from forensics.disk.ntfs.shadow_volume import ShadowVolume
    from forensics.disk.tree import WantedNames

_VOLUME = "$Volume"
"""Stands for the volume itself in the path of what is damaged in a copy of it."""


def shadow_copies(volume: NtfsVolume, damage: DamageLog) -> Sequence[ShadowCopy]:
    """Return the shadow copies of a volume, the newest first.

    Args:
        volume: The volume.
        damage: Is told what is damaged in a copy that is opened.

    Raises:
        NotObtained: The volume does not give their catalog.
        Unreadable: The catalog does not parse, or leaves out what it should name.
    """
    try:
        header = parse_shadow_header(volume.reader.read_at(HEADER_AT, HEADER_SIZE))
        if header is None or not header.catalog:
            return ()
    except FormatError as error:
        raise Unreadable(sentence("the header of its shadow copies is damaged: {error}", error=error)) from error
    try:
        catalog = parse_catalog(volume.reader.read_at, header.catalog, _size(volume))
    except FormatError as error:
        if header.kept_on != header.volume:
            raise NotObtained(
                sentence("its shadow copies are kept on another volume, {kept_on}", kept_on=header.kept_on)
            ) from error
        raise Unreadable(sentence("the catalog of its shadow copies is damaged: {error}", error=error)) from error
    kept = _Kept(volume, catalog, damage)
    return tuple(ShadowCopy(str(copy.identifier), copy.created, partial(kept.open, copy)) for copy in catalog.copies)


def _size(volume: NtfsVolume) -> int:
    return ntfs_size(volume.boot) if volume.reader.size is None else volume.reader.size


class _Kept:
    """The copies of one volume."""

    def __init__(self, volume: NtfsVolume, catalog: ShadowCatalog, damage: DamageLog) -> None:
        self._volume = volume
        self._catalog = catalog
        self._damage = damage
        self._library: ShadowVolume | None = None
        self._named: dict[object, set[int]] = {}

    def open(self, copy: CatalogCopy) -> ShadowTree:
        """Open the volume as a copy has it. Raises NotObtained and Unreadable."""
        from forensics.disk.ntfs.shadow_tree import Present, ShadowTree
        from forensics.disk.ntfs.shadow_volume import ShadowVolume

        self._refuse_unclear(copy)
        if self._library is None:
            self._library = ShadowVolume(self._volume, self._catalog)
        stream = self._library.stream(copy)
        now = Present(self._volume, self._records_named, partial(self._saved_since, copy))
        return ShadowTree(stream, copy.volume_size, now, self._report(copy))

    def _refuse_unclear(self, copy: CatalogCopy) -> None:
        newer = self._catalog.copies[: self._catalog.copies.index(copy)]
        if copy.is_described and copy.volume_size < HEADER_AT:
            raise Unreadable(
                sentence("the catalog of shadow copies gives it {volume_size} bytes", volume_size=copy.volume_size)
            )
        if copy.saved is None:
            raise NotObtained(sentence("the catalog of shadow copies does not say where it keeps its blocks"))
        if any(other.saved is None for other in newer):
            raise NotObtained(
                sentence(
                    "the catalog of shadow copies does not say where a newer one keeps its blocks, on which it depends"
                )
            )
        if not self._catalog.is_in_order:
            raise NotObtained(
                sentence(
                    "the catalog of shadow copies does not say for certain which of them are newer, and what one "
                    "holds depends on all newer ones"
                )
            )

    def _saved_since(self, copy: CatalogCopy) -> Iterator[set[int]]:
        """Yield where blocks begin that may differ from those of today. Raises FormatError and NotObtained."""
        for newer in self._catalog.copies[: self._catalog.copies.index(copy) + 1]:
            yield from saved_blocks(self._volume.reader.read_at, newer, _size(self._volume))

    def _records_named(self, wanted: WantedNames) -> set[int]:
        """Return the numbers of the present records with a name of the wanted form, searched once for all copies."""
        from forensics.disk.ntfs.mft_search import records_named

        form = wanted.marks, wanted.any_case
        if form not in self._named:
            self._named[form] = records_named(self._volume, wanted)
        return self._named[form]

    def _report(self, copy: CatalogCopy) -> Report:
        def report(path: str, kind: str, message: str, offset: int | None) -> None:
            named = shadow_path(path or _VOLUME, str(copy.identifier), copy.created)
            self._damage.tell(named, message, offset, kind)

        return report
