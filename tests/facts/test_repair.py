"""What ends the fault of a use: nothing is set anew where only the way to the key is broken."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from forensics.facts.repair import Repairs
from forensics.facts.tables import Tables
from forensics.tables.certificate import CertificateRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.use import CertificateUseRow, OpensBrokenAt

AS_OF = datetime(2026, 11, 22, tzinfo=UTC)


def repair(ends: datetime, **values: Any) -> tuple[str | None, str, bool]:
    given = {"consumer": "http.sys", "repair": "set it", "set_with": "set-binding", "opens": "unusable", **values}
    use = CertificateUseRow(machine_id=1, source_path="u", thumbprint="AA", certainty="proved", **given)
    row = CertificateRow(
        machine_id=1, source_path="c", thumbprint="AA", store="MY", store_scope="machine", not_after=ends
    )
    return Repairs(Tables([use, row]), AS_OF).of(use)


@pytest.mark.parametrize(
    ("broken_at", "way"),
    [
        ("access", "the certificate stays: let its account read the key file"),
        ("keyset", "the certificate stays: import certificate and key again into the key set of the computer"),
        ("service", "the certificate stays: let the service CNG Key Isolation start again"),
        ("provider", "the certificate stays: register the provider of its key again"),
        ("claim", "the certificate stays: write its link to the key anew"),
    ],
)
def test_a_key_that_is_only_out_of_reach(broken_at: str, way: str) -> None:
    valid, ended = datetime(2027, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    assert repair(valid, opens_broken_at=broken_at) == (way, "", True)
    assert repair(ended, opens_broken_at=broken_at) == ("set it", "set-binding", False)
    assert repair(ended, opens_broken_at=broken_at, consumer="EFS") == (way, "", True)
    assert repair(valid, opens_broken_at=broken_at, present=False) == ("set it", "set-binding", False)
    assert repair(valid, opens_broken_at=broken_at, consumer="IIS metabase") == ("set it", "set-binding", False)


@pytest.mark.parametrize("broken_at", ["key_file", "public_key", "master_key", "secret", "private_key", "kind"])
def test_a_key_that_is_lost(broken_at: str) -> None:
    assert repair(datetime(2027, 1, 1, tzinfo=UTC), opens_broken_at=broken_at) == ("set it", "set-binding", False)


@pytest.mark.parametrize("broken_at", ["access", "service", "claim"])
@pytest.mark.parametrize(("recoverable", "stays"), [(True, True), (None, True), (False, False)])
def test_the_way_is_mended_only_to_a_key_that_may_be_there(
    recoverable: bool | None, stays: bool, broken_at: OpensBrokenAt
) -> None:
    use = CertificateUseRow(
        machine_id=1,
        source_path="u",
        thumbprint="AA",
        certainty="proved",
        consumer="IIS",
        opens="unusable",
        opens_broken_at=broken_at,
    )
    chain = KeyChainRow(machine_id=1, source_path="c", thumbprint="AA", verdict="unusable", recoverable=recoverable)
    assert Repairs(Tables([use, chain]), AS_OF).of(use).stays == stays


def test_no_fault() -> None:
    assert repair(datetime(2027, 1, 1, tzinfo=UTC), opens="usable") == ("set it", "set-binding", False)
