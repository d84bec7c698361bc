"""All targets by name."""

from __future__ import annotations

from tests.fuzz.target import Target
from tests.fuzz.targets import archives, bundles, disks, events, formats, hyperv, ntfs, registry, texts, whole

TARGETS: dict[str, Target] = {
    target.name: target
    for group in (formats, texts, hyperv, registry, events, ntfs, disks, archives, bundles, whole)
    for target in group.TARGETS
}
