"""GetThis.csv of DFIR-ORC: which file of the machine each of the samples beside it is.

References:
    DFIR-ORC, documentation of GetThis, and src/OrcCommand/Command/GetThis/GetThisSqlSchema.xml for the columns.
"""

from __future__ import annotations

import csv
import io

from forensics.formats.errors import FormatError
from forensics.language import sentence
from forensics.late_methods import dataclass

MAX_SIZE = 256 << 20
"""Format: bytes of a list of samples."""
MAX_SAMPLES = 200_000
"""Format: samples of one list."""
_COLUMNS = ("ComputerName", "VolumeID", "FullName", "SampleName", "ContentType", "AttrName", "SnapshotID")
_NO_SNAPSHOT = frozenset("{}0-")


@dataclass(frozen=True, slots=True)
class Sample:
    """A file of a machine.

    Attributes:
        computer: Name of the machine.
        volume: Serial number of its volume.
        path: Its path on that, ``/``-separated.
        stored_as: Path of the sample, ``/``-separated, from where the list lies.
        is_present: It was read of the volume itself, not of a shadow copy.
    """

    computer: str
    volume: str
    path: str
    stored_as: str
    is_present: bool


def parse_orc_samples(data: bytes) -> list[Sample]:
    """Parse a list of samples; what is no whole file, such as an alternate stream, is left out.

    Raises:
        FormatError: It is no such list, or one of too many samples.
    """
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    rows = csv.reader(io.StringIO(data.decode(encoding, "replace"), newline=""))
    samples: list[Sample] = []
    try:
        header = next(rows, [])
        places = [header.index(name) for name in _COLUMNS]
        for row in rows:
            if len(row) <= max(places):
                continue
            computer, volume, path, stored_as, content, stream, snapshot = (row[at] for at in places)
            if content != "data" or stream or not path or not stored_as:
                continue
            if len(samples) >= MAX_SAMPLES:
                raise FormatError("too_many", 0, sentence("more than {max_samples} samples", max_samples=MAX_SAMPLES))
            present = _NO_SNAPSHOT.issuperset(snapshot)
            samples.append(Sample(computer, volume, _slashes(path), _slashes(stored_as), present))
    except (ValueError, csv.Error) as error:
        raise FormatError("bad_value", 0, sentence("no list of samples of DFIR-ORC")) from error
    return samples


def _slashes(path: str) -> str:
    return "/".join(part for part in path.replace("\\", "/").split("/") if part not in ("", ".", ".."))
