"""Files that are no disk image that is read: what each is, and what to do next, by content where it has a mark.

References:
    - file(1), magic/Magdir: archive, filesystems, partclone, windows
    - dissect.evidence, dissect.hypervisor, dissect.archive (signatures of AD encryption, Parallels, VMA)
    - QEMU, docs/interop/qed_spec; Microsoft, FFU image format; AFF4 Standard 1.0
"""

from __future__ import annotations

import re
from pathlib import PurePath

from forensics.disk.encrypted_file import encrypted_with, may_be_veracrypt
from forensics.language import sentence
from forensics.late_methods import dataclass

HEAD = 40 << 10
"""Bytes at the start of a file that tell what it is."""
_TEXT = 4096
_CONTROL = bytes(set(range(32)) - set(b"\t\r\n\f"))
_NOT_PRINTED = dict.fromkeys(map(ord, "\t\r\n\f\ufeff"))


@dataclass(frozen=True, slots=True)
class NotRead:
    """Why a file is not examined.

    Attributes:
        reason: Continues "NAME is", and ends with what to do.
        is_evidence: It may hold a machine; False for what is plainly something else.
    """

    reason: str
    is_evidence: bool = True


_QEMU_RAW = sentence("convert it to raw (qemu-img convert -O raw) and examine that")
_FILES = sentence("export its files into a folder")
_UNSPLIT = sentence("unpack it from all its parts (7z x, given the .zip) and examine the folder")
_RESTORE = sentence("restore its disks as images, with the program that made it, and examine those")

