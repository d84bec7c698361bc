"""What a container has to say of itself while it is read: each fault once, and not without end."""

from __future__ import annotations

from forensics.formats.errors import FormatError
from forensics.language import sentence

_MAX_PROBLEMS = 1000
"""Display: faults of one image that are told one by one."""


class Notes:
    """Faults of one image.

    Args:
        name: The image, for messages.

    Attributes:
        problems: The faults so far; grows while the image is read.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[FormatError] = []
        self._told: set[tuple[str, int]] = set()

    def add(self, kind: str, offset: int, message: str) -> None:
        """Take down a fault, unless it is there already.

        Args:
            kind: Kind of the problem.
            offset: Where, in bytes of the disk inside.
            message: What is wrong.
        """
        if (kind, offset) in self._told or len(self.problems) > _MAX_PROBLEMS:
            return
        self._told.add((kind, offset))
        if len(self.problems) == _MAX_PROBLEMS:
            kind, message = (
                "too_many_problems",
                sentence("more than {max_problems} things are wrong with this image", max_problems=_MAX_PROBLEMS),
            )
        self.problems.append(FormatError(kind, offset, sentence("{name}: {message}", name=self.name, message=message)))
