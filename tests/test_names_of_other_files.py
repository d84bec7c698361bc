"""What evidence names is opened only where it lies with it, whatever the name: seen by what Python opens."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

import forensics
from forensics.disk.errors import SourceError
from tests.naming_files import FORMS, disk, write
from tests.opened_files import OpenedFiles, opened_files

SECRET = "secret.vmdk"


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A folder of evidence with links out of it and a FIFO, what lies beside that folder, and a room for temporary files."""
    evidence, elsewhere, room = (tmp_path / name for name in ("evidence", "elsewhere", "room"))
    for folder in (evidence, elsewhere, room):
        folder.mkdir()
    write(elsewhere / SECRET, disk(7))
    monkeypatch.setattr(tempfile, "tempdir", str(room))
    return evidence, elsewhere


def _lay(folder: Path, elsewhere: Path) -> None:
    """Put into a folder what a name may lead through."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "link.vmdk").symlink_to(elsewhere / SECRET)
    (folder / "linked").symlink_to(elsewhere)
    (folder / "device.vmdk").symlink_to("/dev/zero")
    os.mkfifo(folder / "fifo.vmdk")


def hostile(folder: Path, elsewhere: Path) -> list[str]:
    """Return names that lead out of a folder, or to what must never be opened."""
    secret = str(elsewhere / SECRET)
    up = os.path.relpath(secret, folder)
    return [
        secret,
        up,
        f"./{up}",
        up.replace("/", "\\"),
        f"C:{secret}".replace("/", "\\"),
        f"\\\\localhost\\{secret}".replace("/", "\\"),
        f"//localhost/{secret}",
        "\\\\.\\PhysicalDrive0",
        "\\\\?\\GLOBALROOT\\Device\\Harddisk0",
        "/dev/zero",
        "/dev/stdin",
        "/proc/self/environ",
        "/proc/self/fd/0",
        "link.vmdk",
        f"linked/{SECRET}",
        "device.vmdk",
        "fifo.vmdk",
        "",
        ".",
        "..",
        "~/.ssh/id_rsa",
        "$HOME/.ssh/id_rsa",
        f"file://{secret}",
        f"file:{secret}",
        f"FILE:{secret}",
        "http://127.0.0.1:9/disk.vmdk",
        f'json:{{"driver":"raw","file":{{"driver":"file","filename":"{secret}"}}}}',
        f'json:{{"file.filename":"{secret}"}}',
        "nbd:127.0.0.1:9",
        "nbd+unix:///x?socket=/run/nbd",
        f"{secret}\0.vmdk",
        f"a.vmdk\0{secret}",
        up.replace("/", "%2f").replace("..", "%2e%2e"),
        f"a{'/..' * 3}/{up}",
        "x" * 5000,
        "/".join(["d"] * 2000),
        "\udcff\udcfe.vmdk",
        f" {secret} ",
    ]


def examined(path: Path) -> OpenedFiles:
    with opened_files() as opened:
        try:
            forensics.examine(path, strict=False)
        except SourceError as error:  # pragma: no cover - strict=False tells it in a row
            raise AssertionError(error.message) from error
    return opened


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
@pytest.mark.parametrize("form", FORMS)
def test_nothing_outside_is_opened(form: str, places: tuple[Path, Path]) -> None:
    """Whether the file is named itself, or the folder that it lies in."""
    evidence, elsewhere = places
    wrong: list[tuple[str, list[str], list[str]]] = []
    for number, name in enumerate(hostile(evidence / "0", elsewhere)):
        folder = evidence / str(number)
        _lay(folder, elsewhere)
        path = FORMS[form](folder, name)
        for source in (path, folder):
            opened = examined(source)
            assert opened.names_in(folder)
            if opened.outside(folder, places[0].parent / "room") or opened.special():  # noqa
                wrong.append((name, opened.outside(folder, places[0].parent / "room"), opened.special()))
        shutil.rmtree(folder)
    assert wrong == []
