"""Table shadow_copy: older states of a volume that Windows kept."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from forensics.late_methods import dataclass
from forensics.tables.outcome import State
from forensics.tables.row import Row, column


@dataclass(kw_only=True, slots=True)
class ShadowCopyRow(Row):
    """One shadow copy of the volume of an installation, or of another volume of its disk."""

    table: ClassVar[str] = "shadow_copy"
    description: ClassVar[str] = "Older states of a volume that Windows kept (Volume Shadow Copy): never the machine"

    id: str = column("GUID by which the volume's catalog knows it, lower case")
    created: datetime | None = column("When it was made, UTC; null: not told", None)
    volume: str | None = column("Volume of the disk that has it; null: the one there is", None)
    examined: State = column(
        "whether it was searched for what broken keys need; not_examined: nothing needed it, or why"
    )
    why: str | None = column("Why it was not examined, or not whole", None)
