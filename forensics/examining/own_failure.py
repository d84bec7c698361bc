"""Says of a failure of our own where in the program it came up, and nothing of the evidence that led to it."""

from __future__ import annotations

import traceback
from pathlib import Path

from forensics.lack_of_memory import KIND, WHY, is_lack_of_memory
from forensics.language import sentence


def kind_of(error: Exception) -> str:
    """Return the kind of the problem that it is."""
    return KIND if is_lack_of_memory(error) else "internal_error"


def where(error: Exception) -> str:
    """Return one sentence about an exception that nobody foresaw, or a lack of memory."""
    if is_lack_of_memory(error):
        return WHY
    # Not the exception's own text: a library may have put disk content or key material into it.
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "forensics" in Path(f.filename).parts] or list(frames)
    place: str = type(error).__name__
    if ours:
        place = sentence(
            "{error} in {file}, line {line}", error=place, file=Path(ours[-1].filename).name, line=ours[-1].lineno
        )
    return sentence(
        "keymortem failed on this evidence ({place}); please report it, --debug shows details",
        place=place,
    )
