"""Files that are named for a disk, or lie beside one, and hold none: what each is, and what to name instead.

References:
    - LiME and AVML (headers of a range); volatility3, layers/vmware.py (magic numbers of .vmsn and .vmss)
    - libvirt, src/qemu/qemu_saveimage.h; QEMU, migration/savevm.c; VirtualBox, VMM/VMMR3/SSM.cpp
    - ELF, e_type ET_CORE; IETF, draft-ietf-opsawg-pcap and -pcapng; MS-PST 2.2.2.6
    - Microsoft Tape Format 1.00a (MTF_TAPE); LZ4 frame format 1.6; lzop, src/lzop.c; lzip, file format; MS-CAB 2.1
    - GNU ddrescue, manual: mapfile structure; Git LFS, docs/spec.md
"""

from __future__ import annotations

import re
from pathlib import PurePath

from forensics.disk.not_read import HEAD, NotRead
from forensics.language import sentence

_MEMORY = sentence("it holds no disk, name the disk of the machine")
_NO_MACHINE = sentence("hold no machine: name the disk or the collection that its private key was on")
_LIES_IN = sentence("name the disk or the collection that it lies in, with the hives")
_NO_DISK = sentence("no disk and no collection")
_NO_EVIDENCE: tuple[tuple[int, bytes, str], ...] = (
    (0, b"EMiL", sentence('a memory dump (LiME): {memory}', memory=_MEMORY)),
    (0, b"AVML", sentence('a memory dump (AVML): {memory}', memory=_MEMORY)),
    *((0, mark, sentence('a saved state of a VMware machine: {memory}', memory=_MEMORY)) for mark in (
        b"\xd0\xbe\xd2\xbe", b"\xd1\xba\xd1\xba", b"\xd2\xbe\xd2\xbe", b"\xd3\xbe\xd3\xbe"
    )),
    (0, b"\x7fVirtualBox SavedState", sentence('a saved state of a VirtualBox machine: {memory}', memory=_MEMORY)),
    (0, b"LibvirtQemudSave", sentence('a saved state of a libvirt machine: {memory}', memory=_MEMORY)),
    (0, b"LibvirtQemudPart", sentence('a saved state of a libvirt machine: {memory}', memory=_MEMORY)),
    (0, b"QEVM\0", sentence('a saved state of a QEMU machine: {memory}', memory=_MEMORY)),
    *((0, mark, sentence('a capture of network traffic, {no_disk}', no_disk=_NO_DISK)) for mark in (
        b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d"
    )),
    (8, b"\x4d\x3c\x2b\x1a", sentence('a capture of network traffic, {no_disk}', no_disk=_NO_DISK)),
    (0, b"!BDN", sentence('an Outlook mailbox, {no_disk}', no_disk=_NO_DISK)),
    (4, b"LfLe", sentence("an event log (EVT): name the disk, or the folder or archive that also holds the hives")),
    (
        0,
        b"\x1e\xf1\xb5\xb0",
        sentence("a private key (PVK): name a disk, and give the backup key of a domain with " "--domain-backup-key"),
    ),
    (0, b"\xfe\xed\xfe\xed", sentence('a Java key store; such files {no_machine}', no_machine=_NO_MACHINE)),
    (
        0,
        b"MSCF\0\0\0\0",
        sentence("a cabinet archive (CAB): unpack it (expand -F:*, cabextract) and examine the folder"),
    ),
)  # fmt: skip
_PACKED: tuple[tuple[bytes, str, str], ...] = (
    (b"\x04\x22\x4d\x18", "lz4", "lz4 -d"),
    (b"\x02\x21\x4c\x18", "lz4", "lz4 -d"),
    (b"\x89LZO\0\r\n\x1a\n", "lzop", "lzop -d"),
    (b"LZIP\x01", "lzip", "lzip -d"),
    (b"\x1f\x9d", "compress", "uncompress"),
)
_TEXTS: tuple[tuple[tuple[bytes, ...], str], ...] = (
    (
        (b"# Mapfile. Created by GNU ddrescue", b"# Rescue Logfile. Created by GNU ddrescue"),
        sentence("the map of a copy that GNU ddrescue made: name the image that it belongs to"),
    ),
    (
        (b"version https://git-lfs.github.com/spec/",),
        sentence("a pointer of Git LFS and not the file itself: fetch that (git lfs pull) and examine it"),
    ),
    (
        (b"<!DOCTYPE html", b"<!doctype html", b"<html"),
        sentence("a web page, perhaps what a server sent instead of the file: download it again"),
    ),
)
_DISK_NAME = re.compile(r".*\.(a?vhdx?|vmdk|vdi|qcow2?|e01|raw|dd|img|vma|zip|7z|tar|ova)(\.\w{1,5})?", re.IGNORECASE)
_WEB_NAMES = (".htm", ".html", ".xhtml", ".hta")
_GUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_RESTORE = sentence("restore its disks as images, with the program that made it, and examine those")
_BACKUPS = {
    **dict.fromkeys((".mrimgx", ".mrbakx"), "a Macrium Reflect backup"),
    **dict.fromkeys((".pbf", ".pfi", ".pvhd"), "a Paragon backup"),
    **dict.fromkeys((".adi", ".afi"), sentence("an AOMEI backup")),
    ".pbd": sentence("an EaseUS backup"),
    ".sna": sentence("a backup of Drive Snapshot"),
    ".rdr": sentence("a backup of R-Drive Image"),
}
_OPEN_STREET_MAP = b"OSMHeader"
_BY_NAME = tuple(
    (re.compile(pattern, re.IGNORECASE), reason)
    for pattern, reason in (
        (r"hiberfil\.sys", sentence("Windows' hibernation file: {memory}", memory=_MEMORY)),
        (r"(page|swap)file\.sys", sentence("a page file of Windows: {memory}", memory=_MEMORY)),
        (r".*\.(vmem|mem|lime)", sentence("a memory dump: {memory}", memory=_MEMORY)),
        (r".*\.(vmsn|vmss)", sentence("a saved state of a VMware machine: {memory}", memory=_MEMORY)),
        (rf".*\.vsv|{_GUID}\.bin", sentence("a saved state of a Hyper-V machine: {memory}", memory=_MEMORY)),
        (r".*\.(rct|mrt)", sentence("what Hyper-V notes of the changes to a disk (RCT): name the disk beside it")),
        (r".*\.bek", sentence("a BitLocker key (BEK): name the disk, and give this file with --bek")),
        (
            rf"[0-9a-f]{{32}}_{_GUID}",
            sentence("a key file of Windows: {lies_in} and the master keys", lies_in=_LIES_IN),
        ),
        (
            r"[0-9a-f]{40}",
            sentence("named as a certificate in a store of Windows; such files {no_machine}", no_machine=_NO_MACHINE),
        ),
    )
)
_ELF_CORE = 4
_MASTER_KEY_NAME = re.compile(_GUID, re.IGNORECASE)


