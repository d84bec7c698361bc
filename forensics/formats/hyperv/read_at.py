"""How a parser of a file that is too large for the memory is given its bytes."""

from __future__ import annotations

from collections.abc import Callable

ReadAt = Callable[[int, int], bytes]
"""(offset, length) -> bytes, both counted in bytes; fewer come back only at the end of the file."""