_EVIDENCE: tuple[tuple[int, bytes, str], ...] = (
    (
        0,
        b"EVF2\r\n\x81\0",
        sentence(
            "an EnCase Ex01 image: export it as E01 (EnCase; the ewfexport of Linux distributions does "
            "not read it) and examine that"
        ),
    ),
    (0, b"LVF\x09\x0d\x0a\xff\x00", sentence("an EnCase L01 logical image: {files}", files=_FILES)),
    (0, b"LEF2\r\n\x81\0", sentence("an EnCase Lx01 logical image: {files}", files=_FILES)),
    (
        0,
        b"ADCRYPT\0",
        sentence("an image with AccessData's encryption: decrypt it (FTK Imager) and examine the result"),
    ),
    (0, b"WLPWM\0\0\0", sentence("a pipable WIM image: export it to an ordinary one (wimexport) and examine that")),
    (4, b"SignedImage ", sentence("an FFU image: apply it to a disk (dism /Apply-FFU) and examine that disk")),
    (0, b"Rar!\x1a\x07", sentence("a RAR archive: unpack it and examine the folder")),
    (0, b"AFF10", sentence("an AFF image: convert it to raw (affconvert -r) and examine that")),
    (0, b"QED\0", sentence("a QED image: {qemu_raw}", qemu_raw=_QEMU_RAW)),
    (
        0,
        b"\x2f\x7f\x41\xed\x91\xfd\x0f\xcd",
        sentence("an index of a Proxmox Backup Server: {restore}", restore=_RESTORE),
    ),
    (
        0,
        b"partclone-image",
        sentence("a partclone image: restore it to a raw file (partclone.restore) and examine that"),
    ),
    (0, b"\xce\x24\xb9\xa2\x20\0\0\0", sentence("an Acronis backup: {restore}", restore=_RESTORE)),
    (
        0,
        b"\0ntfsclone-image",
        sentence("an image of ntfsclone: restore it to a raw file (ntfsclone -r -O) and examine that"),
    ),
    (
        0,
        b"PaRtImAgE-VoLuMe",
        sentence("a Partimage image: restore it to a partition (partimage restore) and examine that"),
    ),
    (0, b"FsArCh_", sentence("an archive of FSArchiver: restore its file system (fsarchiver restfs) and examine that")),
    (
        0,
        b"encrcdsa",
        sentence("an encrypted Apple disk image: convert it to raw (hdiutil convert -format UDTO) and examine that"),
    ),
    (
        0,
        b"sprs",
        sentence("a sparse Apple disk image: convert it to raw (hdiutil convert -format UDTO) and examine that"),
    ),
    (0, b"hsqs", sentence("a squashfs image: unpack it (unsquashfs) and examine the folder")),
    (0, b"PK\7\x08PK\3\4", sentence("the first part of a split zip archive: {unsplit}", unsplit=_UNSPLIT)),
    (0, b"PK\1\2", sentence("the last part of a split zip archive: {unsplit}", unsplit=_UNSPLIT)),
)
_OTHER: tuple[tuple[int, bytes, str], ...] = (
    (
        0,
        b"ElfFile\0",
        sentence("an event log (EVTX): name the disk, or the folder or archive that also holds the hives"),
    ),
    (0, b"%PDF-", "a PDF document"),
    (0, b"SQLite format 3\0", sentence("an SQLite database")),
    (
        0,
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        sentence("an OLE compound file, such as an Office document or an MSI package"),
    ),
    (0, b"\x89PNG\r\n\x1a\n", "a picture (PNG)"),
    (0, b"\xff\xd8\xff", "a picture (JPEG)"),
    (0, b"MZ", "a Windows program"),
    (0, b"\x7fELF", "a Linux program"),
    (0, b"PAGEDU", sentence("a memory dump: it holds no disk, name the disk of the machine")),
    (0, b"MDMP", sentence("a memory dump: it holds no disk, name the disk of the machine")),
    (4, b"\xef\xcd\xab\x89", sentence("an ESE database, such as ntds.dit")),
)
_CERTIFICATE = sentence("hold no machine: name the disk or the collection that its private key was on")
_BY_SUFFIX = {
    **dict.fromkeys(
        (".vbk", ".vib", ".vrb"), sentence("a Veeam backup: restore its disks with Veeam and examine those")
    ),
    **dict.fromkeys((".tib", ".tibx"), sentence("an Acronis backup: {restore}", restore=_RESTORE)),
    **dict.fromkeys((".mrimg", ".mrbak"), sentence("a Macrium Reflect backup: {restore}", restore=_RESTORE)),
    **dict.fromkeys((".v2i", ".iv2i"), sentence("a Veritas System Recovery backup: {restore}", restore=_RESTORE)),
    **dict.fromkeys((".spf", ".spi"), sentence("a ShadowProtect backup: {restore}", restore=_RESTORE)),
}
_NO_DESCRIPTOR = sentence(
    "named as a VMDK and is a text whose first line is not that of a descriptor (# Disk "
    "DescriptorFile): copy it again, or make a raw disk of what it describes"
)
_MDF = sentence("an optical disc image (MDF) or a database of SQL Server: neither is the disk of a machine")
LEAST_VHDX = 3 << 20
"""Format: bytes that the headers and tables of every VHDX take."""
VHD_SET = NotRead(
    sentence(
        "a VHD Set: it holds no data, and names the disk that does, an .avhdx file beside it; name "
        "that, and where there are several, the newest"
    )
)
_CLONEZILLA = re.compile(r"-ptcl-img\.", re.IGNORECASE)
_CD_MARKS = (32769, 37649, 37657, 37385)
_CD_KINDS = (b"CD001", b"BEA01")


def saved_by_clonezilla(name: str) -> NotRead | None:
    """Tell by its name one of the compressed pieces that Clonezilla cuts a partition into."""
    if not _CLONEZILLA.search(name):
        return None
    return NotRead(
        sentence("a partition that Clonezilla saved: restore it to a raw file (partclone.restore) and examine that")
    )


def not_read(head: bytes, tail: bytes) -> NotRead | None:
    """Tell whether a file is something that is not read, by marks that no disk begins with.

    Args:
        head: Its first :data:`HEAD` bytes.
        tail: Its last 512 bytes.
    """
    for offset, magic, reason in _EVIDENCE:
        if head[offset : offset + len(magic)] == magic:
            return NotRead(reason)
    if head[:2] == b"\xfe\xef" and head[2:4] and head[2] & 0xF7 == 1 and head[3] & 0xF0 == 0:
        return NotRead(sentence("a Norton Ghost image: restore it to a disk, or convert it to raw, and examine that"))
    encrypted = encrypted_with(head)
    if encrypted is not None:
        return NotRead(encrypted)
    if _ends_split_zip(tail):
        return NotRead(sentence("the last part of a split zip archive: {unsplit}", unsplit=_UNSPLIT))
    if tail.startswith(b"koly"):
        return NotRead(
            sentence("an Apple disk image (DMG): convert it to raw (qemu-img convert -f dmg -O raw) and examine that")
        )
    return None


