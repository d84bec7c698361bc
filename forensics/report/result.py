"""What every question to a case is answered with: an object that holds the answer and shows itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from forensics.disk.evidence_files import EvidenceFiles

_OF_THE_PROGRAM = frozenset({"evidence", "file_formats", "judges_nothing", "read", "write_file"})
"""Attributes that other modules use and no completion offers."""


class Result(ABC):
    """An answer, typed; a notebook shows it as its command prints it.

    Attributes:
        formats: What it can be rendered as.
        file_formats: Those of them that :meth:`write_file` writes, part by part or because they are no text.
    """

    formats: ClassVar[tuple[str, ...]] = ("text",)
    file_formats: ClassVar[tuple[str, ...]] = ()

    def __dir__(self) -> list[str]:
        """What is completed after the dot: what a reader asks of an answer, not what the program does."""
        return [name for name in super().__dir__() if name not in _OF_THE_PROGRAM]

    def render(self, format: str = "text", width: int | None = None) -> str:
        """Write the answer.

        Args:
            format: One of :attr:`formats`.
            width: Columns to fold text to; None leaves lines whole.

        Returns:
            The text, ended by a newline; nothing from the disks can steer the terminal.

        Raises:
            ValueError: It cannot be rendered as that.
        """
        if format not in self.formats:
            raise ValueError(f"there is no format {format!r} of this; there are {', '.join(self.formats)}")
        return self._render(format, width)

    def write_file(self, format: str, file: Path) -> None:
        """Write the answer in a format of :attr:`file_formats`.

        Args:
            format: The format.
            file: Where, a new file.

        Raises:
            OSError: It cannot be written.
        """
        raise NotImplementedError(format)

    @property
    def evidence(self) -> EvidenceFiles:
        """What was read for it, over which it is never written."""
        return EvidenceFiles()

    @abstractmethod
    def _render(self, format: str, width: int | None) -> str:
        """Write the answer in a format that it has."""

    def __repr__(self) -> str:
        return self.render()


class UnsuitableCaseError(ValueError):
    """A case cannot be what it was given as: it holds no such machine, or several.

    Args:
        argument: Name of the argument it was given as.
        sentence: What is wrong, with ``{}`` where the argument is named.
    """

    def __init__(self, argument: str, sentence: str) -> None:
        super().__init__(sentence.replace("{}", argument))
        self.argument = argument
        self.sentence = sentence

    def named(self, names: Mapping[str, str]) -> str:
        """Return the sentence for a reader who knows the arguments by other names."""
        return self.sentence.replace("{}", names.get(self.argument, self.argument))
