"""What a forged disk holds: files and folders with bytes, owner and rights, and dates."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

DEFAULT_TIME = datetime(2024, 3, 4, 9, 15, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class FileSpec:
    """One file or folder on a forged volume.

    Attributes:
        path: From the volume root, ``/``-separated, without a leading slash. Parent folders need not be listed.
        data: Content of the main stream; None for a folder.
        sd: Self-relative NT security descriptor; None for the volume's default (see ``acl.DEFAULT_SD``).
        created: Birth time, UTC.
        modified: Time of the last change, UTC.
        streams: Alternate data streams by name.
    """

    path: str
    data: bytes | None = field(default=b"", repr=False)
    sd: bytes | None = field(default=None, repr=False)
    created: datetime = DEFAULT_TIME
    modified: datetime = DEFAULT_TIME
    streams: dict[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def is_dir(self) -> bool:
        return self.data is None
