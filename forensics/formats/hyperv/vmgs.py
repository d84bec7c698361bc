"""VMGS files (.vmgs): which parts of a virtual machine's guest state are there, told without any key.

References:
    - https://github.com/microsoft/openvmm/blob/main/vm/vmgs/vmgs_format/src/lib.rs
"""

from __future__ import annotations

import struct
import zlib

from forensics.formats.errors import FormatError
from forensics.formats.hyperv.read_at import ReadAt
from forensics.language import sentence
from forensics.late_methods import dataclass

TPM_NVRAM = 3
"""File id of the virtual TPM's state."""
BLOCK = 4096
_SIGNATURE = b"GUESTRTS"
_GPT_SIGNATURE, _GPT_OFFSET = b"EFI PART", 512
_HEADER = struct.Struct("<8s6IHH128s4x")
_FILE = struct.Struct("<IIQ28sI16x")
_FILES = 64
_VERSIONS = {0x00020000: "2.0", 0x00030000: "3.0"}
_ENCRYPTIONS = {0: "none", 1: "AES_GCM"}
_ENCRYPTED, _AUTHENTICATED = 1, 2
FILE_NAMES = {
    1: "BIOS_NVRAM",
    2: "TPM_PPI",
    TPM_NVRAM: "TPM_NVRAM",
    4: "RTC",
    5: "ATTEST",
    6: "KEY_PROTECTOR",
    7: "VM_UNIQUE_ID",
    8: "FIRMWARE",
    9: "CUSTOM_UEFI",
    11: "HW_KEY_PROTECTOR",
    13: "GUEST_SECRET_KEY",
    17: "TPM_NVRAM_BACKUP",
    18: "PROVISIONING_MARKER",
    63: "EXTENDED_FILE_TABLE",
}


@dataclass(frozen=True, slots=True)
class VmgsEntry:
    """One part of the guest state.

    Attributes:
        file_id: Which part; 3 is the virtual TPM's state. 6 is not the key protector that names guardians.
        name: Its name, or ``unknown:N``.
        size: Bytes that are in use.
        encrypted: Whether its bytes are ciphertext.
        authenticated: Whether they carry an authentication tag.
    """

    file_id: int
    name: str
    size: int
    encrypted: bool
    authenticated: bool


@dataclass(frozen=True, slots=True)
class Vmgs:
    """What a VMGS file says of itself.

    Attributes:
        version: ``1`` (a GPT inside, of which nothing else is told), ``2.0`` or ``3.0``.
        encryption: ``none``, ``AES_GCM`` or ``unknown:N``; None in version 1.
        entries: The parts that are there.
        errors: What is wrong with the file; what is told nevertheless was read as it stands.
    """

    version: str
    encryption: str | None
    entries: tuple[VmgsEntry, ...]
    errors: tuple[FormatError, ...] = ()


@dataclass(frozen=True, slots=True)
class _Header:
    """One of the two headers."""

    sequence: int
    version: int
    table_block: int
    encryption: int
    checksum_holds: bool


def parse_vmgs(read: ReadAt, size: int) -> Vmgs:
    """Parse a VMGS file.

    Args:
        read: The file.
        size: Its size in bytes.

    Raises:
        FormatError: ``bad_magic`` when it is none, ``unknown_version``, or ``truncated`` when its file table is cut.
    """
    errors: list[FormatError] = []
    headers = [header for offset in (0, BLOCK) if (header := _parse_header(read, offset, errors)) is not None]
    if not headers:
        if read(_GPT_OFFSET, len(_GPT_SIGNATURE)) == _GPT_SIGNATURE:
            return Vmgs("1", None, ())
        raise FormatError("bad_magic", 0, sentence("this is no VMGS file"))
    header = headers[0]
    for other in headers[1:]:
        newer = 0 < (other.sequence - header.sequence) & 0xFFFFFFFF < 1 << 31
        # A whole header is better than a newer one that was not written to its end.
        if (other.checksum_holds, newer) > (header.checksum_holds, not newer):
            header = other
    if header.version not in _VERSIONS:
        raise FormatError(
            "unknown_version", 8, sentence("VMGS version {version:#010x} is not known", version=header.version)
        )
    encryption = _ENCRYPTIONS.get(header.encryption, f"unknown:{header.encryption}")
    entries = _parse_file_table(read, size, header.table_block * BLOCK, errors)
    return Vmgs(_VERSIONS[header.version], encryption, entries, tuple(errors))


def _parse_header(read: ReadAt, offset: int, errors: list[FormatError]) -> _Header | None:
    data = read(offset, _HEADER.size)
    if len(data) < _HEADER.size or not data.startswith(_SIGNATURE):
        if any(data) and data[:8] != bytes(8):
            errors.append(FormatError("bad_magic", offset, sentence("no VMGS header stands here")))
        return None
    _, version, checksum, sequence, _, table_block, _, encryption, _, _ = _HEADER.unpack(data)
    holds = zlib.crc32(data[:12] + bytes(4) + data[16:]) == checksum
    if not holds:
        errors.append(FormatError("bad_checksum", offset + 12, sentence("the checksum of a VMGS header is wrong")))
    return _Header(sequence, version, table_block, encryption, holds)


def _parse_file_table(read: ReadAt, size: int, offset: int, errors: list[FormatError]) -> tuple[VmgsEntry, ...]:
    table = read(offset, _FILES * _FILE.size)
    if len(table) < _FILES * _FILE.size:
        raise FormatError("truncated", offset, sentence("the file table of the VMGS file is cut off"))
    entries = []
    for file_id in range(_FILES):
        block, blocks, used, _, attributes = _FILE.unpack_from(table, file_id * _FILE.size)
        if not blocks and not used:
            continue
        where = offset + file_id * _FILE.size
        if used > blocks * BLOCK:
            message = sentence(
                "file {file_id} of {used} bytes has room for {blocks}",
                file_id=file_id,
                used=used,
                blocks=blocks * BLOCK,
            )
            errors.append(FormatError("bad_length", where + 8, message))
        elif (block + blocks) * BLOCK > size:
            errors.append(
                FormatError("truncated", where, sentence("file {file_id} leaves the VMGS file", file_id=file_id))
            )
        entries.append(
            VmgsEntry(
                file_id=file_id,
                name=FILE_NAMES.get(file_id, f"unknown:{file_id}"),
                size=used,
                encrypted=bool(attributes & _ENCRYPTED),
                authenticated=bool(attributes & _AUTHENTICATED),
            )
        )
    return tuple(entries)
