"""What became of each source that was named."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class SourceEntry:
    """One source.

    Attributes:
        path: As the user named it.
        kind: Such as ``vhdx``, ``raw``, ``folder``; ``unknown`` when it could not be opened.
        machine_ids: The Windows installations found in it (`machine.machine_id`).
        size: Bytes of the file; None for a folder, a device, or what is not there.
        sha256: Of that file, lower hex; None where it was not hashed.
        error: Why nothing of it could be examined, one sentence; None when something was.
    """

    path: str
    kind: str
    machine_ids: list[int] = field(default_factory=list)
    error: str | None = None
    size: int | None = None
    sha256: str | None = None
