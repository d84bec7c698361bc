"""No rule holds a line for a shell: each names a command of the catalogue."""

from __future__ import annotations

import pytest

from forensics.engine.loader import load_packs
from forensics.engine.templates import commands_in

PACKS = ("attestation", "era2026", "expiry", "hyperv", "rdp", "sysprep", "tpm", "use")


@pytest.mark.parametrize("pack", PACKS)
def test_every_command_is_one_of_the_catalogue(pack: str) -> None:
    rules = [rule for rule in load_packs(language="ja").rules if rule.pack == pack]
    texts = [(r.id, t) for r in rules for t in (r.remedy, *(told.remedy for told in r.translations.values()))]
    assert len(texts) == 2 * len(rules) > 0
    assert [(rule, line) for rule, text in texts for line in commands_in(text) if not line.startswith("@")] == []
