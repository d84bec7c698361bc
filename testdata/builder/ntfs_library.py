"""The few functions of libntfs-3g that writing a volume takes, through ctypes."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from types import TracebackType

from testdata.builder.filetime import filetime

_S_IFDIR, _S_IFREG = 0o040000, 0o100000
_AT_FILE_NAME, _AT_SECURITY_DESCRIPTOR, _AT_DATA = 0x30, 0x50, 0x80
_RECORD_SIZE, _SEQUENCE = 1024, 0x10
_AT_UNNAMED = b"\0\0"
_NV_COMPRESSION = 1 << 6  # ntfs_volume_state_bits, volume.h
_NI_FILE_NAME_DIRTY = 1 << 3  # ntfs_inode_state_bits, inode.h
_NOT_FOUND = 0xFFFF_FFFF_FFFF_FFFF
_RECORD_OF_REFERENCE = 0xFFFF_FFFF_FFFF
_MNT_RDONLY = 1  # ntfs_mount_flags, volume.h
_POINTER = ctypes.c_void_p


class NtfsError(Exception):
    """mkntfs or libntfs-3g refused; the message says what and why."""


class _NtfsInode(ctypes.Structure):
    """Head of ``ntfs_inode`` (inode.h); the ABI number 89 in the library's name fixes it."""

    _fields_ = (
        ("mft_no", ctypes.c_uint64),
        ("mrec", _POINTER),
        ("vol", _POINTER),
        ("state", ctypes.c_ulong),
        ("flags", ctypes.c_uint32),
        ("attr_list_size", ctypes.c_uint32),
        ("attr_list", _POINTER),
        ("nr_extents", ctypes.c_int32),
        ("extent_nis", _POINTER),
        ("data_size", ctypes.c_int64),
        ("allocated_size", ctypes.c_int64),
        ("creation_time", ctypes.c_int64),
        ("last_data_change_time", ctypes.c_int64),
        ("last_mft_change_time", ctypes.c_int64),
        ("last_access_time", ctypes.c_int64),
        ("owner_id", ctypes.c_uint32),
        ("security_id", ctypes.c_uint32),
    )


class _NtfsVolume(ctypes.Structure):
    """Head of ``ntfs_volume`` (volume.h)."""

    _fields_ = (("dev", _POINTER), ("vol_name", _POINTER), ("state", ctypes.c_ulong))


class _SecurityContext(ctypes.Structure):
    """``SECURITY_CONTEXT`` (security.h); only the volume is set, which is all that storing a descriptor reads."""

    _fields_ = (("vol", _POINTER), ("rest", ctypes.c_byte * 128))


def library_path() -> str | None:
    """Path of libntfs-3g; None when it is not installed."""
    for folder in ("/usr/lib", "/lib", "/usr/lib64", "/usr/local/lib"):
        for pattern in ("libntfs-3g.so.89", "*/libntfs-3g.so.89"):
            for found in sorted(Path(folder).glob(pattern)):
                return str(found)
    name = ctypes.util.find_library("ntfs-3g")
    # Another ABI number means another ntfs_inode: better no image than a wrong one.
    return name if name == "libntfs-3g.so.89" else None


