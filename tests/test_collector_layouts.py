"""One small Windows as each collector lays it out: one machine, judged as on its own disk but for access lists."""

from __future__ import annotations

import io
import lzma
import re
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import forensics
from testdata.builder.collector_layouts import (
    BESIDE,
    LAYOUTS,
    OLDER,
    RAW_C,
    Layout,
    below,
    by_kind,
    compressed,
    get_this,
    velociraptor,
    without_holes,
)
from testdata.builder.files import FileSpec
from testdata.builder.ntfs import build_ntfs, unavailable
from testdata.builder.vhdx import write_dynamic
from testdata.builder.wim import WimImageSpec, build_wim
from tests.paths import IMAGES
from tests.sources.folder_of_everything import files_of

pytestmark = pytest.mark.usefixtures("rows_alone")

NAME = "healthy"
MIB = 1 << 20
COLUMNS = (
    *("thumbprint", "subject", "store", "store_scope", "owner_sid", "container", "provider", "provider_kind"),
    *("key_file", "public_key", "master_key", "master_key_guid", "unlocked_by", "private_key", "verdict"),
    *("broken_at", "exportable", "recoverable", "known_by"),
)
"""Of table key_chain, without paths and access."""


def collected(layout: Layout, name: str = NAME, beside: str = "") -> dict[str, bytes]:
    more = next((files for tool, files in BESIDE.items() if beside.startswith(tool)), ())
    return {layout(path): data for path, data in files_of(name).items()} | dict.fromkeys(more, b"{}")


