"""Says of a failure of our own where in the program it came up, and nothing of the evidence that led to it."""

from __future__ import annotations

import traceback
from pathlib import Path


def where(error: Exception) -> str:
    """Return one sentence about an exception that nobody foresaw, or a lack of memory."""
    if isinstance(error, MemoryError):
        return "more memory was needed than there is, or than one source may take: fewer --jobs leave more to each"
    # Not the exception's own text: a library may have put disk content or key material into it.
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "forensics" in Path(f.filename).parts] or list(frames)
    place = f" in {Path(ours[-1].filename).name}, line {ours[-1].lineno}" if ours else ""
    return f"keymortem failed on this evidence ({type(error).__name__}{place}); please report it, --debug shows details"
