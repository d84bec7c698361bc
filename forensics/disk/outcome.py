"""The four things that can be said of a piece of evidence; never merge them."""

from __future__ import annotations

from typing import Literal

Outcome = Literal["present", "absent", "unreadable", "not_examined"]
