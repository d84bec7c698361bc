"""Fixtures shared by every test."""

from __future__ import annotations

from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
REALDATA = PROJECT.parent / "shared" / "realdata"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a module's tests in one process of pytest-xdist, and those together that examine every test image."""
    for item in items:
        together = "rules" if item.path.parent.name == "rules" else str(item.path)
        item.add_marker(pytest.mark.xdist_group(together))


@pytest.fixture(scope="session")
def realdata() -> Path:
    """Real Windows artefacts, which live beside the project and are never copied into it."""
    if not REALDATA.is_dir():
        pytest.skip("the real Windows artefacts (shared/realdata beside the project) are not on this machine")
    return REALDATA
