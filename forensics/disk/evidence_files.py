"""The files that were read as evidence, known by device and inode, so that no output is ever written over one.

:func:`open_evidence` is the one function by which a file of this machine is opened to be examined: a disk and its
parents, extents and parts, a hive and its logs, a file of a folder, a key that the user gave, a rule. It records the
file in the :class:`EvidenceFiles` of the examination that is running, which the case keeps. Where Linux allows it (to
the owner of a file, and to root), reading leaves the time of last access as it was.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import BinaryIO

from forensics.disk.places import is_url, place_of
from forensics.language import sentence

Identity = tuple[int, int]
"""Device and inode: the same for every name of a file."""


class EvidenceTargetError(ValueError):
    """An output would be written over evidence, or into a folder of it; the message is for the user."""


class EvidenceFiles:
    """What an examination read, and what was named to it.

    Args:
        named: Files and folders that are evidence with all that is in them, whether they are read or not.
    """

    def __init__(self, named: Iterable[str | Path] = ()) -> None:
        self._named: dict[str, str] = {}
        self._read: set[Identity] = set()
        for path in named:
            self.add(path)

    def add(self, path: str | Path) -> None:
        """Take a file or a folder as evidence, with all that a folder holds; it need not be there."""
        if not is_url(path):  # what is on a server is never written to
            self._named.setdefault(os.path.abspath(path), str(path))

    def record(self, status: os.stat_result) -> None:
        """Take an opened file as evidence, under whatever name it is met again."""
        if status.st_ino:
            self._read.add((status.st_dev, status.st_ino))

    @property
    def read(self) -> frozenset[Identity]:
        """The files that were read."""
        return frozenset(self._read)

    def take(self, read: Iterable[Identity]) -> None:
        """Take files as evidence that another process read."""
        self._read.update(read)

    @classmethod
    def together(cls, *parts: EvidenceFiles) -> EvidenceFiles:
        """Return what several examinations read."""
        whole = cls()
        for part in parts:
            whole._named |= part._named
            whole._read |= part._read
        return whole

    def refuse(self, target: Path) -> None:
        """Refuse to write to a place that is evidence or lies in a folder of it, by any of its names.

        Args:
            target: The file or folder that is to be written.

        Raises:
            EvidenceTargetError: It is evidence.
        """
        place = os.path.realpath(target)
        own, above = _identity(place), {_identity(str(folder)) for folder in Path(place).parents} - {None}
        for path, name in self._named.items():
            try:
                evidence = os.path.realpath(path)
            except ValueError:
                continue  # a name in a case file that no file can have
            identity = _identity(evidence)
            is_same = place == evidence or (own is not None and own == identity)
            if is_same or (os.path.isdir(evidence) and identity in above):
                raise EvidenceTargetError(
                    sentence(
                        "{target} is, or lies in, the source {name}; evidence is never written, choose another place",
                        target=target,
                        name=name,
                    )
                )
        if own is not None and own in self._read:
            raise EvidenceTargetError(
                sentence(
                    "{target} was read as a part of the evidence; evidence is never written, choose another place",
                    target=target,
                )
            )


def _identity(path: str) -> Identity | None:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    # File systems without inodes say 0 for every file.
    return (status.st_dev, status.st_ino) if status.st_ino else None


_recorder: ContextVar[EvidenceFiles | None] = ContextVar("_recorder", default=None)


@contextmanager
def recording(evidence: EvidenceFiles) -> Iterator[None]:
    """Record in ``evidence`` what :func:`open_evidence` opens from here on."""
    token = _recorder.set(evidence)
    try:
        yield
    finally:
        _recorder.reset(token)


def open_evidence(path: str | Path, *, buffering: int = -1, follow_symlinks: bool = True) -> BinaryIO:
    """Open a file of the evidence, read-only, and record it.

    Args:
        path: Its path.
        buffering: As of :func:`open`.
        follow_symlinks: Whether the last component may be a symbolic link, or a block device: what the user named may,
            what evidence names may not.

    Raises:
        OSError: It cannot be read, or is neither a file nor a block device: such a thing is not even opened.
    """
    file = peek_at(path, buffering=buffering, follow_symlinks=follow_symlinks)
    if not is_url(path):
        _record(os.fstat(file.fileno()))
    return file


def peek_at(path: str | Path, *, buffering: int = -1, follow_symlinks: bool = True) -> BinaryIO:
    """Open a file as :func:`open_evidence` does, only to learn whether it is evidence: it is not recorded.

    What lies beside a disk may be an older report. Who finds evidence in it calls :func:`note_evidence`.
    """
    if is_url(path):
        return _open_remote(path, buffering)
    _refuse_special(path, os.stat(path, follow_symlinks=follow_symlinks).st_mode, follow_symlinks)
    flags = 0 if follow_symlinks else getattr(os, "O_NOFOLLOW", 0)
    # O_NONBLOCK: where a FIFO took the place of the file meanwhile, opening it returns at once.
    flags |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = open(path, "rb", buffering, opener=lambda name, mode: _opened(name, mode | flags))  # noqa: SIM115
    try:
        _refuse_special(path, os.fstat(file.fileno()).st_mode, follow_symlinks)
    except BaseException:
        file.close()
        raise
    return file


_SPECIAL = (
    (stat.S_ISFIFO, "a FIFO (named pipe)"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"),
)


def special_file(mode: int) -> str | None:
    """Say why what lies in a folder is not opened; None for a file, a folder or a link.

    Args:
        mode: As ``os.lstat`` tells it.
    """
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode):
        return None
    what = next((name for test, name in _SPECIAL if test(mode)), "a special file")
    advice = "name it itself to examine it" if stat.S_ISBLK(mode) else "save what it gives to a file, and examine that"
    return f"{what}, which is not opened in a folder: {advice}"


def _refuse_special(path: str | Path, mode: int, may_be_device: bool) -> None:
    if stat.S_ISLNK(mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or (may_be_device and stat.S_ISBLK(mode))):
        raise OSError(errno.EINVAL, sentence("neither a file nor a disk"), str(path))


def _opened(path: str, flags: int) -> int:
    """Open a file so that its time of last access stays, which is evidence too; only its owner may ask for that."""
    unmarked = getattr(os, "O_NOATIME", 0)
    if unmarked:
        try:
            return os.open(path, flags | unmarked)
        except PermissionError as error:
            if error.errno != errno.EPERM:
                raise
    return os.open(path, flags)


def _open_remote(path: str | Path, buffering: int) -> BinaryIO:
    from forensics.disk.remote.path import RemotePath
    from forensics.disk.remote.stream import open_remote

    place = place_of(path)
    assert isinstance(place, RemotePath)
    return open_remote(place, buffering)


def open_given(path: str | Path) -> BinaryIO:
    """Open a file with a key or password that the user gave, and record it; a pipe is waited for.

    Raises:
        OSError: It cannot be read.
    """
    file = open(path, "rb")  # noqa: SIM115
    status = os.fstat(file.fileno())
    if stat.S_ISREG(status.st_mode):
        _record(status)
    return file


def note_evidence(path: str | Path) -> None:
    """Record a file that a library opens by its path, or that belongs to what is examined although it is not read."""
    try:
        if not is_url(path):
            _record(os.stat(path))
    except OSError:
        return  # what is not there cannot be written over


def _record(status: os.stat_result) -> None:
    evidence = _recorder.get()
    if evidence is not None:
        evidence.record(status)
