"""The answer that columns of several tables give."""

from __future__ import annotations

from typing import Literal

Answer = Literal["yes", "no", "unknown"]