@cache
def _library() -> ctypes.CDLL:
    path = library_path()
    if path is None:
        raise NtfsError("libntfs-3g.so.89 is not installed")
    library = ctypes.CDLL(path, use_errno=True)
    pointer, text, size, long = _POINTER, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64
    signatures: dict[str, tuple[type | None, list[type]]] = {
        "ntfs_mount": (pointer, [text, ctypes.c_ulong]),
        "ntfs_umount": (ctypes.c_int, [pointer, ctypes.c_int]),
        "ntfs_inode_open": (pointer, [pointer, ctypes.c_uint64]),
        "ntfs_inode_lookup_by_name": (ctypes.c_uint64, [pointer, text, ctypes.c_int]),
        "ntfs_inode_close": (ctypes.c_int, [pointer]),
        "ntfs_inode_close_in_dir": (ctypes.c_int, [pointer, pointer]),
        "ntfs_create": (pointer, [pointer, ctypes.c_uint32, text, ctypes.c_uint8, ctypes.c_uint32]),
        "ntfs_delete": (ctypes.c_int, [pointer, text, pointer, pointer, text, ctypes.c_uint8]),
        "ntfs_attr_add": (ctypes.c_int, [pointer, ctypes.c_uint32, text, ctypes.c_uint8, text, long]),
        "ntfs_attr_open": (pointer, [pointer, ctypes.c_uint32, text, ctypes.c_uint32]),
        "ntfs_attr_pwrite": (long, [pointer, long, long, text]),
        "ntfs_attr_truncate": (ctypes.c_int, [pointer, long]),
        "ntfs_attr_vcn_to_lcn": (long, [pointer, long]),
        "ntfs_attr_pclose": (ctypes.c_int, [pointer]),
        "ntfs_attr_close": (None, [pointer]),
        "ntfs_attr_exist": (ctypes.c_int, [pointer, ctypes.c_uint32, text, ctypes.c_uint32]),
        "ntfs_attr_remove": (ctypes.c_int, [pointer, ctypes.c_uint32, text, ctypes.c_uint32]),
        "ntfs_set_ntfs_acl": (ctypes.c_int, [pointer, pointer, text, size, ctypes.c_int]),
        "ntfs_set_ntfs_attrib": (ctypes.c_int, [pointer, text, size, ctypes.c_int]),
        "ntfs_set_ntfs_reparse_data": (ctypes.c_int, [pointer, text, size, ctypes.c_int]),
        "ntfs_set_ntfs_dos_name": (ctypes.c_int, [pointer, pointer, text, size, ctypes.c_int]),
        "ntfs_inode_mark_dirty": (None, [pointer]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class NtfsVolume:
    """A volume image mounted inside this process, for writing unless said otherwise."""

    ROOT_RECORD, BITMAP_RECORD, EXTEND_RECORD = 5, 6, 11

    def __init__(self, image: Path, *, read_only: bool = False) -> None:
        self._library = _library()
        self._image = os.fsencode(image)
        self._handle = self._library.ntfs_mount(self._image, _MNT_RDONLY if read_only else 0)
        if not self._handle:
            raise _error(f"mounting {image}")
        # As the mount option "compression" does: files made in a folder with that attribute are compressed.
        _NtfsVolume.from_address(self._handle).state |= _NV_COMPRESSION

    def __enter__(self) -> NtfsVolume:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._library.ntfs_umount(self._handle, 0) and error is None:
            raise _error("unmounting")

    def open(self, record: int) -> Inode:
        """Open an MFT record; the caller must not have it open already."""
        handle = self._library.ntfs_inode_open(self._handle, record)
        if not handle:
            raise _error(f"opening MFT record {record}")
        return Inode(self._library, self._handle, handle, None, f"MFT record {record}")

    def find(self, path: str) -> int | None:
        """Return the MFT record of a ``/``-separated path, "" for the root; None when nothing is there."""
        reference = record = self.ROOT_RECORD
        for name in path.split("/") if path else ():
            with self.open(record) as folder:
                encoded = name.encode("utf-16-le")
                reference = self._library.ntfs_inode_lookup_by_name(folder.handle, encoded, len(encoded) // 2)
            if reference == _NOT_FOUND:
                return None
            record = reference & _RECORD_OF_REFERENCE
        return record

    def delete(self, folder: int, record: int, name: str) -> None:
        """Delete a file as a driver does: name and record are freed, not wiped."""
        parent, inode = self.open(folder), self.open(record)
        encoded = name.encode("utf-16-le")
        # ntfs_delete closes both, whether or not it succeeds.
        if self._library.ntfs_delete(self._handle, None, inode.handle, parent.handle, encoded, len(encoded) // 2):
            raise _error(f"deleting {name}")

    def set_short_name(self, folder: int, record: int, short: str) -> None:
        """Give a file its 8.3 name; its long name moves from the POSIX to the Win32 namespace."""
        parent, inode = self.open(folder), self.open(record)
        # ntfs_set_ntfs_dos_name closes both, whether or not it succeeds.
        value = short.encode("ascii")
        if self._library.ntfs_set_ntfs_dos_name(inode.handle, parent.handle, value, len(value), 0):
            raise _error(f"naming MFT record {record} {short}")


class Inode:
    """An open file or folder; leaving the ``with`` block writes it."""

    def __init__(self, library: ctypes.CDLL, volume: int, handle: int, parent: int | None, label: str) -> None:
        self._library = library
        self._volume = volume
        self.handle = handle
        self._parent = parent
        self._label = label
        self._fields = _NtfsInode.from_address(handle)
        if self._fields.vol != volume:
            raise NtfsError("this libntfs-3g lays ntfs_inode out in another way")

    def __enter__(self) -> Inode:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # With the folder at hand its index entry is updated in place; opening it a second time would lose changes.
        close = self._library
        failed = (
            close.ntfs_inode_close(self.handle)
            if self._parent is None
            else close.ntfs_inode_close_in_dir(self.handle, self._parent)
        )
        if failed and error is None:
            raise _error(f"closing {self._label}")

    @property
    def record(self) -> int:
        """Number of the MFT record."""
        return int(self._fields.mft_no)

    @property
    def reference(self) -> int:
        """Number of the MFT record, and in the upper 16 bits how often the record was used."""
        sequence = ctypes.c_uint16.from_address(self._fields.mrec + _SEQUENCE).value
        return self.record | sequence << 48

    def create(self, name: str, security_id: int, *, is_dir: bool) -> Inode:
        """Create a file or folder in this folder."""
        encoded = name.encode("utf-16-le")
        kind = _S_IFDIR if is_dir else _S_IFREG
        handle = self._library.ntfs_create(self.handle, security_id, encoded, len(encoded) // 2, kind)
        if not handle:
            raise _error(f"creating {name}")
        return Inode(self._library, self._volume, handle, self.handle, name)

    def write(self, stream: str, content: bytes, offset: int = 0) -> None:
        """Write a data stream, "" for the main one, of which what lies before an offset is a hole."""
        name = stream.encode("utf-16-le")
        if stream and self._library.ntfs_attr_add(self.handle, _AT_DATA, name, len(name) // 2, None, 0):
            raise _error(f"adding stream {stream} to {self._label}")
        with self._data(stream) as attribute:
            written = self._library.ntfs_attr_pwrite(attribute, offset, len(content), content)
            if written != len(content):
                raise _error(f"writing {self._label}: {written} of {len(content)} bytes")
            # Compresses the last unit of a compressed stream; nothing to any other.
            if self._library.ntfs_attr_pclose(attribute):
                raise _error(f"finishing {self._label}")

    def truncate(self, size: int) -> None:
        """Make the main data stream ``size`` bytes long."""
        with self._data("") as attribute:
            if self._library.ntfs_attr_truncate(attribute, size):
                raise _error(f"cutting {self._label} to {size} bytes")

    def clusters(self, count: int) -> list[int]:
        """Return where on the volume each of the first ``count`` clusters of the main data stream lies."""
        with self._data("") as attribute:
            found = [self._library.ntfs_attr_vcn_to_lcn(attribute, number) for number in range(count)]
        if min(found, default=0) < 0:
            raise NtfsError(f"{self._label} has no {count} clusters of its own")
        return found

    @contextmanager
    def _data(self, stream: str) -> Iterator[int]:
        name = stream.encode("utf-16-le")
        given = name if stream else _AT_UNNAMED
        attribute = self._library.ntfs_attr_open(self.handle, _AT_DATA, given, len(name) // 2)
        if not attribute:
            raise _error(f"opening the data of {self._label}")
        try:
            yield attribute
        finally:
            self._library.ntfs_attr_close(attribute)

    def set_security_descriptor(self, sd: bytes) -> int:
        """Store a self-relative security descriptor; returns its number in ``$Secure``."""
        context = _SecurityContext(vol=self._volume)
        if self._library.ntfs_set_ntfs_acl(ctypes.byref(context), self.handle, sd, len(sd), 0):
            raise _error(f"storing a security descriptor of {len(sd)} bytes")
        return int(self._fields.security_id)

    def remove_security_descriptor(self) -> None:
        """Take away the descriptor "everyone" that ntfs_create adds when it is given no security id."""
        arguments = (self.handle, _AT_SECURITY_DESCRIPTOR, _AT_UNNAMED, 0)
        if self._library.ntfs_attr_exist(*arguments) and self._library.ntfs_attr_remove(*arguments):
            raise _error(f"removing the security descriptor of {self._label}")

    def add_attributes(self, bits: int) -> None:
        """Set FILE_ATTRIBUTE_* bits."""
        value = (int(self._fields.flags) | bits).to_bytes(4, "little")
        if self._library.ntfs_set_ntfs_attrib(self.handle, value, len(value), 0):
            raise _error(f"setting attributes of {self._label}")

    def set_reparse_point(self, data: bytes) -> None:
        """Make this a reparse point; ``data`` is a REPARSE_DATA_BUFFER."""
        if self._library.ntfs_set_ntfs_reparse_data(self.handle, data, len(data), 0):
            raise _error(f"setting the reparse point of {self._label}")

    def set_times(
        self, created: datetime, modified: datetime, accessed: datetime, named: datetime | None = None
    ) -> None:
        """Set all four times; that of the record's own change becomes ``modified``, not the time of the build.

        Those in $FILE_NAME are the same, or all that of ``named``.
        """
        fields = self._fields
        times = (filetime(created), filetime(modified), filetime(modified), filetime(accessed))
        (
            fields.creation_time,
            fields.last_data_change_time,
            fields.last_mft_change_time,
            fields.last_access_time,
        ) = times
        self._set_file_name_times(struct.pack("<4Q", *(times if named is None else [filetime(named)] * 4)))
        # ntfs_inode_set_times would put the present into the record's own change time. These two marks make the
        # library write the fields, to the record and to the folder's index, when the inode is closed.
        fields.state |= _NI_FILE_NAME_DIRTY
        self._library.ntfs_inode_mark_dirty(self.handle)

    def _set_file_name_times(self, times: bytes) -> None:
        # $FILE_NAME in the record keeps the moment of creation, which here is the moment of the build.
        record = memoryview((ctypes.c_ubyte * _RECORD_SIZE).from_address(self._fields.mrec)).cast("B")
        (position,) = struct.unpack_from("<H", record, 0x14)
        while position < _RECORD_SIZE:
            kind, length = struct.unpack_from("<II", record, position)
            if kind > _AT_FILE_NAME or not length:
                return
            if kind == _AT_FILE_NAME:
                (value,) = struct.unpack_from("<H", record, position + 0x14)
                start = position + value + 8
                record[start : start + len(times)] = times
            position += length


def _error(what: str) -> NtfsError:
    return NtfsError(f"{what}: {os.strerror(ctypes.get_errno())}")
