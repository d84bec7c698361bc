"""Archives: of disks, of collected files, of archives."""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import zstandard

from testdata.builder.encrypted_zip import Method, encrypted_zip
from testdata.forms import windows
from testdata.forms.form import Form, Maker
from testdata.forms.raw_disks import e01, split
from testdata.forms.virtual_disks import dynamic_vhdx, vhdx_chain

PASSWORD = "forms"
_VHDX = "Virtual Hard Disks/disk.vhdx"
_7Z = "py7zr"


def collected(drive: str = "C/") -> dict[str, bytes]:
    """Return the files of the system drive by their path in a collection."""
    return {drive + path: data for path, data in windows.files().items()}


def hives() -> dict[str, bytes]:
    """Return the hives by their names."""
    return {path.rpartition("/")[2]: data for path, data in windows.files().items() if windows.HIVES in path}


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return a zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(files: Mapping[str, bytes]) -> bytes:
    """Return a tar, as GNU tar writes it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def seven_zipped(files: Mapping[str, bytes], password: str | None = None) -> bytes:
    """Return a 7z."""
    out = io.BytesIO()
    options: dict[str, Any] = {"password": password, "header_encryption": password is not None}
    with import_module("py7zr").SevenZipFile(out, "w", **options) as archive:
        for name, data in files.items():
            archive.writestr(data, name)
    return out.getvalue()


def _write(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def _vhdx(content: bytes | None = None) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        return {_VHDX: dynamic_vhdx(Path(folder), content).read_bytes()}


def _zip_of_disk(folder: Path) -> Path:
    return _write(folder, "WEB01.zip", zipped(_vhdx()))


def files_of(make: Maker) -> dict[str, bytes]:
    """Return what a form writes, by its paths."""
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder))
        made = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in made}


def _zip_of(make: Maker, folder: Path) -> Path:
    return _write(folder, "WEB01.zip", zipped(files_of(make)))


def _tar_of_disk(folder: Path) -> Path:
    return _write(folder, "WEB01.tar", tarred(_vhdx()))


def _seven_zip_of_disk(folder: Path) -> Path:
    return _write(folder, "WEB01.7z", seven_zipped(_vhdx()))


def _google(suffix: str, folder: Path) -> Path:
    data = tarred({"disk.raw": windows.disk()})
    packed = gzip.compress(data, 1) if suffix == "gz" else zstandard.ZstdCompressor(level=1).compress(data)
    return _write(folder, f"image.tar.{suffix}", packed)


def _zip_of_xz(folder: Path) -> Path:
    return _write(folder, "WEB01.zip", zipped({"disk.raw.xz": lzma.compress(windows.disk(), preset=0)}))


def _zip_of_files(folder: Path) -> Path:
    return _write(folder, "triage.zip", zipped(collected()))


def _tar_of_files(folder: Path) -> Path:
    return _write(folder, "triage.tgz", gzip.compress(tarred(collected()), 1))


def _seven_zip_of_files(folder: Path) -> Path:
    return _write(folder, "triage.7z", seven_zipped(collected()))


def _kape(folder: Path) -> Path:
    return _write(folder, "kape.zip", zipped(_vhdx(windows.collected_disk())))


def _kape_vhdx(folder: Path) -> Path:
    return dynamic_vhdx(folder, windows.collected_disk())


def _orc(folder: Path) -> Path:
    inner = {"SystemHives.7z": seven_zipped(hives()), "JobStatistics.csv": b"a,b\r\n"}
    return _write(folder, "DFIR-ORC_Server_FORMS01_General.7z", seven_zipped(inner))


def _zips_in_a_folder(folder: Path) -> Path:
    (folder / "evidence").mkdir()
    _write(folder / "evidence", "FORMS01.zip", zipped(collected()))
    _write(folder / "evidence", "notes.txt", b"collected on Friday\n")
    return folder / "evidence"


def _encrypted(how: Method, folder: Path) -> Path:
    return _write(folder, "triage.zip", encrypted_zip(collected(), PASSWORD.encode(), how))


def _encrypted_seven_zip(folder: Path) -> Path:
    return _write(folder, "triage.7z", seven_zipped(collected(), PASSWORD))


_WITH_PASSWORD = {"archive_password": PASSWORD}
FORMS = (
    Form("zip of a disk", "archive", "disk", _zip_of_disk, second_reader="7z"),
    Form("zip of a raw disk in parts", "archive", "disk", partial(_zip_of, partial(split, 1)), second_reader="7z"),
    Form("zip of an E01 in segments", "archive", "disk", partial(_zip_of, partial(e01, 3)), second_reader="7z"),
    Form("zip of a VHDX with checkpoints", "archive", "disk", partial(_zip_of, partial(vhdx_chain, 3))),
    Form("tar of a disk", "archive", "disk", _tar_of_disk, second_reader="tar"),
    Form("7z of a disk", "archive", "disk", _seven_zip_of_disk, _7Z, "7z", needs=(_7Z,)),
    Form("tar.gz of disk.raw (Google)", "archive", "disk", partial(_google, "gz"), second_reader="tar"),
    Form("tar.zst of disk.raw", "archive", "disk", partial(_google, "zst"), "backports.zstd", "tar"),
    Form("zip of a disk in .xz", "archive", "disk", _zip_of_xz, second_reader="7z"),
    Form("zip of collected files", "archive", "files", _zip_of_files, second_reader="7z"),
    Form("tar.gz of collected files", "archive", "files", _tar_of_files, second_reader="tar"),
    Form("7z of collected files", "archive", "files", _seven_zip_of_files, _7Z, "7z", needs=(_7Z,)),
    Form("VHDX of collected files (KAPE)", "folder", "files", _kape_vhdx, second_reader="qemu-img"),
    Form("zip of a VHDX of collected files (KAPE)", "archive", "files", _kape, second_reader="7z"),
    Form("7z in a 7z of hives (DFIR-ORC)", "archive", "hives", _orc, _7Z, "7z", needs=(_7Z,)),
    Form("folder with zips", "folder", "files", _zips_in_a_folder, second_reader="7z"),
    Form(
        "encrypted zip (ZipCrypto)",
        "archive",
        "files",
        partial(_encrypted, "zipcrypto"),
        second_reader="7z",
        options=_WITH_PASSWORD,
    ),
    Form(
        "encrypted zip (AES)",
        "archive",
        "files",
        partial(_encrypted, "ae-2"),
        "pyzipper",
        "7z",
        needs=("pyzipper",),
        options=_WITH_PASSWORD,
    ),
    Form(
        "encrypted 7z, names too",
        "archive",
        "files",
        _encrypted_seven_zip,
        _7Z,
        "7z",
        needs=(_7Z,),
        options=_WITH_PASSWORD,
    ),
)
