"""Makes the WIM images of test machines: ``python testdata/make_wims.py``; needs wimlib (Debian package wimtools).

Each is captured from an NTFS volume, so that it has the access lists. GUID and times are those of the capture: only
what is to change is made anew.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from testdata.builder import acl
from testdata.builder.ntfs import build_ntfs
from testdata.builder.scenarios import SCENARIOS
from tests.paths import WIMS


@dataclass(frozen=True)
class Capture:
    """How a test machine becomes a WIM.

    Attributes:
        scenario: Whose volumes are captured, each as an image.
        file: The WIM, or the first file of a split one.
        options: Of ``wimcapture``.
        split: Megabytes of each file; None: not split.
    """

    scenario: str
    file: str
    options: Sequence[str] = ()
    split: str | None = None


CAPTURES = (
    Capture("broken-access", "broken-access-xpress.wim", ("--compress=XPRESS",)),
    Capture("broken-access", "broken-access-lzx.wim", ("--compress=LZX",)),
    Capture("broken-access", "broken-access-solid.esd", ("--solid",)),
    Capture("two-windows", "two-windows.wim", ("--compress=LZX",)),
    Capture("generalized-not-booted", "generalized-not-booted.wim", ("--compress=LZX",)),
    Capture("golden-image", "golden-image.swm", ("--compress=LZX",), "0.008"),
)


def capture(made: Capture, out: Path) -> None:
    """Make one WIM in the folder ``out``."""
    target = out / made.file
    for old in out.glob(f"{target.stem}*{target.suffix}"):
        old.unlink()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole = folder / "whole.wim" if made.split else target
        scenario = SCENARIOS[made.scenario]()
        for number, files in enumerate(scenario.stages[-1].volumes, 1):
            volume = folder / f"{number}.ntfs"
            build_ntfs(files, volume, 32 << 20, default_sd=acl.DEFAULT_SD)
            how = ("wimcapture", *made.options) if number == 1 else ("wimappend",)
            _run(how[0], str(volume), str(whole), f"{made.scenario} {number}", *how[1:])
        if made.split:
            _run("wimsplit", str(whole), str(target), made.split)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    WIMS.mkdir(exist_ok=True)
    for each in CAPTURES:
        if not sys.argv[1:] or each.file in sys.argv[1:]:
            capture(each, WIMS)
