"""Where tests find the project, its test images, and what lies beside the project."""

from __future__ import annotations

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
IMAGES = PROJECT / "testdata" / "images"
WIMS = PROJECT / "testdata" / "wims"
SHARED = PROJECT.parent / "shared"
"""Specifications and real artefacts; a checkout alone does not have them, and tests that need them skip and say so."""
REALDATA = SHARED / "realdata"
CONTRACT = SHARED / "contract" / "examine.schema.json"
CASES = SHARED / "cases"
