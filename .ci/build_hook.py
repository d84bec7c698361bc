"""Puts into a wheel what is compiled: the built-in rules, so that no YAML is read, and the translations."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Compiled(BuildHookInterface[Any]):
    """Adds files to a wheel; an editable installation reads the rules of the checkout, and has translations in it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write them, and have them packed.

        Args:
            version: ``standard``, or ``editable``.
            build_data: What the wheel is made of.
        """
        sys.path[:0] = [self.root, str(Path(self.root) / ".ci")]
        try:
            from compile_language import compile_stale, compiled, languages, place_of

            from forensics.engine.compiled_rules import FILE, compile_rules
            from forensics.engine.loader import built_in_packs, load_packs
        finally:
            del sys.path[:2]
        if version == "editable":
            compile_stale()
            return
        self._folder = tempfile.TemporaryDirectory()
        packed = {FILE: f"forensics/rules/{FILE}"}
        (Path(self._folder.name) / FILE).write_bytes(compile_rules(built_in_packs(), load_packs().rules))
        for language in languages():
            packed[f"{language}.mo"] = f"forensics/language/{place_of(language)}"
            (Path(self._folder.name) / f"{language}.mo").write_bytes(compiled(language))
        for name, place in packed.items():
            build_data["force_include"][str(Path(self._folder.name) / name)] = place

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was packed."""
        if version != "editable":
            self._folder.cleanup()
