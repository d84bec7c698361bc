"""The disks that a configuration names: a bundle of files that together are one machine."""

from __future__ import annotations

from forensics.late_methods import dataclass

MAX_DISKS = 256
"""Evidence: disks of one configuration that are looked for."""


@dataclass(frozen=True, slots=True)
class NamedDisk:
    """A disk to which a machine writes.

    Attributes:
        path: As written, in whatever system's notation.
        lies_at: Why no file beside the configuration can be it, and what to do, such as that it is a device of its
            host; empty for a file.
        is_chunked: It is cut into files that are named by its name and a number of nine digits.
        machine: What tells its machine from the others of the same configuration; empty where there is one.
    """

    path: str
    lies_at: str = ""
    is_chunked: bool = False
    machine: str = ""


@dataclass(frozen=True, slots=True)
class NamedDisks:
    """What a configuration says of disks.

    Attributes:
        current: The disks to which its machine writes.
        frozen: Paths of the disks that a snapshot has closed for writing, as written.
        hidden: Why the disks are not known, and what to do; empty where they are.
    """

    current: tuple[NamedDisk, ...] = ()
    frozen: tuple[str, ...] = ()
    hidden: str = ""
