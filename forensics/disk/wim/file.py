"""Opens a WIM: its header, blob table and images, and the other files of a split one.

References:
    - Microsoft, Windows Imaging File Format (WIM) white paper, 2007
    - wimlib, src/wim.c, src/xml.c
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from functools import partial
from pathlib import Path, PurePath
from typing import BinaryIO

from forensics.disk.disk import Holder
from forensics.disk.errors import SourceError
from forensics.disk.image import Image
from forensics.disk.tree import NotObtained
from forensics.disk.wim.contents import WimContents
from forensics.disk.wim.decoders import WITHOUT_LIBWIM, lacks_decoder, reader_of
from forensics.disk.wim.images import MAX_XML, EncryptedError, image_names
from forensics.disk.wim.metadata import BrokenImage, Metadata
from forensics.disk.wim.parts import first_part, open_part, part_paths
from forensics.disk.wim.structures import (
    HEADER_SIZE,
    MAX_BLOBS,
    MAX_IMAGES,
    METHODS,
    Blob,
    Resource,
    WimHeader,
    parse_blobs,
    parse_header,
)
from forensics.disk.wim.tree import WimTree
from forensics.formats.errors import FormatError
from forensics.language import sentence
from forensics.late_methods import dataclass

MAX_METADATA = 512 << 20
"""Format: bytes of the metadata of one image; those of a full server have some 50 MiB."""
_MOST_METADATA = 2
"""Work: images whose metadata are kept in memory; those of others are unpacked again when they are needed."""
_COPY = sentence("copy it again, and compare its size and hash with the original's")


@dataclass(frozen=True, slots=True)
class WimImage:
    """One image.

    Attributes:
        number: Its number, from 1.
        name: Its name; may be empty.
    """

    number: int
    name: str


class Wim:
    """An opened WIM.

    Args:
        image: The file.
        holder: Closes what is opened, and takes what is wrong with it.

    Attributes:
        images: Its images.
        reader: The library that unpacks it; None where the reader is ours.
        missing: Names of files of a split WIM that are not there.

    Raises:
        SourceError: It cannot be read; the message says what to do.
    """

    def __init__(self, image: Image, holder: Holder) -> None:
        image.file.seek(0)
        self._name = image.name
        self._header = parse_header(image.file.read(HEADER_SIZE), image.name)
        self._files: dict[int, tuple[BinaryIO, int]] = {self._header.part: (image.file, image.size)}
        self._blobs: dict[bytes, Blob] = {}
        self._known: OrderedDict[int, Metadata] = OrderedDict()
        self.missing: list[str] = []
        _refuse(image, self._header)
        self._contents = WimContents(self._files, self._header.method, self._header.chunk_size, holder.resources)
        try:
            names = self._image_names(holder)
            _refuse_without_decoder(image.name, [self._header.method])
            self._metadata = self._tables(self._header)[:MAX_IMAGES]
            self._join_parts(image.path, holder)
        except NotObtained as error:
            raise SourceError(
                "damaged",
                sentence("{name} is a damaged WIM image: {error}; {copy}", name=image.name, error=error, copy=_COPY),
            ) from error
        self.reader = reader_of(self._methods())
        if len(self._metadata) != self._header.images:
            holder.problem(
                image.name,
                "wim_damaged",
                sentence(
                    "its header tells of {images} images, and it holds {count}",
                    images=self._header.images,
                    count=len(self._metadata),
                ),
            )
        self.images = [WimImage(n, names.get(n, "")) for n in range(1, len(self._metadata) + 1)]

    def tree(self, image: WimImage) -> WimTree:
        """Return the files of an image, which are read when something is asked of them; raises NotObtained."""
        metadata = partial(self._metadata_of, image.number)
        try:
            metadata()
        except NotObtained as reason:
            raise BrokenImage(
                sentence("the list of its files cannot be read: {reason}; {copy}", reason=reason, copy=_COPY)
            ) from reason
        return WimTree(metadata, self._contents, self._blobs, image.name, self._lacking)

    @property
    def _lacking(self) -> str:
        if self.missing:
            parts = ", ".join(self.missing)
            return sentence(
                "its content lies in a part of the split WIM that is not there: put {parts} beside it", parts=parts
            )
        return sentence(
            "its content is not in the WIM, which builds on another one: export its image to one file (wimexport, dism)"
        )

    def _image_names(self, holder: Holder) -> dict[int, str]:
        try:
            return image_names(self._contents.whole(self._header.xml, MAX_XML))
        except EncryptedError:
            message = sentence(
                "{name} is an encrypted ESD, as Windows Update fetches it: decrypt it to a WIM first, or "
                "take the image from the installation medium; it is Microsoft's own, and holds no keys of a "
                "machine",
                name=self._name,
            )
            raise SourceError("encrypted", message) from None
        except (FormatError, NotObtained) as error:
            holder.problem(
                self._name,
                "wim_xml",
                sentence("what it tells of its images cannot be read: {error}", error=error),
            )
            return {}

    def _tables(self, header: WimHeader) -> list[tuple[bytes, Resource]]:
        """Read the blob table of one file; return what there is of metadata in it."""
        table = self._contents.whole(header.table, MAX_BLOBS * 50)
        return list(parse_blobs(table, header.part, self._blobs))

    def _join_parts(self, first: Path, holder: Holder) -> None:
        beside = part_paths(first, self._header.parts) if self._header.parts > 1 else {}
        for number in range(2, self._header.parts + 1):
            expected = f"{first.stem}{number}{first.suffix}"
            try:
                if number not in beside:
                    raise SourceError(
                        "missing_part", sentence("{expected} is not beside it: put it there", expected=expected)
                    )
                file, length, header = open_part(beside[number], number, self._header, holder)
                self._files[number] = file, length
                self._tables(header)
            except (SourceError, NotObtained) as error:
                self.missing.append(expected)
                holder.problem(
                    self._name,
                    "missing_part",
                    sentence("part {number} of the split WIM is not read: {error}", number=number, error=error),
                )

    def _methods(self) -> set[int]:
        """Return how what it holds is compressed; raises SourceError where nothing unpacks that."""
        used = {self._header.method}
        solid = {r for blob in self._blobs.values() if isinstance(blob.resource, tuple) for r in blob.resource}
        for resource in solid:
            try:
                used.add(self._contents.chunks(resource).method)
            except NotObtained:
                continue
        _refuse_without_decoder(self._name, sorted(used))
        return used

    def _metadata_of(self, number: int) -> Metadata:
        known = self._known.get(number)
        if known is None:
            digest, resource = self._metadata[number - 1]
            known = self._known[number] = Metadata(self._contents.whole(resource, MAX_METADATA, digest))
        self._known.move_to_end(number)
        if len(self._known) > _MOST_METADATA:
            self._known.popitem(last=False)
        return known


def _refuse(image: Image, header: WimHeader) -> None:
    """Refuse what is no WIM by itself."""
    if header.part > 1:
        first = None if image.unpacked else first_part(image.path, header)
        which = (
            sentence("name {first}, which is", first=first)
            if first is not None
            else sentence("put its parts into one folder and name")
        )
        message = sentence(
            "{name} is part {part} of {parts} of a split WIM image: {which} the first of them",
            name=image.name,
            part=header.part,
            parts=header.parts,
            which=which,
        )
        raise SourceError("missing_part", message)
    if not header.images:
        what = sentence("holds contents for other WIM images") if header.resources_only else sentence("holds no image")
        raise SourceError(
            "nothing_found",
            sentence("{name} is a WIM image that {what}: name the one that has the images", name=image.name, what=what),
        )


def _refuse_without_decoder(name: str, methods: Iterable[int]) -> None:
    """Refuse a WIM of which nothing that is installed unpacks a part."""
    for method in methods:
        if lacks_decoder(method):
            message = sentence(
                "{name} is a WIM image compressed with {methods}, and libwim, which unpacks that, is not "
                "installed: {replace}",
                name=name,
                methods=METHODS[method],
                replace=WITHOUT_LIBWIM.replace("IMAGE.wim", PurePath(name).name),
            )
            raise SourceError("unsupported", message)
