"""A shadow copy of a volume: what it is, and its files as they were then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from forensics.late_methods import dataclass

if TYPE_CHECKING:
    from forensics.disk.tree import Tree


@dataclass(frozen=True, slots=True)
class ShadowCopy:
    """An older state of a volume that Windows kept.

    Attributes:
        identifier: GUID by which the volume's catalog knows it, lower case.
        created: When it was made, UTC; None where the catalog has no such time.
        open: Opens the volume as it was then. Raises NotObtained where its bytes could not be got, for want of a
            library too, and Unreadable where they are no volume.
    """

    identifier: str
    created: datetime | None
    open: Callable[[], Tree]
