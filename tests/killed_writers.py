"""Writes one kind of output again and again, in a child that is killed at a random moment, and looks at what is left.

``python -m tests.killed_writers KIND FOLDER KILLS`` prints, as JSON, how often what. It is a process of its own, small
and without threads, so that it forks fast and two hundred kills take seconds.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import forensics
from forensics.case import Case
from forensics.disk.evidence_files import EvidenceFiles
from forensics.outputs import new_file, new_files
from tests.hand_made import case

STATES = ("older", "newer")
OURS = ".keymortem-"
Write = Callable[[str, Path], None]
Content = dict[str, str]


def _case(state: str) -> Case:
    made = case()
    made.tables["machine"][:] = [replace(row, computer_name=state) for row in made.rows("machine")]
    return made


def writer(form: str) -> Write:
    """Return what writes a kind of output in one of two states."""
    if form == "several":
        return _several
    cases = {state: _case(state) for state in STATES}
    if form == "case":
        return lambda state, path: cases[state].save(path, overwrite=True)
    if form in (*forensics.FOLDER_FORMATS, "records"):
        return lambda state, path: forensics.write(cases[state], form, path, overwrite=True)
    # Made once, so that the moments fall into the writing.
    texts = {state: forensics.render(cases[state], form).encode() * 20 for state in STATES}

    def write(state: str, path: Path) -> None:
        with new_file(path, EvidenceFiles(), overwrite=True) as file:
            file.write_bytes(texts[state])

    return write


def _several(state: str, path: Path) -> None:
    """Write as ``recover`` and ``rules new`` do: files that replace none, in a folder that is not there."""
    with new_files(path, EvidenceFiles(), mode=0o600) as file_of:
        for number in range(5):
            file_of(f"{number}.pfx").write_bytes(state.encode() * 1000)


def content(path: Path) -> Content:
    """Return the digests of a file, or of all files of a folder."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return {file.name if path.is_dir() else "": hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def _write_on(write: Write, folder: Path, is_new: bool) -> None:
    for number in count():
        write(STATES[number % 2], folder / (f"out-{number}" if is_new else "out"))


def _killed(write: Write, folder: Path, is_new: bool, seconds: float) -> bool:
    """Kill a child after so many seconds of writing; False where it ended before, by a failure."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writing, b"!")
            _write_on(write, folder, is_new)
        finally:
            os._exit(1)
    os.close(writing)
    os.read(reading, 1)
    os.close(reading)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def _told(found: Content, whole: list[Content]) -> str:
    if found in whole:
        return STATES[whole.index(found)]
    is_mixed = found.keys() == whole[0].keys() and all(found[n] in (whole[0][n], whole[1][n]) for n in found)
    return "mixed" if is_mixed else "half"


def main(kind: str, folder: Path, kills: int) -> None:
    """Kill, and print what was seen: outputs in each state, mixed and half ones, what was left over, also at last."""
    form, _, new = kind.partition(" ")
    write, whole = writer(form), list[Content]()
    for state in STATES:
        begun = time.perf_counter()
        write(state, folder / state)
        once = time.perf_counter() - begun
        whole.append(content(folder / state))
    for state in STATES:
        shutil.rmtree(folder / state) if (folder / state).is_dir() else (folder / state).unlink()
    chance = random.Random(kind)
    told = dict.fromkeys((*STATES, "mixed", "half", "left over", "failed"), 0)
    if not new:
        write("older", folder / "out")
    for _ in range(kills):
        told["failed"] += not _killed(write, folder, bool(new), chance.uniform(0, 2 * once))
        others = [path for path in folder.rglob("*") if path.name.startswith(OURS)]
        told["left over"] += bool(others)
        for path in folder.iterdir():
            if path not in others:
                found = {name: digest for name, digest in content(path).items() if not name.startswith(OURS)}
                told[_told(found, whole)] += 1
            if new and path not in others:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    write("newer", folder / "out")
    told["at last"] = [path.name for path in folder.iterdir()] != ["out"] or content(folder / "out") != whole[1]
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
