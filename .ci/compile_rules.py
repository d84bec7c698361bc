"""Puts the built-in rules into a wheel as they are when they are read, so that an installed keymortem reads no YAML."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompiledRules(BuildHookInterface[Any]):
    """Adds one file to the packs of a wheel; an editable installation reads those of the checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write it, and have it packed.

        Args:
            version: ``standard``, or ``editable``.
            build_data: What the wheel is made of.
        """
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        try:
            from forensics.engine.compiled_rules import FILE, compile_rules
            from forensics.engine.loader import built_in_packs, load_packs
        finally:
            sys.path.remove(self.root)
        self._folder = tempfile.TemporaryDirectory()
        made = Path(self._folder.name) / FILE
        made.write_bytes(compile_rules(built_in_packs(), load_packs().rules))
        build_data["force_include"][str(made)] = f"forensics/rules/{FILE}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove what was packed."""
        if version != "editable":
            self._folder.cleanup()
