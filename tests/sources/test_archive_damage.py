"""Archives that are damaged where their libraries say nothing: what is missing in them is not absent."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from forensics.sources.open import open_source
from forensics.tables.outcome import Outcome
from forensics.tables.record import ProblemRow

HIVE = b"regf" + bytes(4092 + 4096)
SYSTEM = "Windows/System32/config/SYSTEM"
KEYS = "ProgramData/Microsoft/Crypto/RSA/MachineKeys"
UNSEEN = "members may be missing, so nothing that is not in it is absent"
CUT = f"the archive is cut short: it stops without the blocks of zeros that end one; {UNSEEN}"
HEADER = f"the archive is damaged or cut short at the header of a member: the rest is not read; {UNSEEN}"
BEHIND = f"the archive goes on behind what looks like its end: the rest is not read; {UNSEEN}"
# Header and two blocks of SYSTEM (16 blocks and its header), then a header and one block for each key.
SECOND_KEY = 512 + len(HIVE) + 1024
END = SECOND_KEY + 1024


def tar(*names: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in names:
            content = HIVE if name == SYSTEM else name.encode()
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


WHOLE = tar(SYSTEM, f"{KEYS}/one", f"{KEYS}/two")


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize(
    ("data", "kind", "message", "offset", "seen"),
    [
        (WHOLE[:SECOND_KEY], "truncated", CUT, SECOND_KEY, ["one"]),
        (WHOLE[: SECOND_KEY + 100], "truncated", CUT, SECOND_KEY, ["one"]),
        (WHOLE[: SECOND_KEY + 512], "truncated", CUT, END, ["one", "two"]),
        (WHOLE[:END], "truncated", CUT, END, ["one", "two"]),
        (flipped(WHOLE, SECOND_KEY), "damaged", HEADER, SECOND_KEY, ["one"]),
        (flipped(WHOLE, SECOND_KEY + 150), "damaged", HEADER, SECOND_KEY, ["one"]),
        (WHOLE[:SECOND_KEY] + bytes(512) + WHOLE[SECOND_KEY + 512 :], "damaged", BEHIND, SECOND_KEY + 512, ["one"]),
    ],
)
def test_a_damaged_tar_calls_nothing_absent(
    tmp_path: Path, data: bytes, kind: str, message: str, offset: int, seen: list[str]
) -> None:
    path = tmp_path / "triage.tar"
    path.write_bytes(data)
    with open_source(path) as source:
        row = ProblemRow(machine_id=0, source_path=str(path), kind=kind, message=message, offset=offset)
        assert source.problems == [row]
        (machine,) = source.installations
        listing = machine.listing(KEYS)
        assert ([entry.name for entry in listing.entries], listing.outcome) == (seen, Outcome("partial", message))
        assert machine.read(f"{KEYS}/three").outcome == Outcome("not_examined", message)
        assert machine.listing(f"{KEYS}x").outcome == Outcome("not_examined", "not in this source")


@pytest.mark.parametrize("zeros", [512, 1024, 10240, 1 << 20])
def test_a_tar_may_end_with_any_number_of_zeros(tmp_path: Path, zeros: int) -> None:
    path = tmp_path / "triage.tar"
    path.write_bytes(WHOLE[:END] + bytes(zeros))
    with open_source(path) as source:
        assert source.problems == []
        assert source.installations[0].read(f"{KEYS}/three").outcome == Outcome("absent")


def test_a_member_that_is_cut_is_not_obtained(tmp_path: Path) -> None:
    path = tmp_path / "triage.tar"
    path.write_bytes(WHOLE[: SECOND_KEY + 512])
    with open_source(path) as source:
        outcome = source.installations[0].read(f"{KEYS}/two").outcome
        assert outcome.state == "not_examined"
        assert (outcome.why or "").startswith("the archive is damaged there, which says nothing about the file itself")
