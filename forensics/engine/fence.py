"""The fence around the database of rules: what a statement may do, how large it may be, and who stops it.

References:
    https://www.sqlite.org/c3ref/set_authorizer.html, https://www.sqlite.org/c3ref/c_limit_attached.html
    https://www.sqlite.org/security.html
"""

from __future__ import annotations

import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from forensics.engine.sql_text import LONGEST_SQL
from forensics.tables.registry import CONTRACT_TABLES, ROW_CLASSES

FUNCTIONS = frozenset(
    {"abs", "avg", "coalesce", "count", "group_concat", "ifnull", "instr", "json_extract", "julianday", "length"}
    | {"like", "lower", "ltrim", "max", "min", "nullif", "replace", "round", "rtrim", "substr", "sum", "trim", "upper"}
    | {"->>", "windows_path"}
)
"""What rules may call; DuckDB knows these too, but ``julianday`` and ``windows_path``, a path of the source as the
Windows of a machine writes it: see :mod:`forensics.engine.duckdb_functions`.
"""
LONGEST_TEXT = 1 << 20
"""Format: bytes of one text that a rule makes, and of one row of what it sorts."""
MOST_MEMORY = 512 << 20
"""Evidence: bytes by which the memory of the program may grow during one statement of a rule; one that is stopped is
unknown.
"""

_STEPS = 2_000  # virtual machine instructions between two looks at the clock, about a tenth of a millisecond
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: LONGEST_TEXT,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: LONGEST_SQL,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 500,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 20,
    # The largest built-in rule has 7,600; SQLite asks for twice as many at a time.
    sqlite3.SQLITE_LIMIT_VDBE_OP: 50_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 500,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 32,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 10,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1000,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
_TABLES = frozenset({*ROW_CLASSES, "examination"})
_READ, _OK, _DENY = sqlite3.SQLITE_READ, sqlite3.SQLITE_OK, sqlite3.SQLITE_DENY


def now() -> float:
    """Return the seconds this thread has computed: what rules find shall not depend on what else the machine does."""
    return time.thread_time()


class RuleSqlError(Exception):
    """SQLite refuses a statement; the message is a sentence about it."""


class RuleStoppedError(Exception):
    """A statement ran too long, or took too much memory."""


class Fence:
    """Holds what strangers wrote.

    Args:
        connection: The database, filled.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._seconds = 0.0
        self._deadline = 0.0
        self._most_memory = 0
        self._why = ""
        self._is_interrupted = False
        for category, limit in _LIMITS.items():
            connection.setlimit(category, limit)
        connection.set_authorizer(_authorize)
        connection.set_progress_handler(self._is_over, _STEPS)

    def begin(self, seconds: float) -> None:
        """Give a statement its time, which begins now."""
        self._seconds = seconds
        self._deadline = now() + seconds
        self._most_memory = _memory() + MOST_MEMORY
        self._why = ""

    def look(self) -> None:
        """Raise when a statement must end, from inside one of its functions."""
        if self._is_over():
            raise RuleStoppedError

    def _is_over(self) -> bool:
        if now() > self._deadline:
            self._why = f"stopped after {self._seconds:.3g} seconds"
        elif _memory() > self._most_memory:
            self._why = f"stopped because it took more than {MOST_MEMORY >> 20} MiB of memory"
        return bool(self._why) or self._is_interrupted

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold a call of SQLite.

        Raises:
            RuleSqlError: It is no permitted SQL, or names a table or column that does not exist.
            RuleStoppedError: It took too much.
            KeyboardInterrupt: Somebody pressed Ctrl-C, which would get lost inside a function that SQLite calls.
        """
        try:
            with self._interrupt_kept():
                yield
        except (sqlite3.Error, sqlite3.Warning, OverflowError, UnicodeError, ValueError, MemoryError) as error:
            if self._is_interrupted:
                raise KeyboardInterrupt from None
            if self._why:
                raise RuleStoppedError(self._why) from error
            raise RuleSqlError(_sentence(error)) from error
        if self._is_interrupted:
            raise KeyboardInterrupt

    @contextmanager
    def _interrupt_kept(self) -> Iterator[None]:
        """Let Ctrl-C end a statement, instead of an exception that SQLite swallows."""
        self._is_interrupted = False
        is_ours = threading.current_thread() is threading.main_thread()
        if not is_ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            yield
            return
        signal.signal(signal.SIGINT, self._interrupted)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _interrupted(self, *_: Any) -> None:
        self._is_interrupted = True


if sys.platform == "win32":

    def _memory() -> int:
        return 0  # not known there

else:
    import resource

    _UNIT = 1 if sys.platform == "darwin" else 1024

    def _memory() -> int:
        """Return the most bytes that the program had at once."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT


def _authorize(action: int, first: str | None, second: str | None, database: str | None, inner: str | None) -> int:
    # Asked for each column that a statement names, first of all whether it may be read.
    if action == _READ:
        return _OK if first in _TABLES else _DENY
    if action == sqlite3.SQLITE_SELECT or (action == sqlite3.SQLITE_FUNCTION and second in FUNCTIONS):
        return _OK
    return _DENY


def _sentence(error: BaseException) -> str:
    """Make SQLite's message one that names what to do."""
    if isinstance(error, MemoryError):
        return "the statement is too long for SQLite; make a rule of each of its parts"
    message = str(error)
    kind, _, what = message.partition(": ")
    if kind == "no such table":
        known = ", ".join(t for t in CONTRACT_TABLES if t in ROW_CLASSES)
        return f"there is no table '{what}'; there are {known}, examination"
    if kind == "no such column":
        return f"there is no column '{what}'; see keymortem tables"
    if kind == "not authorized to use function":
        return f"the function {what} is not permitted; rules may call {', '.join(sorted(FUNCTIONS))}"
    if any(word in message for word in ("not authorized", "prohibited", "vtable constructor failed")):
        return "rules may only read the evidence tables, with SELECT and without recursion"
    if "too big" in message:
        return f"a text or a row that it makes is too big: it has more than {LONGEST_TEXT >> 20} MiB"
    return f"no valid SQL: {message}"
