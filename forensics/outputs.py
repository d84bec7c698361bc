"""Writes files so that evidence stays as it is, an older file is replaced only when asked, and never by half of one.

A file has no name while it is written (``O_TMPFILE`` of Linux): what ends the run, a failure, a signal, ``kill -9`` or
a loss of power, leaves what was there before and nothing else. When it is whole and on the disk it gets its name in one
step. Only what replaces an older file has a name of ours, ``.keymortem-`` and sixteen digits, between two calls of the
system: that it is linked, and that it is renamed. Where files without names are not to be had (other systems, most
network file systems), a file has such a name from the beginning.

A folder that is not there yet is made under such a name too, when all of its files are written, and renamed: it is
there with all of them, or not at all. Where the folder is there, each file is whole, the older or the newer one; a run
that is killed while they take their places leaves some of these beside some of those.

Who writes holds a lock on what has a name of ours (``flock``; on Windows the file is open), which ends with the process
whatever ends it. So the next run that writes there knows what a killed one left, and removes it.

A symbolic or hard link that stands in the place is replaced, not written through.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from forensics.disk.evidence_files import EvidenceFiles, EvidenceTargetError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_PREFIX = ".keymortem-"
_OURS = re.compile(re.escape(_PREFIX) + "[0-9a-f]{16}")
_OWN_FILES = Path("/proc/self/fd")
_ANYBODY = 0o666
"""Permissions of a new file, less what the user's mask takes."""


def check_file(target: Path, evidence: EvidenceFiles, overwrite: bool) -> None:
    """Refuse a place where a file is not to be written.

    Args:
        target: The file.
        evidence: What must not be written.
        overwrite: Whether a file that is there may be replaced.

    Raises:
        EvidenceTargetError: It is evidence, or lies in a folder of it.
        FileExistsError: It is there, and is not to be replaced.
        OSError: What is there is no file: a folder, a device, a pipe; FileNotFoundError where its folder is not there.
    """
    evidence.refuse(target)
    try:
        status = os.lstat(target)
    except FileNotFoundError:
        if not target.parent.is_dir():
            raise
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


def check_room(folder: Path) -> None:
    """Begin a file that vanishes, in a folder or above it; raises the OSError that says why none can be made there."""
    with _full_disk_told(folder):
        _Unborn(_nearest(folder), _ANYBODY).close()


@contextmanager
def new_file(
    target: Path, evidence: EvidenceFiles, overwrite: bool = False, mode: int = _ANYBODY, *, is_synced: bool = True
) -> Iterator[Path]:
    """Give a path to write a file to, which takes its place when the block ends; after a failure nothing has changed.

    Args:
        target: Its place. The path that is given has another name, and leads to the file in this process alone; nothing
            of the name may be written beside it.
        evidence: What must not be written.
        overwrite: Whether a file that is there may be replaced; its permissions stay.
        mode: Permissions of a file that is new, less what the user's mask takes.
        is_synced: It is on the disk when it has its name. Of very many files, which can be made again, that takes most
            of the time; without it a loss of power, and that alone, can leave an empty one.

    Raises:
        EvidenceTargetError: The place is evidence, or lies in a folder of it.
        OSError: It cannot be written; FileExistsError when it is there and is not to be replaced.
    """
    check_file(target, evidence, overwrite)
    _remove_left_over(target.parent, evidence)
    with _full_disk_told(target), closing(_Unborn(target.parent, mode)) as file:
        yield file.path
        if is_synced:
            file.sync()
        # Once more: writing may have taken long.
        check_file(target, evidence, overwrite)
        file.take(target, overwrite)
        if is_synced:
            _sync_folder(target.parent)


