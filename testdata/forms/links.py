"""Windows whose folder of keys leads by a junction to drive D:, on the same disk or on another one.

Both volumes are committed; ``python -m testdata.forms --volumes`` makes them anew.
"""

from __future__ import annotations

import lzma
import tempfile
from functools import cache
from pathlib import Path

from testdata.builder import acl, gpt
from testdata.builder.disk import Volume
from testdata.builder.linked_volumes import gpt_identity, split
from testdata.builder.ntfs import NtfsExtras, build_ntfs
from testdata.forms import windows
from testdata.forms.form import Form

VOLUMES = windows.VOLUMES.with_name("linked.xz")
"""Windows' volume, and behind it that of drive D:."""
_CRYPTO = "ProgramData/Microsoft/Crypto"
_SEED, _NUMBER = "forms", 2
"""Of the disk on which drive D: lies, and its partition there."""
_DATA_SIZE = 16 << 20
_SPARE = Volume(None, gpt.MICROSOFT_RESERVED, "Microsoft reserved partition", 1 << 20)


def make_volumes() -> None:
    """Make the committed volumes anew."""
    made = windows.forged().machine
    made.hives.system.key("MountedDevices").binary("\\DosDevices\\D:", gpt_identity(_NUMBER, _SEED))
    stays, gone = split(made.volume(), {_CRYPTO: "Crypto"})
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder, "windows"), Path(folder, "data")
        extras = NtfsExtras(junctions={_CRYPTO: "D:\\Crypto"})
        build_ntfs(stays, first, windows.VOLUME_SIZE, label="Windows", default_sd=acl.DEFAULT_SD, extras=extras)
        build_ntfs(gone, second, _DATA_SIZE, label="Data", default_sd=acl.DEFAULT_SD)
        both = first.read_bytes() + second.read_bytes()
    VOLUMES.write_bytes(lzma.compress(both, preset=9 | lzma.PRESET_EXTREME))


@cache
def _volumes() -> tuple[bytes, bytes]:
    both = lzma.decompress(VOLUMES.read_bytes())
    return both[: windows.VOLUME_SIZE], both[windows.VOLUME_SIZE :]


def _same_disk(folder: Path) -> Path:
    path = folder / "disk.raw"
    path.write_bytes(windows.raw_disk(_volumes(), seed=_SEED))
    return path


def _two_disks(folder: Path) -> Path:
    first, second = _volumes()
    (folder / "system.raw").write_bytes(windows.raw_disk([first], seed="forms/system"))
    (folder / "data.raw").write_bytes(windows.raw_disk([_SPARE, second], seed=_SEED))
    return folder


FORMS = (
    Form("keys behind a junction to D: of the same disk", "disk", "disk", _same_disk),
    Form("keys behind a junction to D: of another disk", "folder", "disk", _two_disks),
)