def as_folder(files: Mapping[str, bytes], path: Path) -> Path:
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def as_zip(files: Mapping[str, bytes], path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def as_tar(files: Mapping[str, bytes], path: Path) -> Path:
    """Write absolute names, as acquire once did."""
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(f"/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def on_windows(files: Mapping[str, bytes]) -> list[FileSpec]:
    """Return files as Windows names them: without colons, and two names that differ in their case are one."""
    return [FileSpec(re.sub(r":(?=/)", "_", name).replace("c%3A", "C%3A"), data) for name, data in files.items()]


def as_wim(files: Mapping[str, bytes], path: Path) -> Path:
    path.write_bytes(build_wim([WimImageSpec("triage", on_windows(files))]))
    return path


def as_volume(files: Mapping[str, bytes], path: Path) -> Path:
    """Write a VHDX of one bare NTFS, as KAPE makes it."""
    if unavailable() is not None:
        pytest.skip(str(unavailable()))
    raw = path.with_suffix(".ntfs")
    build_ntfs(on_windows(files), raw, 64 * MIB)
    with raw.open("rb") as file:
        write_dynamic(file, 64 * MIB, path)
    raw.unlink()
    return path


FORMS: Mapping[str, Callable[[Mapping[str, bytes], Path], Path]] = {
    "folder": as_folder,
    "x.zip": as_zip,
    "x.tar.gz": as_tar,
    "x.vhdx": as_volume,
    "x.wim": as_wim,
}


def rows(case: forensics.Case, machine_id: int | None = None) -> list[tuple[object, ...]]:
    found = [row for row in case.rows("key_chain") if machine_id in (None, row.machine_id)]
    return sorted((tuple(getattr(row, column) for column in COLUMNS) for row in found), key=repr)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[object, ...]]:
    disk = tmp_path_factory.mktemp("plain") / "disk.vhdx"
    disk.write_bytes(lzma.decompress((IMAGES / f"{NAME}.vhdx.xz").read_bytes()))
    return rows(forensics.examine(disk))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_is_one_machine(tmp_path: Path, plain: list[tuple[object, ...]], layout: str, form: str) -> None:
    case = forensics.examine(FORMS[form](collected(LAYOUTS[layout], beside=layout), tmp_path / form))
    assert [machine.computer_name for machine in case.rows("machine")] == ["WEB01"]
    assert rows(case) == plain
    assert {row.access for row in case.rows("key_chain")} == {"not_examined"}
    assert [entry.error for entry in case.sources] == [None]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("store", [compressed, without_holes])
def test_uploads_in_pieces(
    tmp_path: Path, plain: list[tuple[object, ...]], store: Callable[[Mapping[str, bytes]], dict[str, bytes]], form: str
) -> None:
    files = store(collected(LAYOUTS["velociraptor server"]))
    assert len(files) > len(collected(LAYOUTS["velociraptor server"])) + 4
    case = forensics.examine(FORMS[form](files, tmp_path / form))
    assert [machine.computer_name for machine in case.rows("machine")] == ["WEB01"]
    assert rows(case) == plain
    assert [row for row in case.rows("problem") if row.source_path.endswith((".chunk", ".idx"))] == []


@pytest.mark.parametrize("change", ["short", "torn", "encrypted"])
def test_uploads_in_pieces_that_cannot_be_had_are_not_damaged(tmp_path: Path, change: str) -> None:
    files = compressed(collected(LAYOUTS["velociraptor server"]))
    for name in [name for name in files if "/Crypto/" in name and not name.endswith(".chunk")]:
        if change == "short":
            files[name] = files[name][:-1]
        elif change == "torn":
            files[name] = files[name][:20] + b"\xff" * 9 + files[name][29:]
        else:
            index = files[f"{name}.chunk"]
            files[f"{name}.chunk"] = b"".join(index[at : at + 32] + b"\1" * 8 for at in range(0, len(index), 40))
    case = forensics.examine(as_folder(files, tmp_path / "x"))
    found = {row.outcome for row in case.rows("key_file")}
    assert found == {"not_examined"}
    chains = [row for row in case.rows("key_chain") if row.thumbprint and row.provider_kind in ("capi", "cng")]
    assert {(row.key_file, row.verdict) for row in chains} == {("not_examined", "unknown")}


TWO_MACHINES: Mapping[str, tuple[Layout, Layout]] = {
    "kape": (below("2026/SRV01/C"), below("2026/SRV02/C")),
    "velociraptor server": (
        velociraptor(f"ntfs/{RAW_C}", "auto/C%3A", "auto/C%3A", "auto/C%3A", "clients/C.1/collections/F.1/uploads"),
        velociraptor(f"ntfs/{RAW_C}", "auto/C%3A", "auto/C%3A", "auto/C%3A", "clients/C.2/collections/F.2/uploads"),
    ),
    "acquire": (below("SRV01/fs/C:"), below("SRV02/fs/C:")),
    "acquire before 3.12": (by_kind("SRV01/sysvol", "SRV01/sysvol", "SRV01/C:", "SRV01/sysvol"), below("SRV02/sysvol")),
    "by hand": (below("backup/SRV01"), below("backup/SRV02")),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("layout", TWO_MACHINES)
def test_two_machines_stay_two(tmp_path: Path, plain: list[tuple[object, ...]], layout: str, form: str) -> None:
    first, second = TWO_MACHINES[layout]
    files = collected(first) | collected(second, "broken-files")
    case = forensics.examine(FORMS[form](files, tmp_path / form))
    assert [len(case.rows("machine")), len(case.sources)] == [2, 3]
    assert [entry.machine_ids for entry in case.sources] == [[1, 2], [1], [2]]
    assert rows(case, 1) == plain


def as_7z(files: Mapping[str, bytes], path: Path) -> Path:
    py7zr = pytest.importorskip("py7zr")
    with py7zr.SevenZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(data, name)
    return path


def orc(tmp_path: Path, pack: Callable[[Mapping[str, bytes], Path], Path], suffix: str) -> dict[str, bytes]:
    """Return what DFIR-ORC puts into its archive: one of its tools' for each kind of files."""
    kinds = {"SystemHives": "/config/", "Keys": "/Crypto/", "Rest": ""}
    left = dict(files_of(NAME))
    found = {}
    for name, part in kinds.items():
        files = {path: left.pop(path) for path in list(left) if part in path}
        found[f"{name}.{suffix}"] = pack(get_this(files), tmp_path / f"{name}.{suffix}").read_bytes()
    return found | {"DFIR-ORC_WEB01.log": b"x"}


@pytest.mark.parametrize(("pack", "suffix"), [(as_7z, "7z"), (as_zip, "zip")])
@pytest.mark.parametrize("is_folder", [False, True])
def test_archives_in_an_archive_of_dfir_orc_are_one_machine(
    tmp_path: Path,
    plain: list[tuple[object, ...]],
    pack: Callable[[Mapping[str, bytes], Path], Path],
    suffix: str,
    is_folder: bool,
) -> None:
    inner = orc(tmp_path, pack, suffix)
    name = "DFIR-ORC_Server_WEB01_General"
    path = as_folder(inner, tmp_path / name) if is_folder else pack(inner, tmp_path / f"{name}.{suffix}")
    case = forensics.examine(path)
    assert [machine.computer_name for machine in case.rows("machine")] == ["WEB01"]
    assert rows(case) == plain
    assert [(entry.path.rpartition("/")[2], entry.error) for entry in case.sources[1:]] == [
        (f"{each}.{suffix}", None) for each in ("Keys", "Rest", "SystemHives")
    ]


@pytest.mark.parametrize("form", FORMS)
def test_samples_of_dfir_orc(tmp_path: Path, plain: list[tuple[object, ...]], form: str) -> None:
    case = forensics.examine(FORMS[form](get_this(files_of(NAME)), tmp_path / form))
    assert [machine.computer_name for machine in case.rows("machine")] == ["WEB01"]
    assert rows(case) == plain
    assert {row.access for row in case.rows("key_chain")} == {"not_examined"}


def test_samples_of_shadow_copies_are_no_part_of_the_machine(tmp_path: Path, plain: list[tuple[object, ...]]) -> None:
    files, older = get_this(files_of(NAME)), get_this(files_of("broken-files"), snapshot=OLDER)
    files |= older | {"GetThis.csv": files["GetThis.csv"] + b"\r\n" + older["GetThis.csv"].partition(b"\r\n")[2]}
    case = forensics.examine(as_folder(files, tmp_path / "x"))
    assert rows(case) == plain
    assert [(entry.path, entry.error) for entry in case.sources[1:] if entry.error] == [
        (f"{tmp_path}/x/shadow copies", "collected from a volume shadow copy: an older state of a drive, not examined")
    ]


def test_two_machines_of_dfir_orc_stay_two(tmp_path: Path, plain: list[tuple[object, ...]]) -> None:
    files = {f"SRV01/{name}": data for name, data in get_this(files_of(NAME)).items()}
    files |= {f"SRV02/{name}": data for name, data in get_this(files_of("broken-files"), "SRV02").items()}
    case = forensics.examine(as_folder(files, tmp_path / "x"))
    assert [entry.machine_ids for entry in case.sources] == [[1, 2], [1], [2]]
    assert rows(case, 1) == plain