@contextmanager
def new_files(
    folder: Path, evidence: EvidenceFiles, overwrite: bool = False, mode: int = _ANYBODY
) -> Iterator[Callable[[str], Path]]:
    """Give paths to write files to, by their names, which all take their places in ``folder`` when the block ends.

    Args:
        folder: Where they go; made when it is not there, with the folders above it.
        evidence: What must not be written.
        overwrite: Whether files that are there may be replaced.
        mode: Permissions of new files, as in :func:`new_file`.

    Raises:
        EvidenceTargetError: A file would be evidence, or lies in a folder of it.
        OSError: They cannot be written; FileExistsError when one is there and is not to be replaced.
    """
    evidence.refuse(folder)
    if os.path.lexists(folder) and not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    near = _nearest(folder)
    _remove_left_over(near, evidence)
    with _full_disk_told(folder), ExitStack() as stack:
        files: dict[str, _Unborn] = {}

        def place(name: str) -> Path:
            files[name] = stack.enter_context(closing(_Unborn(near, mode)))
            return files[name].path

        yield place
        for file in files.values():
            file.sync()
        check_files(folder, files, evidence, overwrite)
        if near == folder or folder.is_dir():
            _add(files, folder, overwrite)
        else:
            _make(files, Path(os.path.realpath(folder)), Path(os.path.realpath(near)))


def _add(files: dict[str, _Unborn], folder: Path, overwrite: bool) -> None:
    """Put files into a folder that is there; those that are not to replace others all, or none."""
    taken: list[Path] = []
    try:
        for name, file in files.items():
            file.take(folder / name, overwrite)
            taken.append(folder / name)
    except BaseException:
        if not overwrite:
            for path in taken:
                path.unlink(missing_ok=True)
        raise
    _sync_folder(folder)


def _make(files: dict[str, _Unborn], folder: Path, near: Path) -> None:
    """Make a folder with files in it, and what lacks of the folders above it, which appear with it."""
    import shutil

    first, *others = folder.relative_to(near).parts
    with ExitStack() as stack:
        fresh, held = _fresh_folder(near)
        if held is not None:
            stack.callback(os.close, held)
        stack.callback(shutil.rmtree, fresh, ignore_errors=True)
        inner = fresh.joinpath(*others)
        inner.mkdir(parents=True, exist_ok=True)
        for name, file in files.items():
            file.take(inner / name, overwrite=False)
        try:
            fresh.rename(near / first)
        except OSError as error:
            if os.path.lexists(near / first):  # somebody was faster
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(near / first)) from error
            raise
    # After it: a file system that keeps a journal has these names before that one anyway, and nothing waits meanwhile.
    _sync_folder(folder)
    _sync_folder(near)


class _Unborn:
    """A file that is being written: without a name, or with one by which it is known to be no whole file.

    Attributes:
        path: Where it is written to; it leads there in this process alone.
    """

    def __init__(self, folder: Path, mode: int) -> None:
        self._folder = folder
        self._name: Path | None = None
        descriptor = _without_name(folder, mode)
        if descriptor is None:
            self._name, descriptor = _with_name(folder, mode)
        self._descriptor = descriptor
        self.path = self._name or _OWN_FILES / str(descriptor)

    def sync(self) -> None:
        """Have it on the disk before it has its name."""
        os.fsync(self._descriptor)

    def take(self, target: Path, overwrite: bool) -> None:
        """Give it its name; raises OSError where it cannot have it, as where another has that and is not replaced."""
        if not overwrite or not os.path.lexists(target):
            try:
                self._link(target)
                return
            except FileExistsError as error:
                if not overwrite:
                    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from error
        with suppress(OSError):
            os.chmod(self.path, stat.S_IMODE(os.stat(target).st_mode) & 0o777)
        if self._name is None:
            name = self._folder / _new_name()
            self._link(name)
            self._name = name
        self._let_go()
        os.replace(self._name, target)
        self._name = None

    def close(self) -> None:
        """Let it vanish, where it has not got its name."""
        with suppress(OSError):
            os.close(self._descriptor)
        if self._name is not None:
            self._name.unlink(missing_ok=True)

    def _link(self, target: Path) -> None:
        if self._name is None:
            # Only with a folder's descriptor, of which an absolute path has no use, Python follows the link in /proc.
            os.link(self.path, target, src_dir_fd=self._descriptor)
            return
        self._let_go()
        if os.name == "nt":
            os.rename(self._name, target)  # fails where somebody was faster
        else:
            _link_or_claim(self._name, target)
        self._name = None

    def _let_go(self) -> None:
        if os.name == "nt":  # what is open cannot be renamed
            os.close(self._descriptor)
            self._descriptor = -1


