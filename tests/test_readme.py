"""What the README shows of the sample disk is what the tool prints; its commands are run in test_manual.py."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import forensics
from forensics.report.text import render_text
from tests.paths import PROJECT

README = (PROJECT / "README.md").read_text(encoding="utf-8")
SAMPLE = "testdata/images/sample.vhdx.xz"


def test_report_of_the_sample_disk_is_the_real_one() -> None:
    case = forensics.examine(PROJECT / SAMPLE, as_of=datetime(2026, 11, 22, tzinfo=UTC))
    report = render_text(case, width=100).replace(str(PROJECT / SAMPLE), SAMPLE)
    [shown] = re.findall(r"```text\n(keymortem .*?)\[\.\.\.\]\n```", README, re.S)
    assert "FINDINGS" in shown
    # The path is longer here than where a reader stands, so the lines may fold elsewhere.
    words = shown.split()
    assert words == report.split()[: len(words)]
