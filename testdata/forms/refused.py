"""What people hold and what is not read: how each is known, and what is said of it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

from testdata.forms import windows

_SIZE = 50_000
_UNSPLIT = "unpack it from all its parts (7z x, given the .zip) and examine the folder"
_RESTORE = "restore its disks as images, with the program that made it, and examine those"
_RAW = "convert it to raw (qemu-img convert -O raw) and examine that"
_KEY = "such files hold no machine: name the disk or the collection that its private key was on"
_MEMORY = "it holds no disk, name the disk of the machine"
_NO_DISK = "no disk and no collection"
_ISO = "an optical disc image (ISO): copy what it holds into a folder and examine that"
_AFF4 = "an AFF4 image: export it to raw or E01 with the tool that made it, and examine that"
_MDF = "an optical disc image (MDF) or a database of SQL Server: neither is the disk of a machine"
_OLE = "an OLE compound file, such as an Office document or an MSI package"
_TAPE = "a backup in Microsoft's tape format (NTBackup, SQL Server): restore it into a folder and examine that"
_CLONEZILLA = "a partition that Clonezilla saved: restore it to a raw file (partclone.restore) and examine that"
_APPLE = "convert it to raw (hdiutil convert -format UDTO) and examine that"
_LIES_IN = "name the disk or the collection that it lies in, with the hives"


@dataclass(frozen=True, slots=True)
class Refused:
    """A form that is not read.

    Attributes:
        name: What people call it.
        file: A file name that it has; what is known by its name is known by this one.
        head: Its first bytes.
        says: What follows "NAME is": what it is, and the next step.
        tail: Its last bytes.
        is_text: It ends with its first bytes.
    """

    name: str
    file: str
    head: bytes = field(repr=False)
    says: str
    tail: bytes = field(default=b"", repr=False)
    is_text: bool = False

    @property
    def content(self) -> bytes:
        """A file of this form, or what is recognised of one."""
        return self.head if self.is_text else self.head.ljust(_SIZE - len(self.tail), b"\0") + self.tail

    def write(self, folder: Path) -> Path:
        """Write it into a folder."""
        path = folder / self.file
        path.write_bytes(self.content)
        return path


def _at(offset: int, mark: bytes) -> bytes:
    return bytes(offset) + mark


def _text(name: str, file: str, text: str, says: str) -> Refused:
    return Refused(name, file, text.encode(), says, is_text=True)


def _packed(name: str, suffix: str, head: bytes, how: str) -> Refused:
    says = f"compressed with {name}, which is not read: unpack it ({how}) and examine that"
    return Refused(f"disk in .{suffix}", f"disk.raw.{suffix}", head, says)


def _backup(maker: str, suffix: str, article: str = "a") -> Refused:
    return Refused(f"{maker} .{suffix}", f"a.{suffix}", b"\1", f"{article} {maker} backup: {_RESTORE}")


def _memory(name: str, file: str, head: bytes, what: str) -> Refused:
    return Refused(name, file, head, f"{what}: {_MEMORY}")


IMAGES = (
    Refused(
        "EnCase Ex01",
        "disk.Ex01",
        b"EVF2\r\n\x81\0",
        "an EnCase Ex01 image: export it as E01 (EnCase; the ewfexport of Linux distributions does not read it) and "
        "examine that",
    ),
    Refused(
        "EnCase L01", "a.L01", b"LVF\x09\x0d\x0a\xff\x00", "an EnCase L01 logical image: export its files into a folder"
    ),
    Refused("EnCase Lx01", "a.Lx01", b"LEF2\r\n\x81\0", "an EnCase Lx01 logical image: export its files into a folder"),
    Refused(
        "E01 with AccessData's encryption",
        "a.E01",
        b"ADCRYPT\0",
        "an image with AccessData's encryption: decrypt it (FTK Imager) and examine the result",
    ),
    Refused("AFF", "a.aff", b"AFF10", "an AFF image: convert it to raw (affconvert -r) and examine that"),
    Refused("AFF4", "a", b"PK\x03\x04".ljust(26, b"\0") + b"\x15\0\0\0container.description", _AFF4),
    Refused("AFF4, by its name", "a.aff4", b"PK\x03\x04", _AFF4),
    Refused(
        "pipable WIM",
        "a",
        b"WLPWM\0\0\0",
        "a pipable WIM image: export it to an ordinary one (wimexport) and examine that",
    ),
    Refused(
        "FFU", "a", _at(4, b"SignedImage "), "an FFU image: apply it to a disk (dism /Apply-FFU) and examine that disk"
    ),
    Refused("QED", "a", b"QED\0", f"a QED image: {_RAW}"),
    Refused(
        "Apple DMG",
        "a.dmg",
        b"\x78\x9c",
        "an Apple disk image (DMG): convert it to raw (qemu-img convert -f dmg -O raw) and examine that",
        b"koly".ljust(512, b"\0"),
    ),
    Refused("Apple DMG, encrypted", "a.dmg", b"encrcdsa", f"an encrypted Apple disk image: {_APPLE}"),
    Refused("Apple .sparseimage", "a.sparseimage", b"sprs", f"a sparse Apple disk image: {_APPLE}"),
    Refused("ISO", "a", _at(32769, b"CD001"), _ISO),
    Refused("ISO in raw sectors (MDF)", "a.mdf", _at(37649, b"CD001"), _ISO),
    Refused("squashfs", "a", b"hsqs", "a squashfs image: unpack it (unsquashfs) and examine the folder"),
    Refused("RAR", "a", b"Rar!\x1a\x07", "a RAR archive: unpack it and examine the folder"),
    Refused("split zip, .z01", "a.z01", b"PK\x07\x08PK\3\4", f"the first part of a split zip archive: {_UNSPLIT}"),
    Refused(
        "split zip, .zip",
        "a.zip",
        b"\x5a" * 600,
        f"the last part of a split zip archive: {_UNSPLIT}",
        b"PK\5\6\2\0".ljust(22, b"\0"),
    ),
)
BACKUPS = (
    Refused(
        "Proxmox Backup Server",
        "a.fidx",
        b"\x2f\x7f\x41\xed\x91\xfd\x0f\xcd",
        f"an index of a Proxmox Backup Server: {_RESTORE}",
    ),
    Refused(
        "Veeam .vib, .vrb; .vbk that is none of Veeam's containers",
        "a.vib",
        b"\x0d\0\0\0\1",
        "a Veeam backup: restore its disks with Veeam and examine those",
    ),
    Refused(
        "partclone",
        "a",
        b"partclone-image",
        "a partclone image: restore it to a raw file (partclone.restore) and examine that",
    ),
    Refused("Clonezilla", "sda3.ntfs-ptcl-img.gz.aa", b"\x1f\x8b\x08", _CLONEZILLA),
    Refused(
        "ntfsclone",
        "a",
        b"\0ntfsclone-image",
        "an image of ntfsclone: restore it to a raw file (ntfsclone -r -O) and examine that",
    ),
    Refused(
        "Partimage",
        "a",
        b"PaRtImAgE-VoLuMe",
        "a Partimage image: restore it to a partition (partimage restore) and examine that",
    ),
    Refused(
        "FSArchiver",
        "a",
        b"FsArCh_002",
        "an archive of FSArchiver: restore its file system (fsarchiver restfs) and examine that",
    ),
    Refused(
        "Norton Ghost .gho",
        "a",
        b"\xfe\xef\x01\x02",
        "a Norton Ghost image: restore it to a disk, or convert it to raw, and examine that",
    ),
    Refused("Acronis .tib", "a", b"\xce\x24\xb9\xa2\x20\0\0\0", f"an Acronis backup: {_RESTORE}"),
    _backup("Acronis", "TIBX", "an"),
    _backup("Macrium Reflect", "mrimg"),
    _backup("Macrium Reflect", "mrimgx"),
    _backup("Paragon", "pbf"),
    _backup("Paragon", "pvhd"),
    _backup("AOMEI", "adi", "an"),
    _backup("EaseUS", "pbd", "an"),
    Refused("Drive Snapshot .sna", "a.sna", b"\1", f"a backup of Drive Snapshot: {_RESTORE}"),
    Refused("R-Drive Image .rdr", "a.rdr", b"\1", f"a backup of R-Drive Image: {_RESTORE}"),
    _backup("Veritas System Recovery", "v2i"),
    _backup("ShadowProtect", "spf"),
    Refused("NTBackup .bkf", "a.bkf", b"TAPE\0\0\0\0", _TAPE),
    _packed("lz4", "lz4", b"\x04\x22\x4d\x18", "lz4 -d"),
    _packed("lzop", "lzo", b"\x89LZO\0\r\n\x1a\n", "lzop -d"),
    _packed("lzip", "lz", b"LZIP\1", "lzip -d"),
    _packed("compress", "Z", b"\x1f\x9d\x90", "uncompress"),
)
_GPG = "encrypted with OpenPGP, not examined: decrypt it (gpg -d) and examine the result"
_AGE = "encrypted with age, not examined: decrypt it (age -d) and examine the result"
SEIPD = b"\xd2\xed\x01" + b"\x5a" * 8192
PUBLIC_KEY = b"\x85\x01\x0c\x03" + b"\x11" * 8 + b"\x01\x08\x00" + b"\x77" * 256
PASSWORD = b"\x8c\x0d\x04\x09\x03\x08" + b"\x22" * 8 + b"\xff"
"""Packets of OpenPGP: encrypted data, and the session key in front of it for a key and for a password."""
ENCRYPTED = (
    Refused("OpenPGP", "disk.vhdx.gpg", PUBLIC_KEY + SEIPD, _GPG),
    Refused(
        "OpenPGP, for two people",
        "two-people.pgp",
        PUBLIC_KEY + b"\xc1\xc0\x4c\x03" + b"\x11" * 267 + SEIPD,
        _GPG,
    ),
    Refused("OpenPGP, with a password", "password", PASSWORD + SEIPD, _GPG),
    _text("OpenPGP, armored", "disk.vhdx.asc", "-----BEGIN PGP MESSAGE-----\n\nhQEM", _GPG),
    _text("age", "disk.vhdx.age", "age-encryption.org/v1\n-> X25519 x\n", _AGE),
    _text("age, armored", "disk.age", "-----BEGIN AGE ENCRYPTED FILE-----\nYWdl", _AGE),
    Refused(
        "AES Crypt",
        "disk.vhdx.aes",
        b"AES\2\0\0\x1bCREATED_BY\0aescrypt 3.10",
        "encrypted with AES Crypt, not examined: decrypt it (aescrypt -d) and examine the result",
    ),
    Refused(
        "openssl enc",
        "disk.raw.enc",
        b"Salted__" + b"\x33" * 64,
        "encrypted with OpenSSL, not examined: decrypt it (openssl enc -d) and examine the result",
    ),
    Refused(
        "VeraCrypt (.hc, .tc; without such a name it cannot be told from noise)",
        "disk.hc",
        random.Random(5).randbytes(_SIZE),
        "named as a VeraCrypt container, not examined: mount it and examine what it holds",
    ),
)
MEMORY = (
    _memory("crash dump of 64-bit Windows", "MEMORY.DMP", b"PAGEDU64", "a memory dump"),
    _memory("minidump", "a.dmp", b"MDMP\x93\xa7", "a memory dump"),
    _memory("LiME", "a", b"EMiL\1\0\0\0", "a memory dump (LiME)"),
    _memory("AVML", "a", b"AVML\2\0\0\0", "a memory dump (AVML)"),
    _memory("ELF core", "a", b"\x7fELF\2\1\1".ljust(16, b"\0") + b"\4\0\x3e\0", "a memory dump (ELF core)"),
    _memory("raw memory, by its name", "web01.vmem", b"\x53\xff\0\xf0", "a memory dump"),
    _memory("VMware .vmsn", "a", b"\xd2\xbe\xd2\xbe", "a saved state of a VMware machine"),
    _memory("VMware .vmss, by its name", "a.vmss", b"\1", "a saved state of a VMware machine"),
    _memory("Hyper-V .vsv", "a.vsv", b"\1", "a saved state of a Hyper-V machine"),
    _memory("Hyper-V .bin", "0D0C9C2B-30BA-4C3C-8D85-1E4F4A1D4E6C.bin", b"\1", "a saved state of a Hyper-V machine"),
    _memory("VirtualBox .sav", "a", b"\x7fVirtualBox SavedState V2.0\n", "a saved state of a VirtualBox machine"),
    _memory("libvirt save", "a", b"LibvirtQemudSave\2\0\0\0", "a saved state of a libvirt machine"),
    _memory("QEMU savevm", "a", b"QEVM\0\0\0\3", "a saved state of a QEMU machine"),
    _memory("hiberfil.sys", "hiberfil.sys", b"HIBR\1\0", "Windows' hibernation file"),
    _memory("pagefile.sys, swapfile.sys", "pagefile.sys", b"\0", "a page file of Windows"),
)
PIECES = (
    Refused(
        "event log (.evtx)",
        "a",
        b"ElfFile\0",
        "an event log (EVTX): name the disk, or the folder or archive that also holds the hives",
    ),
    Refused(
        "event log (.evt)",
        "a",
        b"0\0\0\0LfLe",
        "an event log (EVT): name the disk, or the folder or archive that also holds the hives",
    ),
    Refused("PFX (PKCS #12)", "a", b"\x30\x82\x09\x99\x02\x01\x03\x30", f"a PFX file (PKCS #12); {_KEY}"),
    Refused("certificate (.cer, .p7b)", "a", b"\x30\x82\x03\x05\x30\x82", f"a certificate or another DER file; {_KEY}"),
    _text("PEM", "a", "-----BEGIN CERTIFICATE-----\nMIID\n", f"a PEM file; {_KEY}"),
    Refused("Java key store", "a", b"\xfe\xed\xfe\xed", f"a Java key store; {_KEY}"),
    Refused(
        "domain backup key (.pvk)",
        "a",
        b"\x1e\xf1\xb5\xb0",
        "a private key (PVK): name a disk, and give the backup key of a domain with --domain-backup-key",
    ),
    Refused(
        "BitLocker key (.bek)",
        "4D1A.BEK",
        b"\x9c\0\0\0\1\0\0\0",
        "a BitLocker key (BEK): name the disk, and give this file with --bek",
    ),
    *(
        Refused(what, path.rpartition("/")[2], data, f"{says}: {_LIES_IN} and {with_it}", is_text=True)
        for what, folder, says, with_it in (
            ("key file (MachineKeys)", "/RSA/MachineKeys/", "a key file of Windows", "the master keys"),
            ("master key file (Protect)", "/Protect/S-1-5-18/d", "a master key of Windows", "the key files"),
        )
        for path, data in [each for each in windows.files().items() if folder in each[0]][:1]
    ),
    Refused(
        "certificate of a store (SystemCertificates)",
        "016241AB1A8725529DDADEFD75A3F3FEF7D15F0A",
        b"\3\0\0\0\1\0\0\0\x14\0\0\0",
        f"named as a certificate in a store of Windows; {_KEY}",
    ),
    Refused(
        "Hyper-V .rct, .mrt",
        "web01.vhdx.rct",
        b"\1",
        "what Hyper-V notes of the changes to a disk (RCT): name the disk beside it",
    ),
    _text(
        "map of GNU ddrescue",
        "disk.map",
        "# Mapfile. Created by GNU ddrescue version 1.27\n",
        "the map of a copy that GNU ddrescue made: name the image that it belongs to",
    ),
    _text(
        "pointer of Git LFS",
        "notes",
        "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
        "a pointer of Git LFS and not the file itself: fetch that (git lfs pull) and examine it",
    ),
    _text(
        "web page",
        "download",
        "<!DOCTYPE html>\n<html><body>Sign in</body></html>\n",
        "a web page, perhaps what a server sent instead of the file: download it again",
    ),
    _text("text", "a", "MD5 (disk.raw) = 0123\n", f"a text file, {_NO_DISK}"),
    Refused("network capture (.pcap)", "a", b"\xd4\xc3\xb2\xa1", f"a capture of network traffic, {_NO_DISK}"),
    Refused(
        "network capture (.pcapng)",
        "a",
        b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a",
        f"a capture of network traffic, {_NO_DISK}",
    ),
    Refused("Outlook .pst, .ost", "a", b"!BDN", f"an Outlook mailbox, {_NO_DISK}"),
    Refused(
        "cabinet (.cab)",
        "a",
        b"MSCF\0\0\0\0",
        "a cabinet archive (CAB): unpack it (expand -F:*, cabextract) and examine the folder",
    ),
    Refused("SQL Server .bak", "a.bak", b"TAPE\0\0\0\0", _TAPE),
    Refused("SQL Server .mdf", "a.mdf", b"\1\x0f", _MDF),
    Refused(
        "ESE database (ntds.dit)", "a", _at(4, b"\xef\xcd\xab\x89"), f"an ESE database, such as ntds.dit, {_NO_DISK}"
    ),
    Refused("PDF", "a", b"%PDF-1.7", f"a PDF document, {_NO_DISK}"),
    Refused("SQLite", "a", b"SQLite format 3\0", f"an SQLite database, {_NO_DISK}"),
    Refused("Office, MSI", "a", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", f"{_OLE}, {_NO_DISK}"),
    Refused("PNG", "a", b"\x89PNG\r\n\x1a\n", f"a picture (PNG), {_NO_DISK}"),
    Refused("JPEG", "a", b"\xff\xd8\xff\xe0", f"a picture (JPEG), {_NO_DISK}"),
    Refused("Windows program", "a", b"MZ\x90\0", f"a Windows program, {_NO_DISK}"),
    Refused("Linux program", "a", b"\x7fELF\2\1\1".ljust(16, b"\0") + b"\2\0", f"a Linux program, {_NO_DISK}"),
)
GROUPS = {
    "Images": IMAGES,
    "Backups and compressed disks": BACKUPS,
    "Encrypted files": ENCRYPTED,
    "Memory and saved states": MEMORY,
    "Pieces that are no disk and no collection": PIECES,
}
REFUSED = tuple(refused for group in GROUPS.values() for refused in group)
EVIDENCE = (*IMAGES, *BACKUPS)
"""What a folder that holds it does not pass over in silence."""
OTHERS = (*MEMORY, *PIECES)
"""What in a folder is no evidence."""
