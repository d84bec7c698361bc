"""What a start and an examination take, counted and not timed: modules, queries of rules, bytes of the disk.

``tests/counts.json`` holds the most that each may take. ``python -m tests.counts`` writes it anew from what is counted
now: do so only where the new thing is worth what it takes, and say in the commit what it is.

Modules are those of this program, and libraries by name: what Python itself imports differs from version to version.
Rules are read as YAML, as in any checkout.
"""

from __future__ import annotations

import json
import lzma
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.paths import IMAGES, PROJECT

KEPT = Path(__file__).with_name("counts.json")
COMMANDS = {
    "help": ["--help"],
    "rules list": ["rules", "list"],
    "expiring": ["expiring", "CASE"],
    "explain": ["explain", "CASE", "web.contoso"],
    "examine": ["examine", "DISK", "--as-of", "2026-11-22"],
}
"""Arguments by the name that a command has in the file."""

_COUNTING = """
import json, sys
from forensics.cli.main import main
counts = {}
if sys.argv[1] == "examine":
    import forensics.examination
    from forensics.disk.vhdx.file import VhdxFile
    from forensics.engine.database import RuleDatabase
    from forensics.examining.in_this_process import InThisProcess

    def counted(name, cls, method, weight):
        counts[name] = 0
        original = getattr(cls, method)

        def call(*arguments, **named):
            result = original(*arguments, **named)
            counts[name] += weight(result)
            return result

        setattr(cls, method, call)

    counted("queries of rules", RuleDatabase, "query", lambda result: 1)
    counted("bytes read", VhdxFile, "read_at", len)
    # All in one process, whose modules can be counted.
    forensics.examination.examiner = lambda jobs, progress, tally: InThisProcess(progress, tally)
try:
    main()
except SystemExit:
    pass
names = set(sys.modules)
own = {name for name in names if name.split(".")[0] == "forensics"}
tops = {name.split(".")[0] for name in names - own} - sys.stdlib_module_names
counts |= {"modules": len(own), "libraries": sorted(top for top in tops if top in LIBRARIES)}
with open(OUT, "w") as file:
    json.dump(counts, file)
"""
LIBRARIES = (
    "Crypto",
    "cryptography",
    "click",
    "defusedxml",
    "dissect",
    "evtx",
    "impacket",
    "jinja2",
    "pandas",
    "numpy",
    "pefile",
    "rich",
    "yaml",
)


def counts() -> dict[str, dict[str, int | list[str]]]:
    """Count what each command takes, of the sample disk and a case file of it."""
    with tempfile.TemporaryDirectory() as folder:
        places = {"DISK": str(Path(folder) / "sample.vhdx"), "CASE": str(Path(folder) / "sample.sqlite")}
        Path(places["DISK"]).write_bytes(lzma.decompress((IMAGES / "sample.vhdx.xz").read_bytes()))
        _run([sys.executable, "-m", "forensics", *_with(places, "examine"), "--case", places["CASE"]])
        found = {}
        for name in COMMANDS:
            out = Path(folder) / "counts.json"
            code = f"OUT, LIBRARIES = {str(out)!r}, {LIBRARIES!r}\n{_COUNTING}"
            _run([sys.executable, "-c", code, *_with(places, name)])
            found[name] = json.loads(out.read_text())
        return found


def _with(places: dict[str, str], command: str) -> list[str]:
    return [places.get(argument, argument) for argument in COMMANDS[command]]


def _run(command: list[str]) -> None:
    subprocess.run(command, cwd=PROJECT, capture_output=True, check=False)


if __name__ == "__main__":
    KEPT.write_text(json.dumps(counts(), indent=1) + "\n", encoding="utf-8")
