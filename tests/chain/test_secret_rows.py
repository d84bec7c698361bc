"""Rows of DPAPI_SYSTEM after it was opened."""

from __future__ import annotations

from forensics.chain.secret_rows import secret_rows
from forensics.collectors.evidence import Evidence
from forensics.dpapi.lsa import DpapiSystem, SystemSecret
from forensics.tables.machine import MachineRow
from forensics.tables.secrets import SecretRow
from testdata.builder.regf import HiveWriter
from tests.collectors.virtual import installation


def test_an_earlier_secret_of_no_bytes_is_absent_and_no_problem() -> None:
    evidence = Evidence(installation({}, {"SYSTEM": HiveWriter("SYSTEM")}), MachineRow(machine_id=1, source_path="x"))
    row = SecretRow(machine_id=1, source_path="x", name="DPAPI_SYSTEM", generation="previous", outcome="present")
    evidence.secrets.append(row)
    current = SystemSecret(b"m" * 20, b"u" * 20)
    (told,) = secret_rows(evidence, DpapiSystem(current, never_changed=True))
    assert (told.outcome, evidence.installation.problems) == ("absent", [])
    (told,) = secret_rows(evidence, DpapiSystem(current))
    assert told.outcome == "unreadable"
