"""When Microsoft stops supporting a Windows, from a dated file that comes with keymortem.

The days change now and then, and no disk tells them: the file says as of when it is right, and so does the row.

References:
    https://learn.microsoft.com/en-us/lifecycle/products/
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from forensics.late_methods import dataclass

_SEMI_ANNUAL = "acor"


@dataclass(frozen=True, slots=True)
class Support:
    """How long one Windows is supported.

    Attributes:
        ends: Midnight UTC at the beginning of the last day of support.
        as_of: The day the file was made, such as 2026-11-21.
    """

    ends: datetime
    as_of: str


def support_of(product_name: str | None, edition: str | None, build: str | None) -> Support | None:
    """Look up how long a Windows is supported.

    Args:
        product_name: ProductName, such as "Windows Server 2019 Standard".
        edition: EditionID, such as ServerStandard.
        build: CurrentBuild.

    Returns:
        None for a Windows that the file does not list.
    """
    lifecycle = _lifecycle()
    is_server = "windows server" in (product_name or "").lower()
    if is_server and (edition or "").lower().endswith(_SEMI_ANNUAL):
        return None
    for product in lifecycle["products"]:
        if product["build"] != build or (product["kind"] == "server") != is_server:
            continue
        if is_server or edition in product["editions"]:
            return Support(datetime.fromisoformat(product["ends"]).replace(tzinfo=UTC), lifecycle["as_of"])
    return None


@cache
def _lifecycle() -> dict[str, Any]:
    text = (Path(__file__).resolve().parents[1] / "data" / "windows_lifecycle.json").read_text("utf-8")
    lifecycle: dict[str, Any] = json.loads(text)
    return lifecycle
