"""The names of places are those that examinations write: a rule may ask for nothing else."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

import pytest

from forensics.tables.coverage_names import NAMES
from tests.examined import examined
from tests.paths import IMAGES

IMAGE_NAMES = sorted(path.name.removesuffix(".truth.json") for path in IMAGES.glob("*.truth.json"))
# What is called as the evidence calls it: the folder that was given, a volume, a key below a hive, a loose file.
OF_THE_EVIDENCE = {"folder": re.compile(r"[A-Z](?:/.*)?"), "hive": re.compile(r".*\\.*")}

OF_OTHER_SOURCES = {
    ("folder", "profiles of users"),
    ("folder", "beside the disk"),
    ("folder", "Crypto/RSA (capi, user)"),
    ("folder", "Crypto/Keys (cng, system)"),
    ("folder", "Crypto/PCPKSP (tpm, system)"),
    ("folder", "Crypto/PCPKSP (tpm, service)"),
    ("folder", "NewOS"),
    ("folder", "DATA"),
    ("folder", "RegBack"),
    ("folder", "collection"),
    ("folder", "hives"),
    ("folder", "exports"),
    ("volume", "disk"),
    ("volume", "a volume without a letter"),
    ("volume", "deleted file records"),
    ("volume", "remains of names in folders"),
    ("volume", "$LogFile"),
    ("file", "ComputerName"),
    ("file", "MachineGuid"),
    ("proof", "second opinion"),
    ("folder", "archive"),
    ("folder", "disk images"),
    ("folder", "virtual disks"),
    ("folder", "Windows installations"),
    ("folder", "EFI system partitions"),
    ("file", "rasphone.pbk"),
    ("file", "traces of guardians"),
}
"""Written of collections, exports and event logs without hives, of disks on servers or without partitions, with an
option, where a bound was reached, and of volumes that are marked dirty.
"""


def is_known(area: str, name: str) -> bool:
    given = OF_THE_EVIDENCE.get(area)
    # Brackets are none of the wildcards here.
    patterns = [known.replace("[", "[[]") for known in NAMES[area]]  # type: ignore[index]
    return any(fnmatchcase(name, pattern) for pattern in patterns) or bool(given and given.fullmatch(name))


@pytest.mark.parametrize("image", IMAGE_NAMES)
def test_every_place_of_an_image_is_known(image: str) -> None:
    rows = examined(image).rows("coverage")
    assert rows
    assert {(row.area, row.name) for row in rows if not is_known(row.area, row.name)} == set()


def test_every_name_is_written_of_an_image_or_known_not_to_be() -> None:
    written = {(row.area, row.name) for image in IMAGE_NAMES for row in examined(image).rows("coverage")}
    known = {(area, name) for area, names in NAMES.items() for name in names if "*" not in name}
    assert known - written == OF_OTHER_SOURCES
