"""Reads what Velociraptor stores in pieces as the file that it was."""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Callable
from typing import BinaryIO, cast

from dissect.util.stream import AlignedStream

from forensics.disk.tree import NotObtained
from forensics.formats.velociraptor_upload import StoredPiece, StoredUpload
from forensics.lack_of_memory import pass_on
from forensics.language import sentence
from forensics.sources.upload_in_pieces import UploadInPieces

_DAMAGED = sentence(
    "Velociraptor's server stores it compressed, and a piece of that is damaged: download the collection again"
)
_ENCRYPTED = sentence(
    "Velociraptor's server stores it encrypted: download the collection from the server, and examine that"
)


def open_pieces(of: UploadInPieces, opener: Callable[[object], BinaryIO]) -> BinaryIO:
    """Open a file in pieces; raises Unreadable.

    Args:
        of: The file.
        opener: Opens what is stored.
    """
    if of.upload is None:
        raise NotObtained(_DAMAGED)
    if of.upload.is_encrypted:
        raise NotObtained(_ENCRYPTED)
    return cast(BinaryIO, _UploadStream(opener(of.stored), of.upload))


class _UploadStream(AlignedStream):
    def __init__(self, stored: BinaryIO, upload: StoredUpload) -> None:
        self._stored = stored
        self._upload = upload
        self._starts = [piece.start for piece in upload.pieces]
        self._last: tuple[StoredPiece, bytes] | None = None
        super().__init__(upload.size)

    def _read(self, offset: int, length: int) -> bytes:
        end = min(offset + length, self._upload.size)
        parts: list[bytes] = []
        at = bisect_right(self._starts, offset) - 1
        while offset < end:
            piece = self._upload.pieces[at]
            within = offset - piece.start
            count = min(piece.size - within, end - offset)
            if count > 0:
                parts.append(self._part(piece, within, count))
            offset, at = offset + max(count, 0), at + 1
        return b"".join(parts)

    def _part(self, piece: StoredPiece, start: int, count: int) -> bytes:
        if not piece.stored_size:
            return bytes(count)
        if not self._upload.is_compressed:
            self._stored.seek(piece.stored_at + start)
            data = self._stored.read(count)
        else:
            data = self._unpacked(piece)[start : start + count]
        if len(data) != count:
            raise NotObtained(_DAMAGED)
        return data

    def _unpacked(self, piece: StoredPiece) -> bytes:
        if self._last is None or self._last[0] is not piece:
            self._stored.seek(piece.stored_at)
            try:
                data = zlib.decompressobj().decompress(self._stored.read(piece.stored_size), piece.size + 1)
            except zlib.error as error:
                pass_on(error)
                raise NotObtained(_DAMAGED) from error
            if len(data) != piece.size:
                raise NotObtained(_DAMAGED)
            self._last = piece, data
        return self._last[1]

    def close(self) -> None:
        self._stored.close()
        super().close()