def _without_name(folder: Path, mode: int) -> int | None:
    """Return a new file without name in a folder; None where there are none, or where it could get no name."""
    flag = getattr(os, "O_TMPFILE", 0)
    if not flag or os.link not in os.supports_dir_fd or not _OWN_FILES.is_dir():
        return None
    try:
        descriptor = os.open(folder, flag | os.O_RDWR, mode)
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT):
            return None  # where the folder is missing, that is said of a file with a name too
        raise
    _hold(descriptor)
    return descriptor


def _with_name(folder: Path, mode: int) -> tuple[Path, int]:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    while True:
        name = folder / _new_name()
        descriptor = os.open(name, flags, mode)
        if _hold(descriptor):
            return name, descriptor
        os.close(descriptor)


def _fresh_folder(near: Path) -> tuple[Path, int | None]:
    while True:
        fresh = near / _new_name()
        fresh.mkdir()
        if fcntl is None:
            return fresh, None
        with suppress(FileNotFoundError):
            held = os.open(fresh, os.O_RDONLY)
            if _hold(held):
                return fresh, held
            os.close(held)


def _link_or_claim(name: Path, target: Path) -> None:
    """Rename a file to a name that nobody has, or fail where somebody was faster; no link is followed."""
    try:
        os.link(name, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links: the name is claimed, and what claims it replaced
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600))
        try:
            os.replace(name, target)
        except BaseException:
            target.unlink()
            raise
    else:
        name.unlink()


def _new_name() -> str:
    return f"{_PREFIX}{os.urandom(8).hex()}"


def _hold(descriptor: int) -> bool:
    """Show that somebody alive writes this; False where another run has taken it for a dead one's, and removes it."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # without locks nobody removes anything
    return os.fstat(descriptor).st_nlink > 0


def _remove_left_over(folder: Path, evidence: EvidenceFiles) -> None:
    """Remove what killed runs left half done in a folder."""
    try:
        names = [name for name in os.listdir(folder) if _OURS.fullmatch(name)]
    except OSError:
        return  # it is told when the file is begun
    for name in names:
        with suppress(OSError, EvidenceTargetError):
            evidence.refuse(folder / name)
            _remove_dead(folder / name)


def _remove_dead(path: Path) -> None:
    """Remove a file or folder of a run that has ended; raises OSError where it has not, or it may not be removed."""
    import shutil

    mode = os.lstat(path).st_mode
    if fcntl is None:
        if stat.S_ISREG(mode):
            path.unlink()  # fails while it is open
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        return
    access = os.O_RDONLY if stat.S_ISDIR(mode) else os.O_RDWR
    descriptor = os.open(path, access | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path) if stat.S_ISDIR(mode) else path.unlink()
    finally:
        os.close(descriptor)


@contextmanager
def _full_disk_told(target: Path) -> Iterator[None]:
    """Let a full disk be told in plain words, whoever noticed it."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise OSError(errno.ENOSPC, "no space left on the disk", str(target)) from error


def _sync_folder(folder: Path) -> None:
    """Have new names of a folder on the disk, where the system can be asked for that."""
    if fcntl is None:
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _nearest(folder: Path) -> Path:
    """Return the folder, or the first of those above it that is there."""
    return next((place for place in (folder, *folder.parents) if place.is_dir()), folder)


def _is_of_the_system(folder: str) -> bool:
    """Tell the folders of /dev/stdout and the like: the link itself would be replaced, not the file it leads to."""
    return folder == "/dev" or folder.startswith("/proc/")
