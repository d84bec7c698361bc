"""What the README shows of the sample disk is what the tool prints; its commands are run in test_manual.py."""

from __future__ import annotations

from tests.examined import examined
from tests.first_screens import IN_README, README, screen


def test_screen_of_the_sample_disk_is_the_real_one() -> None:
    assert IN_README.findall(README.read_text(encoding="utf-8")) == [screen(examined("sample"))]
