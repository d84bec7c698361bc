"""What ``make bench`` measures part by part is still there under its name."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

from tests.benchmarks.parts import WHERE


@pytest.mark.parametrize("name", WHERE)
def test_a_part_is_a_function_of_the_program(name: str) -> None:
    module, path = WHERE[name]
    found: Any = import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    assert callable(found)
