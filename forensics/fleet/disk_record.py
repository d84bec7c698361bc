"""Table disk of a fleet: what became of each input, one row each; it is written last, and so tells what is complete."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any, Literal, get_args

from forensics.late_methods import dataclass
from forensics.tables.registry import ColumnSpec
from forensics.tables.timestamps import format_utc
from forensics.version import __version__

State = Literal["examined", "failed", "not_evidence", "read_as_parent", "read_with"]
STATES: tuple[State, ...] = get_args(State)
Failure = Literal["source", "memory", "deadline", "crash", "killed", "internal"]
FAILURES: tuple[Failure, ...] = get_args(Failure)
OF_THE_MACHINE: tuple[Failure, ...] = ("killed",)
"""Failures that say nothing of the input, which is examined anew by the next run without being asked for."""

DISK = (
    ColumnSpec("disk", "text", False, "Key of this row, which the rows of all tables have that belong to it"),
    ColumnSpec("input", "text", False, "Key of the input in this state, for this version and date"),
    ColumnSpec("path", "text", False, "As it was named or listed"),
    ColumnSpec("kind", "text", False, "What it is, such as disk, folder or archive; unknown: it could not be opened"),
    ColumnSpec("state", "text", False, "What became of it", STATES),
    ColumnSpec("error", "text", True, "Why nothing of it could be examined, one sentence"),
    ColumnSpec(
        "failure",
        "text",
        True,
        "What failed: the source, its memory or time, a library (crash), its worker (killed), or keymortem (internal)",
        FAILURES,
    ),
    ColumnSpec("read_with", "text", True, "Path of the input with which it was read, as its parent or a part of it"),
    ColumnSpec("size", "integer", True, "Bytes"),
    ColumnSpec("modified", "datetime", True, "When it was last written, UTC"),
    ColumnSpec("head_sha256", "text", True, "SHA-256 of its first bytes, lower hex"),
    ColumnSpec("machines", "integer", False, "Windows installations in it that were examined"),
    ColumnSpec("content", "text", True, "SHA-256 of all that was read and judged of its machines: of copies the same"),
    ColumnSpec("seconds", "integer", False, "How long it took, rounded up"),
    ColumnSpec("attempt", "integer", False, "How often this path had been written before"),
    ColumnSpec("options", "text", False, "Key of the options with which it was examined"),
    ColumnSpec("tool_version", "text", False, "Version that examined it"),
    ColumnSpec("as_of", "datetime", False, 'What "expired" refers to, UTC'),
    ColumnSpec("written", "datetime", False, "When this was written, UTC: of several rows of a path the last counts"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InputIdentity:
    """What tells whether an input is still what was examined.

    Attributes:
        path: As it was named or listed.
        size: Bytes; of a folder those of its files; None where nothing tells.
        modified: When it was last written, UTC; of a folder the latest of its files.
        head_sha256: SHA-256 of its first bytes, of a folder of the names, sizes and times of its files; lower hex.
    """

    path: str
    size: int | None = None
    modified: datetime | None = None
    head_sha256: str | None = None

    def key(self, as_of: datetime, version: str = __version__, options: str = "") -> str:
        """Return 32 hex digits, others for another state of it, another version, another date or other options."""
        modified = format_utc(self.modified, fraction=True) if self.modified else None
        told = [self.path, self.size, modified, self.head_sha256, version, format_utc(as_of, fraction=True), options]
        return _digest(told)


def _digest(told: list[str | int | None]) -> str:
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskRecord:
    """One row of table disk; its attributes are the columns of :data:`DISK` but for the identity.

    Attributes:
        identity: What was examined.
        kind: What it is.
        state: What became of it.
        error: Why nothing of it could be examined.
        failure: What failed.
        read_with: Path of the input with which it was read.
        machines: Installations that were examined.
        content: Digest of what was read and judged.
        seconds: How long it took.
        as_of: What "expired" refers to.
        written: When this was written.
        attempt: How often this path had been written before.
        options: Key of the options.
        tool_version: Version that examined it.
    """

    identity: InputIdentity
    kind: str
    state: State
    as_of: datetime
    written: datetime
    error: str | None = None
    failure: Failure | None = None
    read_with: str | None = None
    machines: int = 0
    content: str | None = None
    seconds: int = 0
    attempt: int = 0
    options: str = ""
    tool_version: str = __version__

    @property
    def input(self) -> str:
        """Key of what was examined."""
        return self.identity.key(self.as_of, self.tool_version, self.options)

    @property
    def disk(self) -> str:
        """Key of this row: the same wherever it is written, another one for each attempt."""
        return _digest([self.input, self.attempt])

    @property
    def cells(self) -> list[Any]:
        """The values of the columns of :data:`DISK`, in their order."""
        own = {column.name: getattr(self, column.name, None) for column in DISK}
        of_input = {name: getattr(self.identity, name) for name in ("path", "size", "modified", "head_sha256")}
        return list((own | of_input).values())
