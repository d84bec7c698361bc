"""What the user can give to open BitLocker volumes."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path

from forensics.late_methods import dataclass


@dataclass(frozen=True, slots=True)
class Unlock:
    """BitLocker keys.

    Attributes:
        recovery_key: Recovery password: 48 digits in eight groups.
        password_file: File whose first line is the volume's password.
        bek_file: External key file (.BEK).
    """

    recovery_key: str | None = field(default=None, repr=False)
    password_file: Path | None = None
    bek_file: Path | None = None

    @property
    def is_empty(self) -> bool:
        """No key was given."""
        return not (self.recovery_key or self.password_file or self.bek_file)
