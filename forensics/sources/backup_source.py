"""Adds the disks of a backup or an export of a whole machine to its source, each as if it had been named itself."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from forensics.disk.checked_stream import CheckedStream
from forensics.disk.containers import Image, open_disk
from forensics.disk.errors import SourceError
from forensics.disk.machine_backup import BackupDisk, open_backup
from forensics.disk.recognise import recognise
from forensics.language import joined, sentence
from forensics.sources.disks import add_image
from forensics.sources.pieces import Pieces
from forensics.sources.same_evidence import identity_of_path
from forensics.sources.source import Source
from forensics.tables.outcome import Outcome


def add_backup(pieces: Pieces, image: Image) -> None:
    """Add what the disks in a backup hold.

    Raises:
        SourceError: It is damaged, or holds no disk.
        SameEvidenceError: It is examined already.
    """
    source = pieces.source
    identity = identity_of_path(image.path)
    pieces.seen.refuse(identity)
    source.kind = "archive"
    backup = open_backup(image, source)
    source.reader = backup.reader
    if not backup.disks:
        told = joined((sentence("{name}: {why}", name=name, why=why) for name, why in backup.left_out), "; ")
        nothing = sentence("{image} holds no disk that is read", image=image.name)
        raise SourceError(
            "nothing_found", sentence("{nothing} ({told})", nothing=nothing, told=told) if told else nothing
        )
    for disk in backup.disks:
        entry = pieces.entry(pieces.inside(disk.name))
        entry.size = disk.size
        pieces.open(entry, partial(_open, pieces, image, disk, backup.reader))
    for name, why in backup.left_out:
        source.coverage.tell("file", name, Outcome("not_examined", why), pieces.inside(name))
    pieces.seen.note(source.path, identity)
    pieces.finish()


def _open(pieces: Pieces, image: Image, disk: BackupDisk, reader: str | None, piece: Source) -> None:
    piece.reader = reader
    stream = CheckedStream(disk.open(), disk.size, disk.align, piece.path)
    piece.watch(piece.path, lambda: stream.notes.problems)
    file = cast(BinaryIO, stream)
    kind = recognise(Path(disk.name), piece.path, file, disk.size)
    file.seek(0, io.SEEK_SET)
    inner = replace(image, name=piece.path, file=file, size=disk.size, kind=kind, unpacked=True)
    add_image(piece, open_disk(inner, piece), pieces, None)
