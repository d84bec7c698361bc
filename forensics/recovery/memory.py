"""What this process does for its memory while it holds private keys.

Python can neither keep a number or bytes out of the swap file nor wipe them when they are no longer needed, and locking
the whole process into memory is refused to ordinary users. So no image of it is written where it crashes, what holds
the keys is let go of as soon as the files are made, and nothing of them is ever put into a temporary file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def without_core_dumps() -> Iterator[None]:
    """Let this process leave no image of its memory where it crashes; a system without such limits is left alone."""
    try:
        import resource
    except ImportError:  # Windows
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_CORE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, before[1]))
    try:
        yield
    finally:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_CORE, before)
