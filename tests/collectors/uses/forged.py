"""Installations with hand-made certificate rows, and what is told of their uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from forensics.collectors.machine import collect_machine
from forensics.collectors.profiles import collect_profiles
from forensics.collectors.users import collect_users
from forensics.collectors.uses.context import UseContext
from forensics.sources.installation import Installation
from forensics.tables.certificate import CertificateRow
from forensics.tables.use import CertificateUseRow
from testdata.builder.regf import HiveWriter
from tests.collectors.virtual import installation

SYSTEM_SID = "S-1-5-18"
ONE, TWO, THREE = "11" * 20, "22" * 20, "AB" * 20
SERVICES = "ControlSet002\\Services"
CONTROL = "ControlSet002\\Control"
HIVE_TIME = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)


def certificate(thumbprint: str, **columns: Any) -> CertificateRow:
    """A certificate of the computer's My with a key, unless told otherwise."""
    defaults: dict[str, Any] = {
        "machine_id": 1,
        "source_path": f"store {thumbprint}",
        "store": "MY",
        "store_scope": "machine",
        "owner_sid": SYSTEM_SID,
        "has_key_link": True,
        "not_after": datetime(2027, 1, 1, tzinfo=UTC),
    }
    return CertificateRow(thumbprint=thumbprint, **{**defaults, **columns})


def context(
    hives: Mapping[str, HiveWriter] | None = None,
    files: Mapping[str, bytes | None] | None = None,
    certificates: Sequence[CertificateRow] = (),
    complete: bool = True,
    modified: Mapping[str, datetime] | None = None,
) -> UseContext:
    """What the modules of uses are given."""
    examined = installation(dict(files or {}), hives, complete, modified=modified)
    return context_of(examined, certificates)


def context_of(examined: Installation, certificates: Sequence[CertificateRow] = ()) -> UseContext:
    """The same for an installation at hand."""
    machine = collect_machine(examined)
    profiles = collect_profiles(examined)
    return UseContext(examined, machine, certificates, profiles, collect_users(examined, machine, profiles))


def told(rows: Sequence[CertificateUseRow]) -> list[tuple[str, str | None, str | None]]:
    """Consumer, thumbprint and detail of each row."""
    return [(row.consumer, row.thumbprint, row.detail) for row in rows]
