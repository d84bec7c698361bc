"""Paths as a caller gives them."""

from __future__ import annotations

from pathlib import Path

from forensics.sources.given_paths import given_paths


def test_one_path_is_a_list_of_one() -> None:
    assert given_paths("/x/y") == [Path("/x/y")]
    assert given_paths(Path("/x/y")) == [Path("/x/y")]


def test_several_paths_are_all_given() -> None:
    assert given_paths(["/x", Path("/y")]) == [Path("/x"), Path("/y")]
    assert given_paths(iter(("/x",))) == [Path("/x")]
    assert given_paths(()) == []
