"""What stands beside a rule in files of its own, so that the rule is read on one screen: translations and examples.

Beside ``ID.yaml``, ``ID.ja.yaml`` holds its texts in Japanese and ``ID.examples.yaml`` a list of examples. Either is
read only when it is asked for.
"""

from __future__ import annotations

import os.path
from pathlib import Path

from forensics.engine.rule import LANGUAGES

EXAMPLES = "examples"
PARTS = (EXAMPLES, *LANGUAGES)


def file_beside(rule: Path, part: str) -> Path:
    """Return the file that holds a part of a rule, whether it is there or not."""
    return rule.with_name(f"{rule.stem}.{part}{rule.suffix}")


def rule_of(path: Path) -> Path | None:
    """Return the file of the rule that a file stands beside; None for one that is to hold a rule itself."""
    rule = named_beside(str(path))
    return None if rule is None else Path(rule)


def named_beside(path: str) -> str | None:
    """Return what :func:`rule_of` does, of paths as texts: of hundreds of files it is asked at each start."""
    whole, suffix = os.path.splitext(path)
    stem, dot, part = whole.rpartition(".")
    return stem + suffix if dot and part in PARTS else None
