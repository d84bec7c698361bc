"""All targets by name."""

from __future__ import annotations

from tests.fuzz.target import Target
from tests.fuzz.targets import formats, hyperv, texts

TARGETS: dict[str, Target] = {
    target.name: target for group in (formats, texts, hyperv) for target in group.TARGETS
}
