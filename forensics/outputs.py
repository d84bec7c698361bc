"""Writes files so that evidence stays as it is, an older file is replaced only when asked, and never by half of one.

A file is written whole in a folder of its own beside its place, and then renamed into it. So a failure leaves neither a
torn file nor anything else behind, and a symbolic or hard link that stands there is replaced, not written through.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from forensics.disk.evidence_files import EvidenceFiles

_PREFIX = ".keymortem-"


def check_file(target: Path, evidence: EvidenceFiles, overwrite: bool) -> None:
    """Refuse a place where a file is not to be written.

    Args:
        target: The file.
        evidence: What must not be written.
        overwrite: Whether a file that is there may be replaced.

    Raises:
        EvidenceTargetError: It is evidence, or lies in a folder of it.
        FileExistsError: It is there, and is not to be replaced.
        OSError: What is there is no file: a folder, a device, a pipe.
    """
    evidence.refuse(target)
    try:
        status = os.lstat(target)
    except FileNotFoundError:
        return
    if stat.S_ISLNK(status.st_mode):
        with suppress(OSError):  # a link that leads nowhere is a link all the same
            status = os.stat(target)
    is_file = stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)
    if not is_file or _is_of_the_system(os.path.realpath(target.parent)):
        raise OSError(errno.EINVAL, "it is no file", str(target))
    if not overwrite:
        raise FileExistsError(errno.EEXIST, "it exists, and overwrite was not asked for", str(target))


def check_files(folder: Path, names: Iterable[str], evidence: EvidenceFiles, overwrite: bool) -> None:
    """Refuse a folder in which one of several files is not to be written; raises what :func:`check_file` does."""
    evidence.refuse(folder)
    if folder.is_dir():
        for name in names:
            check_file(folder / name, evidence, overwrite)


@contextmanager
def new_file(target: Path, evidence: EvidenceFiles, overwrite: bool = False) -> Iterator[Path]:
    """Give a path to write a file to, which takes its place when the block ends; after a failure nothing has changed.

    Args:
        target: Its place. The path that is given has the same name, of which some writers take the format.
        evidence: What must not be written.
        overwrite: Whether a file that is there may be replaced.

    Raises:
        EvidenceTargetError: The place is evidence, or lies in a folder of it.
        OSError: It cannot be written; FileExistsError when it is there and is not to be replaced.
    """
    check_file(target, evidence, overwrite)
    with _workplace(target.parent) as workplace:
        yield workplace / target.name
        _publish(workplace / target.name, target, evidence, overwrite)


@contextmanager
def new_files(folder: Path, evidence: EvidenceFiles, overwrite: bool = False) -> Iterator[Path]:
    """Give a folder to write files to, which all take their places in ``folder`` when the block ends.

    Args:
        folder: Where they go; made when it is not there.
        evidence: What must not be written.
        overwrite: Whether files that are there may be replaced.

    Raises:
        EvidenceTargetError: A file would be evidence, or lies in a folder of it.
        OSError: They cannot be written; FileExistsError when one is there and is not to be replaced.
    """
    evidence.refuse(folder)
    made = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with _workplace(folder) as workplace:
            yield workplace
            files = sorted(workplace.iterdir())
            for file in files:
                check_file(folder / file.name, evidence, overwrite)
            for file in files:
                _publish(file, folder / file.name, evidence, overwrite)
    except BaseException:
        with suppress(OSError):  # one that holds something by now stays
            for place in made:
                place.rmdir()
        raise


@contextmanager
def _workplace(folder: Path) -> Iterator[Path]:
    """Make a folder in which nobody looks for finished files, on the same file system."""
    import shutil  # here: most runs write no file
    import tempfile

    place = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=folder))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _publish(written: Path, target: Path, evidence: EvidenceFiles, overwrite: bool) -> None:
    # Once more: writing may have taken long.
    check_file(target, evidence, overwrite)
    if overwrite:
        import shutil

        with suppress(OSError):
            shutil.copymode(target, written)
        written.replace(target)
        return
    # Claims the name, or fails where somebody was faster; no link is followed.
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600))
    try:
        written.replace(target)
    except BaseException:
        target.unlink()
        raise


def _is_of_the_system(folder: str) -> bool:
    """Tell the folders of /dev/stdout and the like: the link itself would be replaced, not the file it leads to."""
    return folder == "/dev" or folder.startswith("/proc/")
