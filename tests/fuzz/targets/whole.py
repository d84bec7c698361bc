"""Whole examinations of a damaged volume and of damaged hives, and case files.

An input is not the volume but what is changed in it. What is said must not be worse without a problem about the place,
and no secret may be in it.
"""

from __future__ import annotations

import json
import re
import struct
from base64 import b64encode
from functools import cache
from pathlib import Path

import forensics
from forensics.disk.errors import SourceError
from forensics.tables.database import CaseFileError
from tests.fuzz import given_files, sparse
from tests.fuzz.target import Target
from tests.paths import PROJECT

_EDIT = struct.Struct("<HHBB4s")
_MOST_EDITS = 4
_SIZES = (1, 1, 1, 1, 2, 4, 8)
_MACHINE = "odd-server"
_LEAST = 40
_LONG = re.compile(rf"[0-9a-z+/]{{{_LEAST},}}")
"""What may be a secret: each form of one is as long."""


def _changes(data: bytes) -> list[tuple[int, int, int, int, bytes]]:
    """Return the edits of an input: number of a region, place in it, size, way and bytes."""
    count = min(len(data) // _EDIT.size, _MOST_EDITS)
    return [_EDIT.unpack_from(data, number * _EDIT.size) for number in range(count)]


def _edited(before: bytes, way: int, filled: bytes) -> bytes:
    if way % 4 < 2:
        return bytes([before[0] ^ 1 << way % 8]) + before[1:]
    return (bytes(8), b"\xff" * 8, filled * 2)[way % 3][: len(before)]


@cache
def _secrets() -> list[str]:
    """Return the numbers of all private keys of the test data, in the forms in which they could get into a text."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    forms = []
    for file in sorted((PROJECT / "testdata" / "keys").glob("*.pem"))[:40]:
        for block in re.findall(rb"-----BEGIN.*?-----END[^\n]*\n", file.read_bytes(), re.DOTALL):
            key = load_pem_private_key(block, None, unsafe_skip_rsa_key_validation=True)
            assert isinstance(key, rsa.RSAPrivateKey)
            numbers = key.private_numbers()
            for number in (numbers.p, numbers.q, numbers.d):
                raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
                forms += [str(number), raw.hex()[:64], raw[::-1].hex()[:64], b64encode(raw).decode().lower()[:40]]
    return forms


def _shown(case: forensics.Case) -> None:
    """Write what a case says, and look for secrets in it."""
    document = str(forensics.render(case, "json"))
    assert json.loads(document) is not None
    assert not holds_a_secret(document + str(forensics.render(case, "text"))), "a secret is in the output"


def holds_a_secret(text: str) -> bool:
    """Tell whether a number of a private key of the test data is in a text, in any of its forms."""
    # Only what is long enough is looked at: to ask a text of 100 KB for hundreds of words takes a second.
    long = "\n".join(_LONG.findall(text.lower()))
    return any(secret in long for secret in _secrets())


class _Volume:
    """The small Windows of the forms, with all that is said of it whole."""

    def __init__(self) -> None:
        from testdata.forms import windows
        from tests import damaged_volume

        self.path = given_files.given("windows.ntfs", windows.volume())
        self.whole = damaged_volume.examine(self.path)
        regions = damaged_volume.regions(self.path)
        near = [r for r in regions if not r.path or any(p in r.path for p in ("Crypto", "Protect", "config"))]
        self.regions = near + regions


@cache
def _volume(folder: Path) -> _Volume:
    del folder  # each process has its own
    with given_files.unwatched():
        return _Volume()


def _damaged_volume(data: bytes) -> None:
    from tests import damaged_volume
    from tests.stretched_once import keys_stretched_once

    volume = _volume(given_files.folder())
    edits = []
    with volume.path.open("rb") as file:
        for number, place, size, way, filled in _changes(data):
            region = volume.regions[number % len(volume.regions)]
            count = _SIZES[size % len(_SIZES)]
            at = region.start + place % max(1, region.size - count + 1)
            file.seek(at)
            before = file.read(count)
            edits.append(damaged_volume.Edit(at, before, _edited(before, way, filled), region))
    with given_files.unwatched(), volume.path.open("r+b", buffering=0) as file:
        for edit in edits:
            file.seek(edit.at)
            file.write(edit.after)
    try:
        with keys_stretched_once():
            seen = damaged_volume.examine(volume.path)
            if data[:1] == b"\0":
                _shown(forensics.examine(volume.path))
    # A boot sector that is gone, with its copy, leaves nothing to examine.
    except SourceError:
        return
    finally:
        with given_files.unwatched(), volume.path.open("r+b", buffering=0) as file:
            for edit in reversed(edits):
                file.seek(edit.at)
                file.write(edit.before)
    worse = damaged_volume.what_became_worse(volume.whole, seen)
    told = damaged_volume.new_problems(volume.whole, seen)
    is_told = any(damaged_volume.is_about(row, edit, volume.path) for row in told for edit in edits)
    assert is_told or not worse, f"untold: {worse[:3]} after {[str(edit) for edit in edits]}"


class _Hives:
    """A collection with hives whose structure is damaged."""

    def __init__(self, folder: Path) -> None:
        from tests.flipped_hives import HIVES, said_of
        from tests.hive_structure import structure
        from tests.test_less_evidence import CONFIG, collect

        self.folder = folder / "collection"
        self.folder.mkdir()
        collect(_MACHINE, self.folder)
        self.whole = said_of(self.folder)
        self.files = {hive: (self.folder / CONFIG / hive).read_bytes() for hive in HIVES}
        self.places = [(hive, at, what) for hive, data in self.files.items() for at, what in structure(data)]


@cache
def _hives(folder: Path) -> _Hives:
    with given_files.unwatched():
        return _Hives(folder)


def _damaged_hives(data: bytes) -> None:
    from tests.flipped_hives import Edit, is_told, said_of, worse
    from tests.stretched_once import keys_stretched_once
    from tests.test_less_evidence import CONFIG

    made = _hives(given_files.folder())
    changed, edits = {hive: bytearray(content) for hive, content in made.files.items()}, []
    for number, place, size, way, filled in _changes(data)[:1]:
        hive, at, what = made.places[(number << 16 | place) % len(made.places)]
        count = 4 if _SIZES[size % len(_SIZES)] >= 4 and "name" not in what else 1
        at &= -count
        before = bytes(changed[hive][at : at + count])
        after = _edited(before, way if count > 1 else 0, filled)
        changed[hive][at : at + count] = after
        edits.append(Edit(hive, at, bytes(a ^ b for a, b in zip(before, after, strict=True)), what))
    with given_files.unwatched():
        for hive, content in changed.items():
            (made.folder / CONFIG / hive).write_bytes(content)
    with keys_stretched_once():
        less = said_of(made.folder)
        if data[:1] == b"\0":
            _shown(forensics.examine(made.folder))
    found = worse(less, made.whole)
    told = any(is_told(less, made.whole, edit) for edit in edits)
    assert told or not found, f"untold: {found[:3]} after {edits}"


def _edit_seeds() -> list[bytes]:
    return [_EDIT.pack(number * 37, number * 101, number, number, bytes(4)) for number in range(5)]


def _case(data: bytes) -> None:
    path = given_files.given_sparse("examined.case", data)
    case = forensics.open_case(path)
    for table in ("key_chain", "certificate", "problem", "machine"):
        assert case.rows(table) is not None
    assert forensics.render(case, "json")


def _case_seeds() -> list[bytes]:
    import tempfile

    from tests.hand_made import case

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "examined.case")
        case().save(path)
        return [sparse.pack(path.read_bytes())]


TARGETS = (
    Target("whole-volume", _damaged_volume, _edit_seeds, reads_files=True, seconds=20, mib=1024, is_slow=True),
    Target("whole-hives", _damaged_hives, _edit_seeds, reads_files=True, seconds=20, mib=1024, is_slow=True),
    Target("case-file", _case, _case_seeds, errors=(CaseFileError,), reads_files=True, seconds=3, is_slow=True),
)
