"""Fixtures shared by every test."""

from __future__ import annotations

from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
REALDATA = PROJECT.parent / "shared" / "realdata"


@pytest.fixture(scope="session")
def realdata() -> Path:
    """Real Windows artefacts, which live beside the project and are never copied into it."""
    if not REALDATA.is_dir():
        pytest.skip("the real Windows artefacts (shared/realdata beside the project) are not on this machine")
    return REALDATA
