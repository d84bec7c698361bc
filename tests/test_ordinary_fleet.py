"""The twenty ordinary machines in one case: what is asked across machines raises no alarm where nothing is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from forensics.chain.identities import shared_identities
from forensics.engine.loader import load_packs
from forensics.engine.run import RunResult, run
from forensics.facts.efs_agents import READS, efs_agents
from forensics.facts.shared_keys import shared_keys
from forensics.tables.machine import MachineRow
from forensics.tables.machine_numbers import renumbered
from forensics.tables.registry import by_table, column_specs
from forensics.tables.row import Row
from forensics.tables.secrets import SecretRow
from forensics.tables.shared_key import SharedKeyRow
from tests.examined import AS_OF
from tests.narrow_rows import narrow
from tests.ordinary import ROLES, of_role
from tests.test_ordinary_machines import QUIET

_OWN = re.compile(r"public_key_sha256$|^ek_pub_sha256$")


def of_its_own(row: Row, number: int, sid: str, own_keys: bool) -> Row:
    """Return a row of a computer that is no other: the machines are forged with one identity and the same few keys."""
    own: dict[str, Any] = {}
    for spec in column_specs(row.table):
        value = getattr(row, spec.name)
        if isinstance(value, str) and sid in value:
            own[spec.name] = value.replace(sid, f"{sid[:-4]}{number:04}")
        elif isinstance(value, str) and _OWN.search(spec.name) and (own_keys or spec.name == "ek_pub_sha256"):
            own[spec.name] = f"{number:04x}{value[4:]}"
    if isinstance(row, MachineRow):
        own |= {"machine_guid": f"{number:08x}-1111-2222-3333-444444444444", "hardware_id": f"{number:08x}"}
    if isinstance(row, SecretRow):
        own["fingerprint"] = f"{number:064x}"
    return replace(row, **own)


def rows_of_all(own_keys: bool) -> Iterator[Row]:
    for number, role in enumerate(ROLES, 1):
        _, case = of_role(role, False)
        sid = case.rows("machine")[0].machine_sid
        for rows in case.tables.values():
            for row in rows:
                # What spans machines is made anew of all.
                if not row.spans_machines:
                    made = renumbered(row, lambda old, number=number: number * 10 + old)  # type: ignore[misc]
                    yield of_its_own(made, number, sid, own_keys)


def asked(own_keys: bool) -> tuple[list[Row], RunResult]:
    rows = list(rows_of_all(own_keys))
    disks = {row.machine_id: f"disk {row.machine_id}" for row in rows}
    rows += shared_identities(rows, disks)
    rows += shared_keys(rows, disks)
    rows += efs_agents(rows)
    return rows, run(load_packs(), by_table(rows), AS_OF)


@pytest.fixture(scope="module")
def own_keys() -> tuple[list[Row], RunResult]:
    return asked(own_keys=True)


def test_together_they_are_as_quiet_as_each_alone(own_keys: tuple[list[Row], RunResult]) -> None:
    rows, result = own_keys
    assert result.problems == []
    assert len([row for row in rows if row.table == "machine"]) == len(ROLES)
    assert [row for row in rows if row.table in ("shared_identity", "shared_key")] == []
    alone: list[Any] = []
    for role in ROLES:
        alone += [(f.rule, f.severity, f.because) for f in of_role(role, False)[1].finding_list]
    together = [(f.rule, f.severity, f.because) for f in result.findings]
    assert [told for told in together if told[1] not in QUIET] == []
    assert {told[0] for told in together} == {told[0] for told in alone}


def test_agents_of_efs_are_told_of_narrow_rows_too(own_keys: tuple[list[Row], RunResult]) -> None:
    rows, _ = own_keys
    made = [row for row in rows if not row.spans_machines]
    assert efs_agents(narrow(made, READS)) == efs_agents(made) != []


def test_what_forged_machines_have_in_common_is_told() -> None:
    """They are forged with the same thirty keys under other names: that is what the rule is there to find."""
    rows, result = asked(own_keys=False)
    assert {row.relation for row in rows if isinstance(row, SharedKeyRow)} == {"unrelated"}
    assert {f.rule for f in result.findings if f.severity not in QUIET} == {"private-key-on-several-machines"}
