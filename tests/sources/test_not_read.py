"""What is evidence and cannot be read is named with what it holds and the next step: encrypted, or another volume."""

from __future__ import annotations

import random
import subprocess
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

import forensics
from forensics.cli.main import cli
from forensics.disk.encrypted_file import encrypted_with
from forensics.sources.holdings import other_file_system
from forensics.tables.source import leaves
from tests.oracles import tool
from tests.sources.folder_of_everything import hives

MIB = 1 << 20
COPY = "copy what it holds into a folder and examine that"
MOUNT = "mount it read-only and examine the folder"


def volume(*marks: tuple[int, bytes]) -> bytes:
    """Forge the beginning of a volume: bytes of a signature at their places."""
    data = bytearray(2 * MIB)
    for offset, mark in marks:
        data[offset : offset + len(mark)] = mark
    return bytes(data)


BOOT = (510, b"\x55\xaa")
VOLUMES = {
    "refs": (volume((3, b"ReFS\0\0\0\0"), (16, b"FSRS")), "ReFS file system", f"on a Windows that mounts it, {COPY}"),
    "exfat": (volume((3, b"EXFAT   "), BOOT), "exFAT file system", COPY),
    "fat32": (volume((82, b"FAT32   "), BOOT), "FAT32 file system", COPY),
    "luks": (
        volume((0, b"LUKS\xba\xbe\0\2")),
        "a LUKS-encrypted volume, of a Linux machine",
        "open it with cryptsetup and examine what that gives",
    ),
    "lvm": (
        volume((512, b"LABELONE\1"), (536, b"LVM2 001")),
        "an LVM physical volume, of a Linux machine",
        "activate it with vgchange -ay and examine its logical volumes",
    ),
    "lvm-sector-3": (
        volume((1536, b"LABELONE\3"), (1560, b"LVM2 001")),
        "an LVM physical volume, of a Linux machine",
        "activate it with vgchange -ay and examine its logical volumes",
    ),
    "spaces": (
        volume((0, b"SPACEDB ")),
        "a member of a Storage Spaces pool",
        "attach the whole pool, and image its virtual disk",
    ),
    "btrfs": (volume((0x10040, b"_BHRfS_M")), "Btrfs file system, of a Linux machine", MOUNT),
    "xfs": (volume((0, b"XFSB")), "XFS file system, of a Linux machine", MOUNT),
    "f2fs": (volume((1024, b"\x10\x20\xf5\xf2")), "F2FS file system, of a Linux machine", MOUNT),
    "raid": (
        volume((4096, b"\xfc\x4e\x2b\xa9\1\0\0\0")),
        "a member of a Linux RAID, of a Linux machine",
        "assemble it with mdadm -o and examine that",
    ),
    "vmfs": (
        volume((MIB, b"\x0d\xd0\x01\xc0")),
        "VMFS file system",
        "copy the folder of the machine out of it and examine that",
    ),
    "hfs": (volume((1024, b"H+\0\4")), "HFS+ file system, of a Mac", MOUNT),
}
AS_FILE_CALLS_IT = {
    "refs": "ReFS filesystem image",
    "luks": "LUKS encrypted file",
    "lvm": "LVM2 PV",
    "btrfs": "BTRFS Filesystem",
    "f2fs": "F2FS filesystem",
    "raid": "Linux Software RAID",
}


def told(case: forensics.Case) -> dict[str, str | None]:
    return {entry.path: entry.error for entry in leaves(case.sources) if entry.error}


@pytest.mark.parametrize("name", VOLUMES)
@pytest.mark.parametrize("suffix", ["", ".img"])
def test_a_volume_that_is_not_read_is_named_in_a_folder(tmp_path: Path, name: str, suffix: str) -> None:
    data, what, step = VOLUMES[name]
    hives(tmp_path)
    path = tmp_path / f"{name}{suffix}"
    path.write_bytes(data)
    case = forensics.examine(tmp_path)
    assert told(case) == {str(path): f"{path} holds one volume: {what}, which is not read ({step})"}
    assert case.not_examined[0] == f"Examined 1 of 2: not {path.name}."


@pytest.mark.parametrize("name", VOLUMES)
def test_a_volume_that_is_not_read_says_so_when_it_is_named_itself(tmp_path: Path, name: str) -> None:
    data, what, step = VOLUMES[name]
    path = tmp_path / name
    path.write_bytes(data)
    result = CliRunner().invoke(cli, ["examine", str(path)], prog_name="keymortem")
    assert result.exit_code == 3
    assert f"{what}, which is not read ({step})" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("name", AS_FILE_CALLS_IT)
