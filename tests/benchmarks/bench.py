"""Measures where the processor time of ``examine`` goes, beside a reader in C that only reads the same things.

    python -m tests.benchmarks.bench CACHE [--runs 7]

builds two disks and a wheel into CACHE, the disks only once, which differ in a System log of 21 MB. The first table has
the parts of one examination, each without those it calls: CPU milliseconds (medians), share, and what the part would
take at least where that is known. The pairs are runs of both programs in turn, each with its ratio of processor times:
on a busy machine only their median says anything. Then what else an examination takes: bytes read are counted by
strace, and one in a process that has examined the disk before finds what it needs imported. The last are commands on
the case, and the first data frame of it. The program is the one that the wheel installs; its byte code is kept.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.benchmarks.run import count_reads, run_once
from tests.paths import PROJECT

MASTER_KEYS_USED = 12
AS_OF = "2026-11-22"
COMMANDS = {
    "--help": ["--help"],
    "rules list": ["rules", "list"],
    "expiring CASE": ["expiring", "CASE"],
    "explain CASE": ["explain", "CASE", "h0.contoso.test"],
}
FIRST_FRAME = "import sys, forensics; forensics.open_case(sys.argv[1]).key_chain"
_PARTS, _AGAIN, _READER = (Path(__file__).with_name(name) for name in ("parts.py", "again.py", "with_libyal.py"))


def built(cache: Path, with_log: bool) -> Path:
    """Return the disk with or without a System log, built in a process of its own where it is not there."""
    disk = cache / f"disk-{MASTER_KEYS_USED}{'' if with_log else '-without-log'}.vhdx"
    if not disk.with_suffix(".json").exists():
        print(f"building {disk}, once", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", "tests.benchmarks.build_disk", str(cache), "--used", str(MASTER_KEYS_USED)]
        subprocess.run([*command, *([] if with_log else ["--without-log"])], cwd=PROJECT, check=True)
    return disk


def installed(cache: Path) -> Path:
    """Build a wheel of the checkout and unpack it; returns the folder, from which it runs."""
    place = cache / "installed"
    wheels = cache / "wheels"
    for old in wheels.glob("*.whl"):
        old.unlink()
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(wheels), str(PROJECT)], check=True)
    (wheel,) = wheels.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(place)
    return place


def parts(disk: Path, place: Path, environment: dict[str, str], runs: int) -> dict[str, float]:
    """Return CPU milliseconds of each part of an examination, medians of several runs."""
    found: dict[str, list[float]] = {}
    for _ in range(runs):
        command = [sys.executable, str(_PARTS), str(disk), AS_OF]
        done = subprocess.run(command, cwd=place, env=environment, capture_output=True, check=True)
        for name, seconds in json.loads(done.stdout).items():
            found.setdefault(name, []).append(1000 * seconds)
    return {name: statistics.median(each) for name, each in found.items()}


def floors(environment: dict[str, str], runs: int) -> dict[str, float]:
    """Return CPU milliseconds below which a part cannot be, for those of which that is known."""
    nothing = [run_once([sys.executable, "-c", ""], environment)[1] for _ in range(runs)]
    openssl = [_openssl() for _ in range(runs)]
    return {
        "interpreter": 1000 * statistics.median(nothing),
        "PBKDF2 of master keys": 1000 * statistics.median(openssl) * MASTER_KEYS_USED,
    }


def _openssl() -> float:
    started = os.times().user
    for _ in range(4):
        hashlib.pbkdf2_hmac("sha512", b"\0" * 20, b"\0" * 16, 8000, 64)
    return (os.times().user - started) / 4


def table(found: dict[str, float], least: dict[str, float]) -> str:
    """Word the parts as a markdown table, the largest first."""
    whole = sum(found.values())
    lines = ["| part | CPU (ms) | share | floor (ms) |", "|---|---|---|---|"]
    for name, each in sorted(found.items(), key=lambda item: -item[1]):
        floor = f"{least[name]:.0f}" if name in least else "-"
        lines.append(f"| {name} | {each:.0f} | {each / whole:.0%} | {floor} |")
    return "\n".join([*lines, f"| all | {whole:.0f} | | |"])


def pairs(examine: list[str], disk: Path, place: Path, environment: dict[str, str], runs: int) -> int:
    """Print runs of both programs in turn; returns the most bytes that an examination had in memory."""
    reader = [sys.executable, str(_READER), str(disk)]
    ratios, most = [], 0
    print(f"\n{disk.stem}\n\n| examine: CPU (ms) | reader in C: CPU (ms) | ratio |\n|---|---|---|")
    for _ in range(runs):
        (_, own, memory), (_, other, _) = run_once(examine, environment, place), run_once(reader, environment)
        ratios.append(own / other)
        most = max(most, memory)
        print(f"| {1000 * own:.0f} | {1000 * other:.0f} | {ratios[-1]:.2f} |", flush=True)
    print(f"\nmedian of the ratios: {statistics.median(ratios):.2f}")
    return most


def again(disk: Path, place: Path, environment: dict[str, str], runs: int) -> float:
    """Return CPU milliseconds of an examination in a process that has examined the disk before, a median."""
    command = [sys.executable, str(_AGAIN), str(disk), AS_OF]
    done = [subprocess.run(command, cwd=place, env=environment, capture_output=True, check=True) for _ in range(runs)]
    seconds: list[float] = [json.loads(each.stdout)[1] for each in done]
    return 1000 * statistics.median(seconds)


def main() -> None:
    """Build what is missing, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cache", type=Path, help="folder for the disks, some gigabytes sparse")
    parser.add_argument("--runs", type=int, default=7)
    arguments = parser.parse_args()
    cache, runs = arguments.cache.resolve(), arguments.runs
    cache.mkdir(parents=True, exist_ok=True)
    disks = [built(cache, with_log) for with_log in (True, False)]
    place = installed(cache)
    environment = {key: text for key, text in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    case = cache / "case.sqlite"
    program = [sys.executable, "-m", "forensics"]
    examine = {disk: [*program, "examine", str(disk), "--as-of", AS_OF] for disk in disks}
    run_once([*examine[disks[0]], "--case", str(case), "--overwrite"], environment, place)
    found, least = parts(disks[0], place, environment, runs), floors(environment, runs)
    print(table({"interpreter": least["interpreter"], **found}, least), flush=True)
    memory = {disk: pairs(examine[disk], disk, place, environment, runs) for disk in disks}
    print("\n| disk | memory at most (MiB) | read of it (MiB) | examined again: CPU (ms) |\n|---|---|---|---|")
    for disk in disks:
        read, _ = count_reads(examine[disk], environment, disk, place)
        told = "-" if read is None else f"{read / (1 << 20):.1f}"
        cpu = again(disk, place, environment, runs)
        print(f"| {disk.stem} | {memory[disk] >> 20} | {told} | {cpu:.0f} |", flush=True)
    print("\n| command | CPU (ms) |\n|---|---|")
    commands = {name: [*program, *words] for name, words in COMMANDS.items()}
    commands["first data frame"] = [sys.executable, "-c", FIRST_FRAME, "CASE"]
    for name, words in commands.items():
        command = [str(case) if word == "CASE" else word for word in words]
        each = [run_once(command, environment, place)[1] for _ in range(runs + 1)][1:]
        print(f"| {name} | {1000 * statistics.median(each):.0f} |", flush=True)


if __name__ == "__main__":
    main()
