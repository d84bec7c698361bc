"""What was run so far, as JSON lines, and the page that is made of them."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from tests.paths import PROJECT

FIGURES = Path(__file__).parent / "figures.jsonl"
PAGE = PROJECT / "docs" / "fuzzing.md"
