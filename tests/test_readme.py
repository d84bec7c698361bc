"""What the README shows of the sample disk is what the tool prints; its commands are run in test_manual.py."""

from __future__ import annotations

import re

from tests.examined import examined
from tests.first_screens import screen
from tests.paths import PROJECT

README = (PROJECT / "README.md").read_text(encoding="utf-8")


def test_screen_of_the_sample_disk_is_the_real_one() -> None:
    [shown] = re.findall(r"```text\n(keymortem .*?)```", README, re.S)
    assert shown == screen(examined("sample"))
