"""Remembers the built-in rules, whose files each examination reads anew: no test changes them."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from forensics.engine import loader
from forensics.engine.rule import Packs


@contextmanager
def rules_read_once() -> Iterator[None]:
    """Read the built-in rules once in each language, whatever tables they are asked about; other folders anew."""
    home, read = loader.built_in_packs(), loader.load_packs

    @cache
    def of_home(language: str | None) -> Packs:
        return read(language=language)

    def load_packs(
        paths: Sequence[Path] = (), *, language: str | None = None, tables: Container[str] | None = None, **more: Any
    ) -> Packs:
        if paths or more or loader.built_in_packs() != home:
            return read(paths, language=language, tables=tables, **more)
        return Packs(tuple(rule for rule in of_home(language).rules if tables is None or rule.table in tables))

    with mock.patch("forensics.engine.loader.load_packs", load_packs):
        yield
