"""The files of a drive as each collector lays them out and packs them, and logical images."""

from __future__ import annotations

import gzip
import io
import re
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from testdata.builder.ad1 import Folder, ad1
from testdata.builder.collector_layouts import BESIDE, LAYOUTS, compressed, get_this, without_holes
from testdata.builder.files import FileSpec
from testdata.builder.ntfs import build_ntfs
from testdata.builder.vhdx import write_dynamic
from testdata.forms import windows
from testdata.forms.archives import seven_zipped, tarred, zipped
from testdata.forms.collections import write_files
from testdata.forms.form import Form

_7Z = "py7zr"
_Files = Mapping[str, bytes]
_Store = Callable[[_Files], _Files]
_Pack = Callable[[_Files, Path], Path]


def _laid_out(layout: str) -> dict[str, bytes]:
    beside = next((names for tool, names in BESIDE.items() if layout.startswith(tool)), ())
    return {LAYOUTS[layout](path): data for path, data in windows.files().items()} | dict.fromkeys(beside, b"{}")


def _zip(files: _Files, folder: Path) -> Path:
    path = folder / "collected.zip"
    path.write_bytes(zipped(files))
    return path


def _tar(files: _Files, folder: Path) -> Path:
    path = folder / "collected.tar.gz"
    path.write_bytes(gzip.compress(tarred({f"/{name}": data for name, data in files.items()}), 1))
    return path


def _ntfs(files: _Files, folder: Path) -> Path:
    """Write a VHDX of one bare volume, with names as Windows has them."""
    specs = [FileSpec(re.sub(r":(?=/)", "_", name), data) for name, data in files.items()]
    with tempfile.TemporaryDirectory() as work:
        build_ntfs(specs, volume := Path(work, "volume"), windows.VOLUME_SIZE)
        return _vhdx(volume.read_bytes(), folder)


def _vhdx(volume: bytes, folder: Path) -> Path:
    path = folder / "collected.vhdx"
    write_dynamic(io.BytesIO(volume), len(volume), path, shuffle_seed="forms", seed="forms")
    return path


def _bare_kape(folder: Path) -> Path:
    return _vhdx(windows.collected_volume(), folder)


def _collected(layout: str, pack: _Pack, store: _Store, folder: Path) -> Path:
    return pack(store(_laid_out(layout)), folder)


def _form(name: str, layout: str, pack: _Pack, store: _Store = dict, *, second: str = "") -> Form:
    kind, needs = "archive" if pack in (_zip, _tar) else "folder", ("mkntfs",) if pack is _ntfs else ()
    return Form(name, kind, "files", partial(_collected, layout, pack, store), second_reader=second, needs=needs)


def _orc() -> dict[str, bytes]:
    left, kinds = windows.files(), {"SystemHives": windows.HIVES, "Keys": "/Crypto/", "Rest": ""}
    found: dict[str, bytes] = {"DFIR-ORC_FORMS01.log": b"x"}
    for name, part in kinds.items():
        taken = {path: left.pop(path) for path in list(left) if part in path}
        found[f"{name}.7z"] = seven_zipped(get_this(taken, "FORMS01"))
    return found


def _orc_archive(folder: Path) -> Path:
    path = folder / "DFIR-ORC_Server_FORMS01_Samples.7z"
    path.write_bytes(seven_zipped(_orc()))
    return path


def _orc_samples(folder: Path) -> Path:
    return write_files(get_this(windows.files(), "FORMS01"), folder)


def _logical(segment: int | None, folder: Path) -> Path:
    top: dict[str, Any] = {}
    for path, data in windows.files().items():
        *above, name = path.split("/")
        at = top
        for each in above:
            at = at.setdefault(each, {})
        at[name] = data
    image: Folder = top
    for number, part in enumerate(ad1(image, segment=segment), 1):
        (folder / f"FORMS01.ad{number}").write_bytes(part)
    return folder / "FORMS01.ad1"


_EVIDENCE = "dissect.evidence"
FORMS = (
    _form("KAPE, with name and date", "kape with name and date", write_files),
    Form("KAPE, one bare volume in a VHDX", "folder", "files", _bare_kape, second_reader="qemu-img"),
    _form("CyLR (zip)", "cylr", _zip, second="7z"),
    _form("Velociraptor, by several accessors (zip)", "velociraptor, split", _zip, second="7z"),
    _form("Velociraptor, sparse uploads (zip)", "velociraptor, split", _zip, without_holes),
    _form("Velociraptor, one accessor (VHDX)", "velociraptor, one accessor", _ntfs),
    _form("file store of Velociraptor's server", "velociraptor server", write_files, compressed),
    _form("acquire (tar.gz)", "acquire", _tar, second="tar"),
    _form("acquire before 3.12 (tar.gz)", "acquire before 3.12", _tar, second="tar"),
    _form("acquire into a folder on Windows", "acquire in a folder on Windows", write_files),
    _form("acquire into a folder on Windows (VHDX)", "acquire in a folder on Windows", _ntfs),
    _form("UAC of a mounted Windows (tar.gz)", "uac of a mounted Windows", _tar, second="tar"),
    Form("DFIR-ORC, samples (7z in a 7z)", "archive", "files", _orc_archive, _7Z, needs=(_7Z,)),
    Form("DFIR-ORC, samples (folder)", "folder", "files", _orc_samples),
    _form("copy by hand, below other folders", "a copy by hand", write_files),
    Form("AD1 (FTK Imager)", "archive", "files", partial(_logical, None), second_reader=_EVIDENCE),
    Form("AD1 in segments", "archive", "files", partial(_logical, 20_000), second_reader=_EVIDENCE),
)
