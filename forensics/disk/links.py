"""Links in a file tree: where they lead, and that they were not followed there."""

from __future__ import annotations

from typing import Literal

from forensics.late_methods import dataclass


@dataclass(frozen=True, slots=True)
class Link:
    """What stands in the place of a file or folder that lies somewhere else.

    Attributes:
        kind: A mounted volume is a junction that leads to one.
        target: Where it leads, as stored: an absolute path, or one relative to the folder of the link; of a hard link
            another member of its archive.
    """

    kind: Literal["junction", "mounted volume", "symbolic link", "hard link"]
    target: str

    def not_followed(self, path: str) -> str:
        """Say that a link was not followed.

        Args:
            path: Its path in the tree.
        """
        what = "the mount point of" if self.kind == "mounted volume" else f"a {self.kind} to"
        also = "that volume" if self.kind == "mounted volume" else "what lies there"
        where = path.replace("/", "\\")
        return f"{where} is {what} {self.target}, which is not followed: examine {also} too"
