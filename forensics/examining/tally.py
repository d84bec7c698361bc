"""How whoever waits for an examination is told how far it is."""

from __future__ import annotations

from collections.abc import Callable

Tally = Callable[[int, int], None]
"""Called with the numbers of sources that are done, and of those that failed among them."""
