"""Sources that cannot be opened: exit code 3, one plain sentence that says what to do next, and no traceback."""

from __future__ import annotations

import lzma
import os
import random
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import forensics
from forensics.cli.main import cli
from testdata.builder import certs, ntfs
from testdata.builder.bitlocker import encrypt
from testdata.builder.capi import Slot
from testdata.builder.disk import build_disk
from testdata.builder.files import FileSpec
from testdata.builder.keys import rsa_key
from testdata.builder.machine import capi_link, machine
from testdata.builder.regf import HiveWriter
from tests.disk.ntfs_fixture import PACKED
from tests.oracles import tool
from tests.paths import IMAGES
from tests.sources.folder_of_everything import triage_zip
from tests.torn_hive import tear


def nothing(folder: Path) -> Path:
    return folder / "absent.vhdx"


def empty_folder(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def random_bytes(folder: Path) -> Path:
    path = folder / "random.bin"
    path.write_bytes(random.Random(3).randbytes(200_000))
    return path


def zero_length(folder: Path) -> Path:
    path = folder / "zero.vhdx"
    path.write_bytes(b"")
    return path


def truncated_xz(folder: Path) -> Path:
    path = folder / "cut.vhdx.xz"
    path.write_bytes((IMAGES / "sample.vhdx.xz").read_bytes()[:40_000])
    return path


def truncated_vhdx(folder: Path) -> Path:
    path = folder / "cut.vhdx"
    path.write_bytes(lzma.decompress((IMAGES / "sample.vhdx.xz").read_bytes())[: 5 << 20])
    return path


def one_segment_of_e01(folder: Path) -> Path:
    tool("ewfacquirestream", "ewf-tools")
    command = ["ewfacquirestream", "-q", "-t", str(folder / "disk"), "-S", "1048576", "-c", "none"]
    subprocess.run(command, input=random.Random(4).randbytes(3 << 20), check=True, capture_output=True)
    (folder / "disk.E02").unlink()
    return folder / "disk.E01"


def orphan_child(folder: Path) -> Path:
    path = folder / "child.avhdx"
    path.write_bytes(lzma.decompress((IMAGES / "chain-2.avhdx.xz").read_bytes()))
    return path


def locked_volume(folder: Path) -> Path:
    path = folder / "locked.raw"
    path.write_bytes(encrypt(lzma.decompress(PACKED.read_bytes())))
    return path


def fifo(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


CASES: list[tuple[Callable[[Path], Path], str]] = [
    (nothing, "does not exist: check its name"),
    (empty_folder, "name the folder that holds Windows, Users or ProgramData, or the image itself"),
    (random_bytes, "it is no disk image, it is encrypted as a whole, or its start is damaged or missing"),
    (zero_length, "is empty: nothing was copied into it"),
    (truncated_xz, "ends in the middle of its xz data: copy it again"),
    (truncated_vhdx, "it is truncated, copy it again"),
    (one_segment_of_e01, "disk.E02 is missing: put all segments of the image into one folder"),
    (orphan_child, "Put the parent beside the child."),
    (locked_volume, "examine it again with --recovery-key-file, --password-file or --bek"),
    (fifo, "is neither a file nor a folder nor a disk: save what it gives first"),
]


@pytest.mark.parametrize(("make", "advice"), CASES, ids=[make.__name__ for make, _ in CASES])
def test_the_message_says_what_to_do_next(tmp_path: Path, make: Callable[[Path], Path], advice: str) -> None:
    path = make(tmp_path)
    result = CliRunner().invoke(cli, ["examine", str(path)])
    assert result.exit_code == 3
    assert advice in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stderr.count(str(path)) <= 3
    assert "Traceback" not in result.output
    assert "Error" not in result.stderr


def test_a_file_without_permission_says_who_may_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "disk.vhdx"
    path.write_bytes(b"x")

    original = os.open

    def refuse(name: Any, *arguments: Any, **named: Any) -> int:
        if str(name) == str(path):
            raise PermissionError(13, "Permission denied", str(name))
        return original(name, *arguments, **named)

    # As root, under which tests may run, no mode keeps a file from being read.
    monkeypatch.setattr(os, "open", refuse)
    (entry,) = forensics.examine(path, strict=False).sources
    assert (
        entry.error == f"{path} cannot be read: Permission denied; run keymortem as a user who may read it, or copy it"
    )


def export_without_stores(folder: Path) -> None:
    exported = "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Cryptography]\r\n"
    (folder / "part.reg").write_text(exported, encoding="utf-16")


def torn_software(folder: Path) -> None:
    writer = HiveWriter("SOFTWARE")
    writer.key("Microsoft\\Cryptography").sz("MachineGuid", "9a3c5b1e-0f4d-4e2b-8c77-1d2e3f405162")
    (folder / "SOFTWARE").write_bytes(writer.build())
    tear(folder / "SOFTWARE")


@pytest.mark.parametrize("collect", [export_without_stores, torn_software])
def test_without_whole_certificate_stores_nothing_was_judged(tmp_path: Path, collect: Callable[[Path], None]) -> None:
    collect(tmp_path)
    result = CliRunner().invoke(cli, ["examine", str(tmp_path)], prog_name="keymortem")
    assert "No certificate here names a private key" not in result.stdout
    judged = "of the SOFTWARE hive, which holds the computer's certificate stores, only a part was read."
    assert f"No certificate could be judged: {judged}" in result.stdout
    assert result.exit_code == 3
    expiring = CliRunner().invoke(cli, ["expiring", str(tmp_path)], prog_name="keymortem")
    assert (expiring.exit_code, expiring.stdout) == (3, f"No certificate could be judged: {judged}\n")


def flipped_bit(folder: Path) -> Path:
    """Flip a bit in the compressed bytes of SOFTWARE, so that its check sum does not fit."""
    path = triage_zip(folder / "triage.zip", "healthy")
    with zipfile.ZipFile(path) as archive:
        member = next(m for m in archive.infolist() if m.filename.endswith("/SOFTWARE"))
    data = bytearray(path.read_bytes())
    data[member.header_offset + 30 + len(member.filename) + member.compress_size // 2] ^= 1
    path.write_bytes(data)
    return path


def test_nothing_judged_is_exit_code_3_with_every_command_although_files_were_opened(tmp_path: Path) -> None:
    path = str(flipped_bit(tmp_path))

    def code(*arguments: str) -> int:
        result = CliRunner().invoke(cli, list(arguments), prog_name="keymortem")
        assert "Traceback" not in result.output
        return result.exit_code

    case = forensics.examine(path)
    assert not case.has_findings
    assert case.rows("key_chain"), "the key files were there"
    assert case.judges_nothing
    assert "There may be more: " in forensics.render(case)
    assert code("examine", path) == 3
    assert code("expiring", path, "--within", "1d") == 3
    assert code("explain", path, "WEB01") == 3
    assert code("compare", path, path) == 3


def test_keys_that_wait_for_the_password_of_their_user_are_no_exit_code_3(tmp_path: Path) -> None:
    forged = machine("users-only", machine_sid="S-1-5-21-1-2-3")
    alice = forged.add_user("S-1-5-21-1-2-3-1001", "alice", "Right-1")
    forged.put_capi("mail", exchange=Slot(rsa_key("2048-01")), owner=alice)
    link = capi_link("mail", certs.CAPI_ENHANCED, machine_keyset=False)
    forged.put_certificate(certs.make_certificate("alice", rsa_key("2048-01")), link=link, owner=alice)
    for file in forged.volume():
        if file.data is not None:
            (tmp_path / "C" / file.path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "C" / file.path).write_bytes(file.data)
    arguments = ["examine", str(tmp_path), "--as-of", "2026-01-01"]
    result = CliRunner().invoke(cli, arguments, prog_name="keymortem")
    assert "0 broken, 0 usable, 1 undecided" in result.stdout
    assert result.exit_code == 0
    (tmp_path / "C/Windows/System32/config/SOFTWARE").unlink()
    assert CliRunner().invoke(cli, arguments, prog_name="keymortem").exit_code == 3


def test_a_folder_in_which_nothing_can_be_examined_is_exit_code_3_and_tells_each(tmp_path: Path) -> None:
    folder = tmp_path / "case"
    folder.mkdir()
    (folder / "a.wim").write_bytes(b"MSWIM\0\0\0" + bytes(5000))
    (folder / "b.vhdx").write_bytes(b"")
    (folder / "README.txt").write_text("two files")
    result = CliRunner().invoke(cli, ["examine", str(folder)], prog_name="keymortem")
    assert result.exit_code == 3
    assert "Examined 0 of 2: not b.vhdx, a.wim." in result.stderr
    assert f"{folder}/b.vhdx is empty: nothing was copied into it" in result.stderr
    assert "README" not in result.output


def test_where_nothing_was_examined_no_earlier_result_is_replaced(tmp_path: Path) -> None:
    """A mistyped name must not cost the last good result, nor a failed run the file it was about."""
    kept = tmp_path / "kept.json"
    kept.write_text("the last good result")
    case = tmp_path / "kept.sqlite"
    assert CliRunner().invoke(cli, ["examine", str(IMAGES / "sample.vhdx.xz"), "--case", str(case)]).exit_code == 1
    before = case.read_bytes()
    arguments = ["examine", str(tmp_path / "nosuch.vhdx"), "--overwrite", "--case", str(case)]
    result = CliRunner().invoke(cli, [*arguments, "--format", "json", "-o", str(kept)])
    assert result.exit_code == 3
    assert result.stderr.endswith(f"keymortem: nothing was examined, and nothing replaced: {kept}, {case}\n")
    assert (kept.read_text(), case.read_bytes()) == ("the last good result", before)


def data_disk(folder: Path) -> Path:
    """A disk with a volume that holds no Windows."""
    if ntfs.unavailable():
        pytest.skip(f"needs mkntfs: {ntfs.unavailable()}")
    ntfs.build_ntfs([FileSpec("Shares/a.txt", b"x")], folder / "data.ntfs", size=8 << 20)
    build_disk([folder / "data.ntfs"], folder / "data.raw")
    return folder / "data.raw"


def test_an_unread_disk_beside_a_sound_one_is_never_exit_code_0(tmp_path: Path) -> None:
    """Exit code 0 would say that all is well, of both."""
    folder = tmp_path / "disks"
    folder.mkdir()
    sound = folder / "sound.vhdx.xz"
    shutil.copy(IMAGES / "healthy.vhdx.xz", sound)
    lost = tmp_path / "lost.vhdx"
    given = ["--as-of", "2026-11-22"]

    def run(command: str, *sources: Path) -> Result:
        return CliRunner().invoke(cli, [command, *map(str, sources), *given], prog_name="keymortem")

    assert run("examine", sound).exit_code == run("compare", sound, sound).exit_code == 0
    assert CliRunner().invoke(cli, ["expiring", str(sound), "--within", "1d", *given]).exit_code == 0
    both = run("examine", sound, lost)
    assert both.exit_code == 1
    assert both.stderr.splitlines()[0] == f"keymortem: Examined 1 of 2: not {lost}."
    assert f"Examined 1 of 2: not {lost}." in both.stdout.splitlines()[:3]
    shutil.copy(truncated_vhdx(tmp_path), folder / "other.vhdx")
    beside = run("examine", folder)
    assert beside.exit_code == 1
    assert beside.stderr.startswith("keymortem: Examined 1 of 2: not other.vhdx.\n")
    assert "Examined 1 of 2: not other.vhdx." in beside.stdout.splitlines()[:3]
    assert run("compare", sound, folder).exit_code == 1
    assert CliRunner().invoke(cli, ["expiring", str(folder), "--within", "1d", *given]).exit_code == 1
    assert forensics.examine(folder).is_incomplete


def test_a_data_disk_that_was_read_whole_leaves_nothing_open(tmp_path: Path) -> None:
    data = data_disk(tmp_path)
    sound = IMAGES / "healthy.vhdx.xz"
    given = ["--as-of", "2026-11-22"]
    result = CliRunner().invoke(cli, ["examine", str(sound), str(data), *given], prog_name="keymortem")
    assert (result.exit_code, result.stderr) == (0, "")
    alone = CliRunner().invoke(cli, ["examine", str(data), *given], prog_name="keymortem")
    assert alone.exit_code == 3
    assert "NTFS without Windows: folder Shares" in alone.stderr
