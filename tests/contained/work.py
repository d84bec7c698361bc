"""What the children of these tests do, in a module, so that a nursery and a new Python find it."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from forensics.contained.bounds import Bounds
from forensics.contained.child import scratch_prefix
from forensics.contained.frames import Sender
from forensics.contained.task import Task
from forensics.formats.errors import FormatError

BOUNDS = Bounds(memory=256 << 20, processor=20, seconds=20, answer=8 << 20, file=1 << 20)


@dataclass
class Thing:
    name: str
    seen: datetime


def task(function: Any, *arguments: Any, bounds: Bounds = BOUNDS, classes: tuple[type, ...] = ()) -> Task:
    return Task(function, arguments, bounds, classes)


def give(sender: Sender, value: Any) -> Any:
    sender.say("giving")
    sender.record(b"one")
    sender.record(b"two")
    return value


def give_place(sender: Sender, name: str) -> tuple[str, str | None]:
    return os.getcwd(), os.environ.get(name)


def give_error(sender: Sender) -> FormatError:
    return FormatError("bad_magic", 3, "no magic")


def fall(sender: Sender, *_: object) -> None:
    ctypes.string_at(8)


def fail(sender: Sender) -> None:
    raise ValueError("key material 0xdeadbeef")


def take_memory(sender: Sender) -> int:
    return len(bytes(1 << 30))


def spin(sender: Sender, *_: object) -> None:
    while True:
        pass


def hang(sender: Sender, marker: Path | None = None) -> None:
    if marker is not None:
        marker.write_text(str(os.getpid()))
    time.sleep(60)


def hang_with_a_child(sender: Sender, marker: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    marker.write_text(f"{os.getpid()} {child.pid}")
    time.sleep(60)


def pour(sender: Sender) -> None:
    while True:
        sender.record(bytes(1 << 20))


def write_file(sender: Sender, path: Path, size: int) -> int:
    try:
        return path.write_bytes(bytes(size))
    except OSError as error:
        return -(error.errno or 0)


def leave_litter(sender: Sender) -> None:
    folder = tempfile.mkdtemp(prefix=scratch_prefix())
    (Path(folder) / "unpacked").write_bytes(b"x")
    sender.say(folder)
    os.kill(os.getpid(), signal.SIGKILL)


def forge(sender: Sender, data: bytes) -> None:
    sender.send(b"A", data)
    sender.flush()
    os._exit(0)


def nest(sender: Sender, marker: Path) -> None:
    from forensics.contained.child import Child, records_of

    list(records_of(Child(task(hang, marker))))