def _ends_split_zip(tail: bytes) -> bool:
    """Tell the end of a zip whose directory says that it is on another disk than the first (APPNOTE.TXT 4.3.16)."""
    end = tail[tail.rfind(b"PK\5\6") :] if b"PK\5\6" in tail else b""
    disk = int.from_bytes(end[4:6], "little")
    comment = int.from_bytes(end[20:22], "little")
    return 0 < disk < 0xFFFF and len(end) == 22 + comment


def no_disk(name: str, head: bytes) -> NotRead | None:
    """Tell what a file is that would else be taken for a raw disk, and has no boot signature.

    Args:
        name: Its file name.
        head: Its first :data:`HEAD` bytes.
    """
    from forensics.disk.other_files import told_by_mark, told_by_name  # they know what NotRead is

    marked = told_by_mark(name, head)
    if marked is not None:
        return marked
    for offset, magic, what in _OTHER:
        if head[offset : offset + len(magic)] == magic:
            return NotRead(
                what if ": " in what else sentence("{what}, no disk and no collection", what=what), is_evidence=False
            )
    for recognise in (_der, _text):
        told = recognise(head)
        if told is not None and recognise is _text and name.lower().endswith(".vmdk"):
            return NotRead(_NO_DESCRIPTOR)
        if told is not None:
            return NotRead(told, is_evidence=False)
    if any(head[at : at + 5] in _CD_KINDS for at in _CD_MARKS):
        return NotRead(sentence("an optical disc image (ISO): copy what it holds into a folder and examine that"))
    suffix = PurePath(name).suffix.lower()
    if suffix in _BY_SUFFIX:
        return NotRead(_BY_SUFFIX[suffix])
    if suffix == ".mdf":
        return NotRead(_MDF, is_evidence=False)
    hidden = may_be_veracrypt(name)
    return NotRead(hidden) if hidden is not None else told_by_name(name, head)


def archive_of_disks(kind: str, head: bytes, name: str) -> NotRead | None:
    """Tell an image, or an export of a virtual machine, that is an archive in form only; by its first member.

    Args:
        kind: ``tar`` or ``zip``.
        head: Its first bytes.
        name: Its file name.
    """
    is_aff4 = head[30:].startswith(b"container.description") or name.lower().endswith(".aff4")
    if kind == "zip" and is_aff4:
        return NotRead(sentence("an AFF4 image: export it to raw or E01 with the tool that made it, and examine that"))
    return None


def _der(head: bytes) -> str | None:
    """Tell DER files: a PFX begins with version 3, certificates and PKCS #7 with a sequence or an identifier."""
    if head[:2] not in (b"\x30\x80", b"\x30\x82", b"\x30\x83"):
        return None
    body = head[2 + {0x80: 0, 0x82: 2, 0x83: 3}[head[1]] :]
    if body.startswith(b"\x02\x01\x03"):
        return sentence("a PFX file (PKCS #12); such files {certificate}", certificate=_CERTIFICATE)
    if body[:1] in (b"\x30", b"\x06", b"\x02"):
        return sentence("a certificate or another DER file; such files {certificate}", certificate=_CERTIFICATE)
    return None


def _text(head: bytes) -> str | None:
    text = _decoded(head[:_TEXT])
    if text is None:
        return None
    if text.lstrip("\ufeff \t\r\n").startswith("-----BEGIN"):
        return sentence("a PEM file; such files {certificate}", certificate=_CERTIFICATE)
    return sentence("a text file, no disk and no collection")


def _decoded(head: bytes) -> str | None:
    """Return the start of a text file; None when it is none."""
    # Most files of a folder end here: what follows takes many times as long.
    if not head.startswith((b"\xff\xfe", b"\xfe\xff")) and len(head.translate(None, _CONTROL)) < len(head):
        return None
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"), (b"", "utf-8"), (b"", "cp1252")):
        if not head.startswith(mark):
            continue
        # The last character may be cut.
        text = head.decode(encoding, "replace").rstrip("\ufffd")
        # Each file of a folder comes here: as a whole this takes a hundredth of the time.
        printable = text.translate(_NOT_PRINTED).isprintable()
        if text.strip("\ufeff \t\r\n") and printable and "\ufffd" not in text:
            return text
    return None
