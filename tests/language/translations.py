"""The translations as the files of a language hold them, and the compiled file that the program reads."""

from __future__ import annotations

import importlib.util
from functools import cache
from types import ModuleType

from babel.messages.catalog import Catalog

from tests.paths import PROJECT


def compiler() -> ModuleType:
    """Return the module that makes the compiled file, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("compile_language", PROJECT / ".ci" / "compile_language.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def catalogue(language: str = "ja") -> Catalog:
    """Return the translations of a language, from all its files."""
    whole: Catalog = compiler().catalogue_of(language)
    return whole


def translated(language: str = "ja") -> dict[str, str]:
    """Return what each message is in a language; of a counted one its message of 1 and the other."""
    found: dict[str, str] = {}
    for message in catalogue(language):
        ids = message.id if isinstance(message.id, tuple | list) else [message.id]
        said = message.string if isinstance(message.string, str) else (message.string or ("",))[0]
        found |= dict.fromkeys(filter(None, ids), said)
    return found
