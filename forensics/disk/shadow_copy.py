"""A shadow copy of a volume: what it is, and its files as they were then."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from forensics.late_methods import dataclass

if TYPE_CHECKING:
    from forensics.disk.tree import Entry, Tree, WantedNames


@dataclass(frozen=True, slots=True)
class ShadowCopy:
    """An older state of a volume that Windows kept.

    Attributes:
        identifier: GUID by which the volume's catalog knows it, lower case.
        created: When it was made, UTC; None where the catalog has no such time.
        open: Opens the volume as it was then, a tree that :class:`KnowsPresent`. Raises NotObtained where its bytes
            could not be got, for want of a library too, and Unreadable where they are no volume.
    """

    identifier: str
    created: datetime | None
    open: Callable[[], Tree]


@runtime_checkable
class KnowsPresent(Protocol):
    """A volume as a shadow copy has it, which knows what of it the volume of today still has.

    It has no shadow copies of its own: those that it holds files of are the present's.
    """

    def is_unchanged(self, file: Entry | str) -> bool:
        """Tell whether the volume of today has this very file, record and content; False where that is not known."""

    def changed_paths_named(self, wanted: WantedNames, skip: Iterable[str]) -> Iterator[str | None]:
        """Yield the paths of files with a wanted name, but for those that the volume of today still has as they were.

        Args:
            wanted: The names.
            skip: Paths of folders whose own files are not wanted.

        Yields:
            A path; None for each part of the copy that could not be searched.
        """
