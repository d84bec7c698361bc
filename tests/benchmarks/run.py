"""Measures ``examine`` beside dissect.target and libvhdi + libfsntfs + libregf doing the same reads.

    python -m tests.benchmarks.build_disk CACHE
    python -m tests.benchmarks.run CACHE/disk-40.vhdx CACHE/disk-4.vhdx

prints one markdown table for each disk. Wall and CPU time include the start of the process and its imports; memory is
the peak resident size of that process. Bytes read are what its read system calls returned from the disk's own file,
counted by strace in a run of its own that is not timed. The file is in the page cache: one run goes before, unmeasured.
Byte code is cached in a folder of its own, as for any installed program, whatever this shell's settings say.
The comparison programs only read; ``examine`` also unlocks the master keys, proves every key and writes its report.
What all three must have read is checked against what the builder wrote.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.paths import PROJECT

_LAUNCHER = Path(__file__).with_name("launcher.py")
_READ = re.compile(rb"(?:read|pread64|readv|preadv2?)\(\d+<([^>]*)>.* = (\d+)$")
_MAPPED = re.compile(rb"mmap\(.*?\d+<([^>]*)>")


@dataclass(frozen=True, slots=True)
class Measured:
    """Several runs of one program.

    Attributes:
        name: Program.
        wall: Seconds from start to end, each run.
        cpu: Seconds of processor time, user and system, each run.
        memory: Peak resident bytes, the most of all runs.
        image_bytes: Bytes read from the disk's file; None without strace or where the file is mapped into memory.
        image_reads: Number of those reads.
    """

    name: str
    wall: list[float]
    cpu: list[float]
    memory: int
    image_bytes: int | None
    image_reads: int | None


def measure(name: str, command: list[str], environment: dict[str, str], disk: Path, runs: int) -> Measured:
    """Run a program once to warm the cache, then ``runs`` times, then once under strace."""
    run_once(command, environment)
    results = [run_once(command, environment) for _ in range(runs)]
    image_bytes, image_reads = count_reads(command, environment, disk)
    return Measured(
        name,
        [wall for wall, _, _ in results],
        [cpu for _, cpu, _ in results],
        max(memory for _, _, memory in results),
        image_bytes,
        image_reads,
    )


def run_once(command: list[str], environment: dict[str, str], folder: Path = PROJECT) -> tuple[float, float, int]:
    """Run a program from a folder; returns its wall time, its processor time and its most bytes in memory."""
    launched = [sys.executable, "-I", "-S", str(_LAUNCHER), *command]
    done = subprocess.run(launched, cwd=folder, stdout=subprocess.PIPE, env=environment, check=True, text=True)
    wall, cpu, memory, code = done.stdout.split()
    if int(code) not in (0, 1):  # 1: examine has findings
        raise SystemExit(f"{' '.join(command)} ended with {code}")
    return float(wall), float(cpu), int(memory)


def count_reads(
    command: list[str], environment: dict[str, str], disk: Path, folder: Path = PROJECT
) -> tuple[int | None, int | None]:
    """Run a program from a folder; returns how many bytes it reads from the disk's file, and in how many reads.

    None without strace, or where the file is mapped into memory.
    """
    strace = shutil.which("strace")
    if strace is None:
        return None, None
    image = os.fsencode(disk.resolve())
    with tempfile.NamedTemporaryFile() as trace:
        calls = "trace=read,pread64,readv,preadv,preadv2,mmap"
        traced = [strace, "-f", "-y", "-s", "0", "-e", calls, "-o", trace.name, *command]
        subprocess.run(traced, cwd=folder, stdout=subprocess.DEVNULL, env=environment, check=False)
        lines = trace.read().splitlines()
    if any(found[1] == image for line in lines if (found := _MAPPED.search(line))):
        return None, None
    sizes = [int(found[2]) for line in lines if (found := _READ.search(line)) and found[1] == image]
    return sum(sizes), len(sizes)


def table(rows: list[Measured]) -> str:
    """Word the measurements as a markdown table; ratios are of medians, to the first row."""
    mebibyte = 1 << 20
    lines = [
        "| program | wall min / median (s) | CPU min / median (s) | peak memory (MiB) | read from disk (MiB) | reads "
        "| ratio wall / CPU |",
        "|---|---|---|---|---|---|---|",
    ]
    first_wall, first_cpu = statistics.median(rows[0].wall), statistics.median(rows[0].cpu)
    for row in rows:
        wall, cpu = statistics.median(row.wall), statistics.median(row.cpu)
        cells = [
            row.name,
            f"{min(row.wall):.2f} / {wall:.2f}",
            f"{min(row.cpu):.2f} / {cpu:.2f}",
            f"{row.memory / mebibyte:.0f}",
            "-" if row.image_bytes is None else f"{row.image_bytes / mebibyte:.1f}",
            "-" if row.image_reads is None else f"{row.image_reads}",
            f"{wall / first_wall:.2f} / {cpu / first_cpu:.2f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def check(disk: Path, scripts: dict[str, list[str]], report: Path) -> str:
    """Check that every program read what the builder wrote; returns one line on what ``examine`` found."""
    truth = json.loads(disk.with_suffix(".json").read_text())
    for name, command in scripts.items():
        summary = json.loads(subprocess.run(command, cwd=PROJECT, capture_output=True, check=True).stdout)
        if summary["sha256"] != truth["sha256"]:
            raise SystemExit(f"{name} read something else than was written: {summary['counts']}, {truth['counts']}")
    tables = json.loads(report.read_text())["tables"]
    counts = truth["counts"]
    for kind in ("key_file", "master_key"):
        if len(tables[kind]) != counts[kind]:
            raise SystemExit(f"examine reports {len(tables[kind])} rows of {kind}, {counts[kind]} were written")
    read = sum(row["area"] == "log" and row["outcome"] == "present" for row in tables["coverage"])
    if read != bool(truth["log_records"]):
        raise SystemExit(f"examine read {read} event logs; the disk has one: {bool(truth['log_records'])}")
    proved = sum(row["private_key"] == "proved" for row in tables["key_chain"])
    return (
        f"{truth['files']} files, SOFTWARE {truth['software_bytes'] / 1e6:.0f} MB, "
        f"{counts['certificate']} certificates, {counts['key_file']} key files "
        f"under {truth['master_keys_used']} of {counts['master_key']} master keys, "
        f"a System log of {truth['log_records']} records; "
        f"examine proved {proved} private keys."
    )


def main() -> None:
    """Measure every disk."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("disks", type=Path, nargs="+")
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    for disk in arguments.disks:
        disk = disk.resolve()
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.json"
            examine = [sys.executable, "-m", "forensics", "examine", str(disk), "--format", "json", "-o", str(report)]
            examine.append("--overwrite")
            here = Path(__file__).parent
            scripts = {
                "libvhdi + libfsntfs + libregf, the reads": [sys.executable, str(here / "with_libyal.py"), str(disk)],
                "dissect.target, the reads": [sys.executable, str(here / "with_dissect_target.py"), str(disk)],
            }
            commands = {"examine, reads and proofs": examine, **scripts, "python, nothing": [sys.executable, "-c", ""]}
            environment = {key: text for key, text in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
            environment["PYTHONPYCACHEPREFIX"] = str(Path(folder) / "bytecode")
            rows = [measure(name, command, environment, disk, arguments.runs) for name, command in commands.items()]
            print(f"{disk.name}: {check(disk, scripts, report)}\n\n{table(rows)}\n", flush=True)


if __name__ == "__main__":
    main()
