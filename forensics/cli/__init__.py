"""The command line: parses arguments and calls the public API of :mod:`forensics`, nothing more."""

from __future__ import annotations

import gc

MOST_NEW_OBJECTS = 100_000
"""Work: objects that are made before Python looks for cycles among them: a disk takes fewer, and leaves none."""

# Here, since Python would look 25 times while the rest is imported.
gc.set_threshold(MOST_NEW_OBJECTS)
