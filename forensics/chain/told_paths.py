"""Reasons of chains as they are told: paths of the source in them as the examined Windows itself writes them."""

from __future__ import annotations

from collections.abc import Iterator

from forensics.language import Sentence, renamed
from forensics.tables.windows_path import WindowsPaths

_NAMES = frozenset({"path", "elsewhere", "damaged", "sound", "target", "older_hives"})
"""What values of sentences are called that are paths of the source."""


def told(text: str, machine_id: int, paths: WindowsPaths) -> str:
    """Return a reason with its paths as Windows writes them; those of hives' keys stay as every table has them."""
    for path in _paths_in(text):
        text = renamed(text, path, paths.of(machine_id, path) or path)
    return text


def _paths_in(text: str) -> Iterator[str]:
    if isinstance(text, Sentence):
        for name, value in text.made.values.items():
            if isinstance(value, Sentence):
                yield from _paths_in(value)
            elif name in _NAMES and isinstance(value, str) and "/" in value and "\\" not in value:
                yield value
