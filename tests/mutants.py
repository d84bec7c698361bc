"""Changes the program in small ways and asks whether the tests notice: `make mutants`.

mutmut makes the mutants and runs them. What it lacks stands here: a sample that a seed chooses, a bound of the time,
and each room of the program beside the tests that exercise it, so that a run takes minutes. Mutants that change nothing
but the wording of a message are left out. mutmut cannot mutate what stands outside functions, nor functions with
decorators; and it slows the program down, so that tests which measure time are left out too: a bound that only such a
test holds is listed as a survivor.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple, TextIO

from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.utils.format_utils import get_mutant_name

from tests.paths import PROJECT, SHARED

NEEDED = ("forensics", "rules", "tests", "testdata", "docs", "notebooks", "pyproject.toml", "README.md", "CHANGELOG.md")
KILLED = frozenset({"killed", "timeout", "suspicious", "segfault"})
"""What mutmut calls a mutant that the tests noticed; one that never ends is noticed too."""
MESSAGES = {"FormatError": 2, "SourceError": 1, "add": 2} | dict.fromkeys(("u16", "u32", "u64", "guid"), 0)
MESSAGES |= dict.fromkeys(("take", "utf16", "_u16", "_sized"), 1)
"""What takes the wording of a message, and from which argument on."""


class Room(NamedTuple):
    """A part of the program: its modules, its tests, and the tests that take too long to be run for each mutant."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    slow: tuple[str, ...] = ()


ROOMS = {
    "chain": Room(("forensics/chain/*.py",), ("tests/chain", "tests/test_collections.py", "tests/test_images.py")),
    "dpapi": Room(("forensics/dpapi/*.py",), ("tests/dpapi",)),
    "formats": Room(
        ("forensics/formats/*.py", "forensics/formats/hyperv/*.py"),
        ("tests/formats", "tests/dpapi"),
    ),
    "engine": Room(
        ("forensics/engine/*.py",),
        ("tests/engine",),
        ("tests/engine/test_duckdb.py",),
    ),
    "disk": Room(
        ("forensics/disk/*.py", "forensics/disk/*/*.py"),
        ("tests/disk", "tests/sources"),
        ("tests/disk/test_bitlocker.py", "tests/disk/test_vhdx_parents.py"),
    ),
    "registry": Room(("forensics/registry/*.py",), ("tests/registry",)),
}


