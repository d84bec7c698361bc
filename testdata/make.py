"""Makes the test images: ``python testdata/make.py [--list] [NAME...]``.

Each scenario becomes ``testdata/images/NAME.vhdx.xz`` (a differencing chain has ``NAME-1.avhdx.xz`` and so on besides)
and ``NAME.truth.json``. The same source gives the same bytes.
"""

from __future__ import annotations

import argparse
import json
import lzma
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from testdata.builder import acl, gpt
from testdata.builder.disk import Volume, build_disk
from testdata.builder.fat import build_fat
from testdata.builder.ntfs import NtfsExtras, build_ntfs
from testdata.builder.scenario import Disk, Scenario
from testdata.builder.scenarios import SCENARIOS
from testdata.builder.shadow_copies import carry_on
from testdata.builder.vhdx import write_differencing, write_dynamic
from testdata.builder.vhdx_log import LogShape
from tests.paths import IMAGES

AS_OF = "2026-11-22T00:00:00Z"
_BLOCK = 1 << 20
_PIECE = 4096
_EFI_SIZE = 34 << 20  # the least that every reader takes for FAT32


def raw_disk(disk: Disk, folder: Path, name: str) -> Path:
    """Write one disk as a sparse raw file; returns its path."""
    images: list[Volume] = []
    if disk.efi is not None:
        partition = folder / f"{name}-efi.fat"
        partition.write_bytes(build_fat(disk.efi, _EFI_SIZE))
        images.append(Volume(partition, gpt.EFI_SYSTEM, "EFI system partition"))
    begin = _BLOCK + sum(volume.bytes for volume in images)
    for number, files in enumerate(disk.volumes):
        image = folder / f"{name}-volume{number}.ntfs"
        copies = () if number else disk.copies
        told = NtfsExtras() if number else NtfsExtras(changes=disk.changes, deleted=disk.deleted)
        build_ntfs(
            copies[0].files if copies else files,
            image,
            disk.volume_size,
            label=f"Windows{number or ''}",
            default_sd=acl.DEFAULT_SD,
            serial=0x4B45_594D_0000_0000 + number,
            sector_size=disk.sector_size,
            extras=NtfsExtras() if copies else told,
            partition_start=(begin + number * disk.volume_size) // disk.sector_size,
        )
        if copies:
            carry_on(
                image,
                copies,
                files,
                default_sd=acl.DEFAULT_SD,
                changes=told.changes,
                deleted=told.deleted,
                shape=disk.shape,
                reserve=disk.reserve,
            )
        images.append(Volume(image))
    out = folder / f"{name}.raw"
    build_disk(images, out, scheme=disk.scheme, sector_size=disk.sector_size)
    for volume in images:
        assert volume.image is not None
        volume.image.unlink()
    return out


def changes(before: Path, after: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, bytes) of the 4 KiB pieces in which two raw disks of one size differ."""
    assert before.stat().st_size == after.stat().st_size, "the disks differ in size"
    with before.open("rb") as old, after.open("rb") as new:
        offset = 0
        while block := new.read(_BLOCK):
            was = old.read(_BLOCK)
            if was != block:
                for at in range(0, len(block), _PIECE):
                    if block[at : at + _PIECE] != was[at : at + _PIECE]:
                        yield offset + at, block[at : at + _PIECE]
            offset += len(block)


def write_images(scenario: Scenario, folder: Path) -> list[Path]:
    """Write the scenario's VHDX files, uncompressed, into ``folder``; the leaf of a chain is the last."""
    raws = [raw_disk(disk, folder, f"{scenario.name}-stage{number}") for number, disk in enumerate(scenario.stages)]
    out = folder / f"{scenario.name}.vhdx"
    written = [out]
    sector_size = scenario.stages[0].sector_size
    options: dict[str, Any] = {"sector_size": sector_size, "shuffle_seed": scenario.name, "seed": scenario.name}
    if scenario.container == "vhdx_dirty":
        options |= {"pending": list(changes(raws[0], raws[1])), "log": LogShape(stale=True, torn=True)}
    with raws[0].open("rb") as raw:
        write_dynamic(raw, raws[0].stat().st_size, out, **options)
    if scenario.container == "vhdx_chain":
        for number in range(1, len(raws)):
            child = folder / f"{scenario.name}-{number}.avhdx"
            difference = changes(raws[number - 1], raws[number])
            write_differencing(written[-1], difference, child, shuffle_seed=child.name, seed=child.name)
            written.append(child)
    for raw_path in raws:
        raw_path.unlink()
    return written


def truth(scenario: Scenario, images: list[Path]) -> dict[str, Any]:
    """Return what ``NAME.truth.json`` says."""
    return {
        "name": scenario.name,
        "summary": scenario.summary,
        "as_of": AS_OF,
        "images": [path.name for path in images],
        "examine": images[-1].name,
        "passwords": scenario.passwords,
        "nt_hashes": scenario.nt_hashes,
        "machines": scenario.truth,
        "notes": scenario.notes,
    }


def make(name: str, out: Path = IMAGES) -> list[Path]:
    """Make one scenario's images and truth in ``out``; returns the files written."""
    scenario = SCENARIOS[name]()
    assert scenario.name == name
    out.mkdir(parents=True, exist_ok=True)
    files = []
    with tempfile.TemporaryDirectory() as folder:
        images = write_images(scenario, Path(folder))
        for image in images:
            target = out / f"{image.name}.xz"
            target.write_bytes(lzma.compress(image.read_bytes(), preset=9 | lzma.PRESET_EXTREME))
            files.append(target)
        target = out / f"{name}.truth.json"
        text = json.dumps(truth(scenario, images), indent=1, ensure_ascii=False, sort_keys=True)
        target.write_text(text + "\n", encoding="utf-8")
        files.append(target)
    return files


def main(arguments: list[str] | None = None) -> int:
    """Make the scenarios named, or all."""
    parser = argparse.ArgumentParser(description="Make the test images and their truth.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="scenarios; all when none is given")
    parser.add_argument("--out", type=Path, default=IMAGES, help="folder to write to")
    parser.add_argument("--list", action="store_true", help="list the scenarios and stop")
    given = parser.parse_args(arguments)
    if unknown := sorted(set(given.names) - set(SCENARIOS)):
        parser.error(f"no such scenario: {', '.join(unknown)}")
    for name in given.names or sorted(SCENARIOS):
        if given.list:
            print(f"{name}: {SCENARIOS[name]().summary}")
            continue
        for path in make(name, given.out):
            print(f"{path.name}: {path.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
