"""All targets by name."""

from __future__ import annotations

from tests.fuzz.target import Target
from tests.fuzz.targets import (
    archives,
    bundles,
    disks,
    events,
    fleet,
    formats,
    guests,
    hyperv,
    ntfs,
    registry,
    remote,
    texts,
    whole,
)

TARGETS: dict[str, Target] = {
    target.name: target
    for group in (
        formats,
        texts,
        hyperv,
        registry,
        events,
        ntfs,
        disks,
        archives,
        bundles,
        guests,
        remote,
        fleet,
        whole,
    )
    for target in group.TARGETS
}