def main() -> int:
    """Run the sample of each room that was asked for, print the share that survived; 1 when a room could not be run."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=f"one of {', '.join(ROOMS)}")
    parser.add_argument("--only", help="mutate only modules whose path holds this text")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--sample", type=int, default=60, help="mutants of each room")
    parser.add_argument("--minutes", type=float, default=18, help="bound of the whole run")
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    rooms = asked.rooms or ["chain", "formats", "engine"]
    if unknown := set(rooms) - ROOMS.keys():
        parser.error(f"no room is called {', '.join(sorted(unknown))}")
    total: Counter[str] = Counter()
    was_run = True
    end = time.monotonic() + asked.minutes * 60
    for number, name in enumerate(rooms):
        seconds = (end - time.monotonic()) / (len(rooms) - number)
        with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
            found = _run_room(name, Path(folder), asked, seconds)
        was_run = was_run and found["killed"] > 0
        total += found
    print(f"all rooms: {_rate(total)}")
    return 0 if was_run else 1


def _run_room(name: str, folder: Path, asked: argparse.Namespace, seconds: float) -> Counter[str]:
    work = folder / "project"
    _copy(folder, work, ROOMS[name])
    modules = [path for pattern in ROOMS[name].modules for path in sorted(work.glob(pattern))]
    with contextlib.chdir(work):  # where mutmut looks for its settings
        sample = _sample([m for m in modules if (asked.only or "") in str(m.relative_to(work))], work, asked)
    log = folder / "log"
    with log.open("w") as output:
        _run_mutmut(work, ["run", "--max-children", str(asked.jobs), *sample], seconds, output)
    status = dict(re.findall(r"(?m)^ +(\S+): (.+)$", _say(work, "results", "--all", "true")))
    found = Counter("killed" if status.get(m) in KILLED else status.get(m, "not checked") for m in sample)
    print(f"{name}: {_rate(found)}")
    if not found["killed"]:
        print(re.sub("[\u2800-\u28ff][^\r\n]*[\r\n]*", "", log.read_text())[-2000:], file=sys.stderr)
    for mutant in sample:
        if status.get(mutant) in ("survived", "no tests"):
            print("\n".join(line for line in _say(work, "show", mutant).splitlines() if _is_telling(line)), flush=True)
    return found


def _copy(folder: Path, work: Path, room: Room) -> None:
    """Copy what the tests need; the real artefacts beside the project are linked to where its mutants look for them."""
    for needed in NEEDED:
        source, target = PROJECT / needed, work / needed
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target.parent.mkdir(exist_ok=True)
            shutil.copy2(source, target)
    for place in (folder, work):
        if SHARED.is_dir():
            (place / "shared").symlink_to(SHARED)
    settings = {
        "source_paths": ["forensics"],
        "only_mutate": list(room.modules),
        "also_copy": [needed for needed in NEEDED if needed not in ("forensics", "pyproject.toml")],
        "pytest_add_cli_args_test_selection": [
            *room.tests,
            "--ignore-glob=*hostile*",
            *(f"--ignore={path}" for path in room.slow),
        ],
        "timeout_multiplier": 5.0,
    }
    with (work / "pyproject.toml").open("a") as file:
        # The representation of texts, numbers and lists of texts is TOML too.
        file.write("\n[tool.mutmut]\n" + "".join(f"{key} = {value!r}\n" for key, value in settings.items()))


def _sample(modules: list[Path], work: Path, asked: argparse.Namespace) -> list[str]:
    """Choose mutants evenly over the modules, so that a long one does not stand for all."""
    chance = random.Random(asked.seed)
    queues = []
    for module in modules:
        path = module.relative_to(work)
        names = _worth_running(mutate_file_contents(str(path), module.read_text()).code)
        chance.shuffle(names)
        queues.append([get_mutant_name(path, name) for name in names])
    chance.shuffle(queues)
    rounds = [queue[turn] for turn in range(max(map(len, queues), default=0)) for queue in queues if turn < len(queue)]
    return sorted(rounds[: asked.sample])


def _worth_running(code: str) -> list[str]:
    """Return the mutants that differ from the original in more than the wording of a message."""
    functions = {node.name: node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.FunctionDef)}
    shape = {name: _shape(node) for name, node in functions.items() if "__mutmut_" in name}
    return [n for n in shape if not n.endswith("_orig") and shape[n] != shape[f"{n.rpartition('_')[0]}_orig"]]


def _shape(function: ast.FunctionDef) -> str:
    """Return the function as text, without its name and with all messages the same."""
    for node in ast.walk(function):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            node.value = "a message"
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
            del node.args[MESSAGES.get(name or "", len(node.args)) :]
    function.name = "mutant"
    return ast.dump(function)


def _run_mutmut(work: Path, arguments: list[str], seconds: float, output: TextIO) -> None:
    """Run mutmut; at the end of the time it is asked to stop, and keeps what it has found by then."""
    command = [sys.executable, "-m", "mutmut", *arguments]
    running = subprocess.Popen(command, cwd=work, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    for how in (signal.SIGINT, signal.SIGKILL):
        try:
            running.wait(max(1.0, seconds))
            return
        except subprocess.TimeoutExpired:
            running.send_signal(how)
            seconds = 60
    running.wait()


def _say(work: Path, *arguments: str) -> str:
    return subprocess.run([sys.executable, "-m", "mutmut", *arguments], cwd=work, capture_output=True, text=True).stdout


def _is_telling(line: str) -> bool:
    return line.startswith(("# ", "+", "-")) and not line.startswith(("+++", "---"))


def _rate(found: Counter[str]) -> str:
    judged = found["killed"] + found["survived"] + found["no tests"]
    others = ", ".join(f"{count} {status}" for status, count in sorted(found.items()) if status != "killed")
    share = 100 * (judged - found["killed"]) / judged if judged else 0
    return (
        f"{judged} mutants judged, {found['killed']} killed, {share:.1f} % survived or met no test ({others or 'none'})"
    )


if __name__ == "__main__":
    sys.exit(main())
