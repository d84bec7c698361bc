"""What the user can give to open BitLocker volumes and encrypted archives."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path

from forensics.disk.recovery_password import recovery_password
from forensics.late_methods import dataclass


@dataclass(frozen=True, slots=True)
class Unlock:
    """Keys and passwords.

    Attributes:
        recovery_key: Recovery password: 48 digits in eight groups; however they are separated, with dashes afterwards.
        password_file: File whose first line is the volume's password.
        bek_file: External key file (.BEK).
        archive_password: Of zip and 7z archives; of a file that is no UTF-8 as surrogates.

    Raises:
        ValueError: The recovery password is mistyped.
    """

    recovery_key: str | None = field(default=None, repr=False)
    password_file: Path | None = None
    bek_file: Path | None = None
    archive_password: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.recovery_key:
            object.__setattr__(self, "recovery_key", recovery_password(self.recovery_key))

    @property
    def is_empty(self) -> bool:
        """No BitLocker key was given."""
        return not (self.recovery_key or self.password_file or self.bek_file)
