"""Links in a file tree: where they lead, and that they were not followed there."""

from __future__ import annotations

from typing import Literal

from forensics.language import sentence
from forensics.late_methods import dataclass

NOT_FOLLOWED = "link_not_followed"
LINK_TO_NOTHING = "link_to_nothing"
"""Kinds of problems: what lies behind a link was not seen; or it was seen that nothing does."""


@dataclass(frozen=True, slots=True)
class Link:
    """What stands in the place of a file or folder that lies somewhere else.

    Attributes:
        kind: A mounted volume is a junction that leads to one.
        target: Where it leads, as stored: an absolute path, or one relative to the folder of the link; of a hard link
            another member of its archive; of the letter of a drive its root.
        is_windows: The target is what Windows itself goes by, and no rendering of it by another system.
        is_relative: Of such a target: it begins at the folder of the link, or at the root of its volume.
        why_not: Why it is not followed, where more can be said than that what lies there was not examined.
    """

    kind: Literal["junction", "mounted volume", "symbolic link", "hard link", "drive"]
    target: str
    is_windows: bool = False
    is_relative: bool = False
    why_not: str | None = None

    def named(self) -> str:
        """Return what it is and where it leads, for use in a sentence."""
        if self.kind == "mounted volume":
            return sentence("the mount point of {target}", target=self.target)
        if self.kind == "junction":
            return sentence("a junction to {target}", target=self.target)
        if self.kind == "drive":
            return sentence("a volume of its own")
        if self.kind == "hard link":
            return sentence("a hard link to {target}", target=self.target)
        return sentence("a symbolic link to {target}", target=self.target)

    def not_followed(self, path: str) -> str:
        """Say that a link was not followed.

        Args:
            path: Its path in the tree.
        """
        what_next = sentence("examine what lies there too")
        if self.kind == "mounted volume":
            what_next = sentence("examine that volume too")
        return sentence(
            "{where} is {link}, which is not followed: {why}",
            where=path.replace("/", "\\"),
            link=self.named(),
            why=self.why_not or what_next,
        )