def told_by_mark(name: str, head: bytes) -> NotRead | None:
    """Tell a file by its first bytes.

    Args:
        name: Its file name.
        head: Its first bytes.
    """
    for offset, mark, reason in _NO_EVIDENCE:
        if head[offset : offset + len(mark)] == mark:
            return NotRead(reason, is_evidence=False)
    if _is_core(head):
        return NotRead(sentence("a memory dump (ELF core): {memory}", memory=_MEMORY), is_evidence=False)
    is_disk = _DISK_NAME.fullmatch(name) is not None
    for mark, program, how in _PACKED:
        if head.startswith(mark):
            return NotRead(
                sentence(
                    "compressed with {program}, which is not read: unpack it ({how}) and examine that",
                    program=program,
                    how=how,
                ),
                is_disk,
            )
    for marks, reason in _TEXTS:
        if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(marks) and PurePath(name).suffix.lower() not in _WEB_NAMES:
            return NotRead(reason, is_disk)
    if head.startswith(b"TAPE") and not head[4:8].isalpha():
        reason = sentence(
            "a backup in Microsoft's tape format (NTBackup, SQL Server): restore it into a folder and examine that"
        )
        return NotRead(reason, is_evidence=name.lower().endswith(".bkf"))
    if _MASTER_KEY_NAME.fullmatch(name) and head[12:84].decode("utf-16-le", "replace").lower() == name.lower():
        return NotRead(
            sentence("a master key of Windows: {lies_in} and the key files", lies_in=_LIES_IN), is_evidence=False
        )
    return None


def told_by_name(name: str, head: bytes) -> NotRead | None:
    """Tell a file that has no mark by its name alone; arguments as for :func:`told_by_mark`."""
    for pattern, reason in _BY_NAME:
        if pattern.fullmatch(name):
            return NotRead(reason, is_evidence=False)
    made_by = _BACKUPS.get(PurePath(name).suffix.lower())
    if made_by is None or _OPEN_STREET_MAP in head[:32]:
        return None
    # Other programs use these names for small files.
    return NotRead(sentence("{made_by}: {restore}", made_by=made_by, restore=_RESTORE), is_evidence=len(head) >= HEAD)


def _is_core(head: bytes) -> bool:
    if not head.startswith(b"\x7fELF") or len(head) < 18:
        return False
    return int.from_bytes(head[16:18], "big" if head[5] == 2 else "little") == _ELF_CORE
