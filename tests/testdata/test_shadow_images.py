"""The shadow copies of the test images, read by libvhdi, libvshadow and libfsntfs, have what the present lost."""

from __future__ import annotations

import lzma
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from testdata.builder.files import FileSpec
from testdata.builder.scenario import Disk
from testdata.builder.scenarios import SCENARIOS
from tests.oracles import other_reader
from tests.paths import IMAGES
from tests.testdata.test_image_truth import (
    PARTITION_START,
    PROTECT,
    VOLUME_SIZE,
    Part,
    Volume,
    certificate_of,
    holds_key_of,
    load,
    master_key_path,
    private_halves,
    secrets,
    unlock,
)

pyvhdi = other_reader("pyvhdi", "libvhdi-python")
pyvshadow = other_reader("pyvshadow", "libvshadow-python")

NAMES = sorted(path.name.removesuffix(".truth.json") for path in IMAGES.glob("copies-*.truth.json"))


@dataclass
class Image:
    """An image with shadow copies.

    Attributes:
        disk: What the scenario says of it.
        truth: Its one machine.
        created: When its copies were made.
        copies: The volume as each of them shows it, oldest first.
        present: The volume of today.
    """

    disk: Disk
    truth: dict[str, Any]
    created: list[str]
    copies: list[Volume]
    present: Volume
    opened: Sequence[Any]

    def row(self, name: str) -> dict[str, Any]:
        rows: list[dict[str, Any]] = self.truth["key_chain"]
        (row,) = [row for row in rows if row["subject"] == f"CN={name}.contoso.test"]
        return row

    def opens(self, name: str, key_file: bytes, key: bytes | None) -> bool:
        """Whether a key file holds, under a master key, the key of a certificate of the present."""
        row = self.row(name)
        certificate = certificate_of(self.present, row["thumbprint"], row["store"])
        assert certificate is not None
        return key is not None and any(holds_key_of(clear, certificate) for clear in private_halves(key_file, key))

    def gone(self, folder: str) -> list[FileSpec]:
        """Return the files of a folder that the older copy has and the present has not."""
        now = {spec.path for spec in self.disk.volumes[0]}
        return [s for s in self.disk.copies[0].files if s.path.startswith(folder) and s.path not in now]


def image(name: str, folder: Path) -> Image:
    path = folder / f"{name}.vhdx"
    path.write_bytes(lzma.decompress((IMAGES / f"{name}.vhdx.xz").read_bytes()))
    disk = pyvhdi.file()
    disk.open(str(path))
    volume, part = pyvshadow.volume(), Part(disk, PARTITION_START, VOLUME_SIZE)
    volume.open_file_object(part)
    stores = [volume.get_store(number) for number in range(volume.number_of_stores)]
    created = [f"{store.get_creation_time():%Y-%m-%dT%H:%M:%SZ}" for store in stores]
    copies = [Volume(store, 0, -PARTITION_START) for store in stores]
    [stated], [truth] = SCENARIOS[name]().stages, load(name)["machines"]
    return Image(stated, truth, created, copies, Volume(disk, 0), (volume, part, disk))


@pytest.mark.parametrize("name", NAMES)
def test_each_copy_holds_what_the_scenario_states(name: str, tmp_path: Path) -> None:
    made = image(name, tmp_path)
    assert made.created == load(name)["notes"]["shadow_copies"]
    for then, stated in zip(made.copies, made.disk.copies, strict=True):
        files = {spec.path: spec.data for spec in stated.files if not spec.is_dir}
        assert {path: then.read(path) for path in files} == files
        later = {spec.path for spec in made.disk.volumes[0]} - {spec.path for spec in stated.files}
        assert [path for path in later if then.read(path) is not None] == []


def test_only_the_older_copy_has_the_master_key(tmp_path: Path) -> None:
    made = image("copies-master-key", tmp_path)
    row = made.row("locked")
    path = master_key_path(row)
    assert path is not None
    assert [volume.read(path) is None for volume in (*made.copies, made.present)] == [False, True, True]
    generation, key = unlock(made.copies[0], path, secrets(made.present))
    assert generation == "current"
    assert made.opens("locked", made.present.read(row["key_file_path"]) or b"", key)


@pytest.mark.parametrize("name", ["web", "late"])
def test_old_keys_of_today_open_with_the_secret_of_the_older_copy(name: str, tmp_path: Path) -> None:
    made = image("copies-sysprep", tmp_path)
    row = made.row(name)
    path = master_key_path(row)
    assert path is not None
    assert unlock(made.present, path, secrets(made.present))[0] == "nothing"
    generation, key = unlock(made.present, path, secrets(made.copies[0]))
    assert generation == "current"
    assert made.opens(name, made.present.read(row["key_file_path"]) or b"", key)
    has = [copy.read(row["key_file_path"]) is not None for copy in made.copies]
    assert has == [name == "web", True]


@pytest.mark.parametrize(
    ("scenario", "name", "folder", "held"),
    [
        ("copies-master-key", "web", "RSA/MachineKeys", [True, True]),
        ("copies-sysprep", "api", "Keys", [True, False]),
        ("copies-sysprep", "mail", "RSA/MachineKeys", [True, False]),
    ],
    ids=["deleted by hand", "deleted by sysprep", "made anew"],
)
def test_the_key_file_that_is_gone_is_in_the_copies(
    scenario: str, name: str, folder: str, held: list[bool], tmp_path: Path
) -> None:
    made = image(scenario, tmp_path)
    (lost,) = made.gone(f"ProgramData/Microsoft/Crypto/{folder}/")
    older, halves = made.copies[0], secrets(made.copies[0])
    master_keys = [s.path for s in made.disk.copies[0].files if s.path.startswith(f"{PROTECT}/") and s.data]
    keys = [unlock(older, path, halves)[1] for path in master_keys if "/User/" not in path and "Pref" not in path]
    assert any(made.opens(name, older.read(lost.path) or b"", key) for key in keys)
    assert [copy.read(lost.path) is not None for copy in made.copies] == held
