"""Opens zip, tar and 7z archives, and tells what of them cannot be read."""

from __future__ import annotations

from forensics.disk.containers import Image
from forensics.disk.disk import Progress
from forensics.disk.errors import SourceError
from forensics.disk.tree import NotObtained
from forensics.disk.unlock import Unlock
from forensics.language import joined, sentence, sentence_n
from forensics.sources.archive_code_page import encoding_of_names
from forensics.sources.archive_tree import ArchiveTree
from forensics.sources.source import Source
from forensics.sources.tar_tree import TarTree
from forensics.sources.zip_tree import ZipTree


def open_archive(source: Source, image: Image, keys: Unlock, progress: Progress) -> ArchiveTree:
    """Open a zip, tar or 7z archive or an AD1 image, and tell what of it cannot be read.

    Args:
        source: Takes what is wrong with it.
        image: Its file.
        keys: With its password, where that is needed.
        progress: Called with one line when something takes long.

    Raises:
        SourceError: It is damaged, or what unpacks it is not installed.
    """
    if image.kind == "7z":
        return _open_7z(source, image, keys, progress)
    if image.kind == "ad1":
        return _open_ad1(source, image)
    tree = _open(image, keys)
    if tree.legacy_names and (encoding := encoding_of_names(tree)) is not None:
        del tree  # of very many members two would take twice the memory
        tree = _open(image, keys, encoding)
    _tell(source, image, tree)
    return tree


def _open_ad1(source: Source, image: Image) -> ArchiveTree:
    from forensics.disk.ad1 import open_ad1
    from forensics.disk.errors import with_next_step
    from forensics.sources.ad1_tree import Ad1Tree

    try:
        tree = Ad1Tree(open_ad1(image, source))
    except NotObtained as error:
        raise SourceError(
            "damaged",
            sentence("{name} is a damaged AD1 image: {error}; copy it again", name=image.name, error=error),
        ) from error
    except SourceError as error:
        raise with_next_step(error, image.name) from error
    if tree.deleted:
        message = sentence_n(
            "{count} file in it was deleted on the machine before it was made: it is not taken",
            "{count} files in it were deleted on the machine before it was made: they are not taken",
            tree.deleted,
        )
        source.problem(image.name, "deleted", message)
    _tell(source, image, tree)
    return tree


def _open_7z(source: Source, image: Image, keys: Unlock, progress: Progress) -> ArchiveTree:
    from forensics.sources.seven_zip_tree import SevenZipTree

    tree = SevenZipTree(image.file, image.name, source.resources, keys.archive_password, progress)
    if tree.lost:
        count, why = tree.lost
        message = sentence_n(
            "{count} member cannot be got: {why}", "{count} members cannot be got: {why}", count, why=why
        )
        source.problem(image.name, "not_obtained", message)
    _tell(source, image, tree)
    return tree


def _tell(source: Source, image: Image, tree: ArchiveTree) -> None:
    if tree.broken:
        message = joined(filter(None, [tree.broken.message, tree.broken.members]), ": ")
        source.problem(image.name, tree.broken.kind, message, tree.broken.offset)
        source.coverage.cut("folder", "archive", tree.broken.message, image.name)
    if tree.repeated:
        message = sentence_n(
            "{count} member is there again under the same name: the last is taken, as in unpacking",
            "{count} members are there again under the same name: the last is taken, as in unpacking",
            tree.repeated,
        )
        source.problem(image.name, "duplicate", message)
    if tree.left_out:
        message = sentence_n(
            "{count} member lies too deep, or there are too many in its folder: it is left out",
            "{count} members lie too deep, or are too many in one folder: they are left out",
            tree.left_out,
        )
        source.cut("folder", "archive", image.name, message)
    if tree.locked:
        count, why = tree.locked
        message = sentence_n("{count} member is {why}", "{count} members are {why}", count, why=why)
        source.problem(image.name, "encrypted", message)


def _open(image: Image, keys: Unlock, encoding: str | None = None) -> ZipTree | TarTree:
    if image.kind == "zip":
        return ZipTree(image.file, image.name, encoding, keys.archive_password)
    return TarTree(image.file, image.name, encoding)
