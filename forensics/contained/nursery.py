"""Forks children for a process with several threads: a process of its own with one thread, started when first needed.

The parent sends it each task with two descriptors: where the child's answer goes, and a socket that stands for the
child's life. When the parent closes that, or is gone, the child is killed; when the child ends, its exit code comes
back there.
"""

from __future__ import annotations

import atexit
import importlib
import os
import pickle
import selectors
import signal
import socket
import struct
import sys
import threading
from contextlib import suppress
from functools import partial
from typing import NoReturn

from forensics.contained.child import Forked, Process, fork_into
from forensics.contained.task import Task

_HEAD = struct.Struct("<IQ")
_CODE = struct.Struct("<i")
_PATIENCE = 10.0
"""Work: seconds for which the nursery is waited for."""
_START = "import sys; sys.path[:] = {path!r}; from forensics.contained.nursery import serve; serve({number})"


class _Nursery:
    """The parent's side of the nursery."""

    def __init__(self) -> None:
        import subprocess

        self.owner = os.getpid()
        self._control, theirs = socket.socketpair()
        with theirs:
            number = theirs.fileno()
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _START.format(path=list(filter(None, sys.path)), number=number)],
                pass_fds=[number],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # what is typed on the terminal is for the parent
            )

    def is_alive(self) -> bool:
        """Tell whether it forks still, and for this process."""
        return self.owner == os.getpid() and self._process.poll() is None

    def send(self, task: Task, writing: int, life: socket.socket) -> None:
        """Have it do a task in a child."""
        module = task.function.__module__.encode()
        payload = pickle.dumps((dict(os.environ), _folder(), task))
        socket.send_fds(self._control, [_HEAD.pack(len(module), len(payload))], [writing, life.fileno()])
        self._control.sendall(module + payload)

    def close(self) -> None:
        """End it, and what it forked."""
        self._control.close()
        if self.owner == os.getpid():
            with suppress(Exception):
                self._process.wait(_PATIENCE)


_nursery: _Nursery | None = None
_lock = threading.Lock()


def born(task: Task) -> tuple[int, Process]:
    """Have a child do a task; returns where its answer can be read, and its process.

    Args:
        task: Its function is one of a module, and all of it can be pickled.
    """
    global _nursery
    reading, writing = os.pipe()
    life, theirs = socket.socketpair()
    try:
        with theirs, _lock:
            if _nursery is None or not _nursery.is_alive():
                _nursery = _Nursery()
                atexit.register(_nursery.close)
            _nursery.send(task, writing, theirs)
    except BaseException:
        os.close(reading)
        life.close()
        raise
    finally:
        os.close(writing)
    return reading, _Born(life)


def _folder() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None


def _be_where(environment: dict[str, str], folder: str | None) -> None:
    """Take over what may have changed in the parent since the nursery began."""
    os.environ.clear()
    os.environ.update(environment)
    if folder is not None:
        with suppress(OSError):
            os.chdir(folder)


class _Born:
    """A child of the nursery."""

    def __init__(self, life: socket.socket) -> None:
        self._life = life

    def end(self) -> int | None:
        """Kill it and what it started, if it has not ended; return its exit code, negative for a signal."""
        with self._life as life, suppress(OSError):
            life.settimeout(_PATIENCE)
            life.shutdown(socket.SHUT_WR)
            told = life.recv(_CODE.size)
            if len(told) == _CODE.size:
                code: int = _CODE.unpack(told)[0]
                return code
        return None


def serve(number: int) -> NoReturn:
    """Be the nursery.

    Args:
        number: Descriptor of the socket over which tasks come.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _Server(socket.socket(fileno=number)).run()
    os._exit(0)


class _Server:
    """The nursery's side."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._children: dict[Forked, socket.socket] = {}
        self._waiting = selectors.DefaultSelector()
        self._waiting.register(control, selectors.EVENT_READ)
        self._wake, wakes = os.pipe()
        os.set_blocking(wakes, False)
        os.set_blocking(self._wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        self._own = {control.fileno(), self._wake, wakes}
        self._waiting.register(self._wake, selectors.EVENT_READ)

    def run(self) -> None:
        """Fork children until the parent is gone; then end those that are left."""
        try:
            while True:
                for key, _ in self._waiting.select():
                    if key.fileobj is self._control:
                        if not self._fork():
                            return
                    elif key.fileobj == self._wake:
                        os.read(self._wake, 4096)
                    else:
                        self._let_go(key.data)
                for child in list(self._children):
                    if child.has_ended():
                        self._let_go(child)
        finally:
            for child in self._children:
                child.end()

    def _let_go(self, child: Forked) -> None:
        """Tell how a child ended, or end it."""
        if (life := self._children.pop(child, None)) is None:
            return
        self._waiting.unregister(life)
        code = child.end()
        with life, suppress(OSError):
            life.sendall(_CODE.pack(code if code is not None else -signal.SIGKILL))

    def _fork(self) -> bool:
        head, descriptors, _, _ = socket.recv_fds(self._control, _HEAD.size, 2)
        if len(head) != _HEAD.size or len(descriptors) != 2:
            return False
        writing, life = descriptors
        of_module, of_task = _HEAD.unpack(head)
        module, payload = self._exactly(of_module), self._exactly(of_task)
        # In here, so that the children have it, too, and with all that it imports.
        with suppress(Exception):
            importlib.import_module(module.decode())
        ours = socket.socket(fileno=life)
        others = [life, *self._own, *(each.fileno() for each in self._children.values())]
        try:
            environment, folder, task = pickle.loads(payload)
        except Exception:
            # The parent is told by the two that are closed.
            os.close(writing)
            ours.close()
            return True
        if task.before is not None:
            with suppress(Exception):
                task.before()
        try:
            child = fork_into(task, writing, others, partial(_be_where, environment, folder))
        except OSError:
            ours.close()
            return True
        self._children[child] = ours
        self._waiting.register(self._children[child], selectors.EVENT_READ, child)
        return True

    def _exactly(self, count: int) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            part = self._control.recv(min(count - len(parts), 1 << 20))
            if not part:
                os._exit(0)
            parts += part
        return bytes(parts)