def test_file_recognises_the_forged_volumes(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(VOLUMES[name][0])
    said = subprocess.run([tool("file", "file"), "-b", str(path)], check=True, capture_output=True, text=True).stdout
    assert said.startswith(AS_FILE_CALLS_IT[name])


def test_a_real_ext4_volume(tmp_path: Path) -> None:
    path = tmp_path / "root"
    path.write_bytes(bytes(8 * MIB))
    subprocess.run([tool("mkfs.ext4", "e2fsprogs"), "-q", "-F", str(path)], check=True)
    hives(tmp_path)
    why = f"{path} holds one volume: {other_file_system('ext')}"
    assert told(forensics.examine(tmp_path)) == {str(path): why}
    assert why.endswith(f"ext file system, of a Linux machine, which is not read ({MOUNT})")


def test_a_volume_in_an_archive_is_named_without_unpacking_it(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("evidence", VOLUMES["btrfs"][0])
    hives(tmp_path)
    path = f"{tmp_path}/a.zip/evidence"
    case = forensics.examine(tmp_path)
    assert told(case)[path] == f"evidence holds one volume: {other_file_system('Btrfs')}"


@pytest.mark.parametrize("head", [b"FAT of the land", b"H+ and more", b"\x53\xef"])
def test_a_file_of_other_content_is_no_volume(tmp_path: Path, head: bytes) -> None:
    """Two or three bytes at the place of a signature prove nothing."""
    hives(tmp_path)
    data = volume((54, head), (1024, head), (1080, head), (1048, b"\xff" * 4))
    (tmp_path / "film.bin").write_bytes(data)
    assert told(forensics.examine(tmp_path)) == {}


def seipd(tag: bytes = b"\xd2") -> bytes:
    return tag + b"\xed\x01" + b"\x5a" * 8192


PUBLIC_KEY = b"\x85\x01\x0c\x03" + b"\x11" * 8 + b"\x01\x08\x00" + b"\x77" * 256
PASSWORD = b"\x8c\x0d\x04\x09\x03\x08" + b"\x22" * 8 + b"\xff"
GPG = "encrypted with OpenPGP, not examined: decrypt it (gpg -d) and examine the result"
AGE = "encrypted with age, not examined: decrypt it (age -d) and examine the result"
ENCRYPTED = {
    "disk.vhdx.gpg": (PUBLIC_KEY + seipd(), GPG),
    "two-people.pgp": (PUBLIC_KEY + b"\xc1\xc0\x4c\x03" + b"\x11" * 267 + seipd(), GPG),
    "password": (PASSWORD + seipd(), GPG),
    "disk.vhdx.asc": (b"-----BEGIN PGP MESSAGE-----\n\nhQEM", GPG),
    "disk.vhdx.age": (b"age-encryption.org/v1\n-> X25519 x\n", AGE),
    "disk.age": (b"-----BEGIN AGE ENCRYPTED FILE-----\nYWdl", AGE),
    "disk.vhdx.aes": (
        b"AES\2\0\0\x1bCREATED_BY\0aescrypt 3.10",
        "encrypted with AES Crypt, not examined: decrypt it (aescrypt -d) and examine the result",
    ),
    "disk.raw.enc": (
        b"Salted__" + b"\x33" * 64,
        "encrypted with OpenSSL, not examined: decrypt it (openssl enc -d) and examine the result",
    ),
    "disk.hc": (
        random.Random(5).randbytes(8192),
        "named as a VeraCrypt container, not examined: mount it and examine what it holds",
    ),
}


@pytest.mark.parametrize("name", ENCRYPTED)
@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_an_encrypted_file_is_named(tmp_path: Path, name: str, packed: bool) -> None:
    data, why = ENCRYPTED[name]
    path = tmp_path / name
    path.write_bytes(data)
    alone = CliRunner().invoke(cli, ["examine", str(path)], prog_name="keymortem")
    assert (alone.exit_code, alone.stderr) == (3, f"keymortem: {path} is {why}\n")
    hives(tmp_path)
    if packed:
        source = tmp_path.parent / f"{tmp_path.name}.zip"
        with zipfile.ZipFile(source, "w") as archive:
            for each in tmp_path.iterdir():
                archive.write(each, each.name)
        assert told(forensics.examine(source)) == {f"{source}/{name}": f"{name} is {why}"}
    else:
        assert told(forensics.examine(tmp_path)) == {str(path): f"{path} is {why}"}


@pytest.mark.parametrize(
    "data",
    [
        b"\x89\x01\x33\x04\x00\x01\x08\x00" + b"\x11" * 400,  # a signature
        b"\x99\x01\x0d\x04" + b"\x11" * 400,  # a public key
        b"\xa3\x01" + b"\x11" * 400,  # compressed, not encrypted
        PUBLIC_KEY + b"\x99" * 400,
        PUBLIC_KEY[:3] + b"\x09" + PUBLIC_KEY[4:] + seipd(),
        seipd(),
        b"\x85",
        b"",
    ],
)
def test_what_is_not_encrypted(data: bytes) -> None:
    assert encrypted_with(data) is None


def test_notes_that_are_encrypted_are_no_evidence(tmp_path: Path) -> None:
    hives(tmp_path)
    (tmp_path / "passwords.txt.gpg").write_bytes(PASSWORD + seipd())
    assert told(forensics.examine(tmp_path)) == {}


@pytest.mark.parametrize("armor", [False, True])
def test_what_gpg_itself_encrypts(tmp_path: Path, armor: bool) -> None:
    gpg = tool("gpg", "gnupg")
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    plain, path = tmp_path / "plain", tmp_path / "disk.vhdx.gpg"
    plain.write_bytes(bytes(100_000))
    given = ["--batch", "--quiet", "--homedir", str(home), "--passphrase", "secret", "--pinentry-mode", "loopback"]
    command = [gpg, *given, *(["--armor"] if armor else []), "-o", str(path), "--symmetric", str(plain)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    finally:
        subprocess.run([tool("gpgconf", "gnupg"), "--homedir", str(home), "--kill", "all"], check=False)
    assert encrypted_with(path.read_bytes()[:4096]) == GPG
