"""What is evidence and cannot be read is named with what it holds and the next step: encrypted, or another volume."""

from __future__ import annotations

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
from testdata.forms import refused
from testdata.forms.other_volumes import VOLUMES
from testdata.forms.refused import PASSWORD, PUBLIC_KEY, SEIPD
from tests.oracles import tool
from tests.sources.folder_of_everything import hives

MIB = 1 << 20
MOUNT = "mount it read-only and examine the folder"


AS_FILE_CALLS_IT = {
    "ReFS": "ReFS filesystem image",
    "LUKS": "LUKS encrypted file",
    "LVM": "LVM2 PV",
    "Btrfs": "BTRFS Filesystem",
    "F2FS": "F2FS filesystem",
    "Linux RAID": "Linux Software RAID",
}


def told(case: forensics.Case) -> dict[str, str | None]:
    return {entry.path: entry.error for entry in leaves(case.sources) if entry.error}


@pytest.mark.usefixtures("rows_alone")
@pytest.mark.parametrize("name", VOLUMES)
@pytest.mark.parametrize("suffix", ["", ".img"])
def test_a_volume_that_is_not_read_is_named_in_a_folder(tmp_path: Path, name: str, suffix: str) -> None:
    volume = VOLUMES[name]
    data, what, step = volume.data, volume.what, volume.step
    hives(tmp_path)
    path = tmp_path / f"volume{suffix}"
    path.write_bytes(data)
    case = forensics.examine(tmp_path)
    assert told(case) == {str(path): f"{path} holds one volume: {what}, which is not read ({step})"}
    assert case.not_examined[0] == f"Examined 1 of 2: not {path.name}."


@pytest.mark.parametrize("name", VOLUMES)
def test_a_volume_that_is_not_read_says_so_when_it_is_named_itself(tmp_path: Path, name: str) -> None:
    volume = VOLUMES[name]
    data, what, step = volume.data, volume.what, volume.step
    path = tmp_path / name
    path.write_bytes(data)
    result = CliRunner().invoke(cli, ["examine", str(path)], prog_name="keymortem")
    assert result.exit_code == 3
    assert f"{what}, which is not read ({step})" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("name", AS_FILE_CALLS_IT)
def test_file_recognises_the_forged_volumes(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(VOLUMES[name].data)
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
        archive.writestr("evidence", VOLUMES["Btrfs"].data)
    hives(tmp_path)
    path = f"{tmp_path}/a.zip/evidence"
    case = forensics.examine(tmp_path)
    assert told(case)[path] == f"evidence holds one volume: {other_file_system('Btrfs')}"


@pytest.mark.parametrize("head", [b"FAT of the land", b"H+ and more", b"\x53\xef"])
def test_a_file_of_other_content_is_no_volume(tmp_path: Path, head: bytes) -> None:
    """Two or three bytes at the place of a signature prove nothing."""
    hives(tmp_path)
    data = bytearray(2 * MIB)
    for offset, mark in ((54, head), (1024, head), (1080, head), (1048, b"\xff" * 4)):
        data[offset : offset + len(mark)] = mark
    (tmp_path / "film.bin").write_bytes(data)
    assert told(forensics.examine(tmp_path)) == {}


GPG = "encrypted with OpenPGP, not examined: decrypt it (gpg -d) and examine the result"
ENCRYPTED = {refused.file: (refused.content, refused.says) for refused in refused.ENCRYPTED}


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
        PUBLIC_KEY[:3] + b"\x09" + PUBLIC_KEY[4:] + SEIPD,
        SEIPD,
        b"\x85",
        b"",
    ],
)
def test_what_is_not_encrypted(data: bytes) -> None:
    assert encrypted_with(data) is None


def test_notes_that_are_encrypted_are_no_evidence(tmp_path: Path) -> None:
    hives(tmp_path)
    (tmp_path / "passwords.txt.gpg").write_bytes(PASSWORD + SEIPD)
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
