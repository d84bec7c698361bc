"""Services that Schannel's records name: which certificates they may have wanted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from forensics.collectors.uses.collect import collect_certificate_uses
from forensics.collectors.uses.schannel import schannel_uses
from forensics.tables.certificate import CertificateRow
from forensics.tables.event import EventRow
from forensics.tables.use import CertificateUseRow
from tests.collectors.uses.forged import ONE, SERVICES, SYSTEM_SID, THREE, TWO, certificate, context
from tests.collectors.virtual import software_hive, system_hive


def event(event_id: int = 36870, kind: str = "server", service: str | None = "App", **columns: Any) -> EventRow:
    data = json.dumps({"Type": kind} if kind else {})
    known: dict[str, Any] = {"machine_id": 1, "source_path": "System.evtx", "channel": "System", "provider": "Schannel"}
    return EventRow(
        **(known | {"event_id": event_id, "data": data, "service": service, "process": "app.exe"} | columns)
    )


def known(thumbprint: str = ONE, **columns: Any) -> CertificateUseRow:
    given: dict[str, Any] = {"machine_id": 1, "source_path": "x", "consumer": "http.sys", "certainty": "proved"}
    return CertificateUseRow(**(given | {"thumbprint": thumbprint, "owner_sid": SYSTEM_SID} | columns))


def told(
    *events: EventRow, certificates: tuple[CertificateRow, ...] = (), uses: tuple[CertificateUseRow, ...] = ()
) -> list[tuple[str, str | None, str | None, str | None, str]]:
    system = system_hive()
    system.key(f"{SERVICES}\\App").sz("ObjectName", "NT AUTHORITY\\NetworkService")
    found = context({"SYSTEM": system, "SOFTWARE": software_hive()}, certificates=certificates)
    found.events = events
    return [(u.consumer, u.thumbprint, u.service, u.account, u.certainty) for u in schannel_uses(found, uses)]


SERVER = certificate(ONE, eku=["serverAuth"])


def test_the_only_certificate_that_it_may_have_wanted_is_likely() -> None:
    client = certificate(TWO, eku=["clientAuth"])
    users_own = certificate(THREE, store_scope="user", owner_sid="S-1-5-21-1-2-3-1001")
    assert told(event(), event(), certificates=(SERVER, client, users_own)) == [
        ("service", ONE, "App", "S-1-5-20", "likely")
    ]


@pytest.mark.parametrize(
    ("certificates", "uses"),
    [
        ((SERVER,), (known(),)),
        ((SERVER, certificate(TWO)), ()),
        ((SERVER,), (known(), known(TWO, certainty="candidate"))),
    ],
    ids=["something else uses it", "two of them", "something else uses it, and may choose others"],
)
def test_else_each_is_a_candidate(
    certificates: tuple[CertificateRow, ...], uses: tuple[CertificateUseRow, ...]
) -> None:
    found = told(event(), certificates=certificates, uses=uses)
    assert [u[4] for u in found] == ["candidate"] * len(certificates)


def test_a_record_about_versions_of_tls_too_makes_none_likely() -> None:
    assert [u[4] for u in told(event(36871), certificates=(SERVER,))] == ["candidate"]


@pytest.mark.parametrize(
    "record",
    [
        event(kind="client"),
        event(36871, kind="client"),
        event(36871, kind=""),
        event(36874),
        event(service=None),
        event(provider="Else"),
    ],
    ids=["client", "client's 36871", "36871 that does not say", "another kind", "no service", "another provider"],
)
def test_other_records_say_nothing_of_a_key(record: EventRow) -> None:
    assert told(record, certificates=(SERVER,)) == []


def test_an_older_record_without_type_counts() -> None:
    assert len(told(event(kind=""), certificates=(SERVER,))) == 1


def test_a_service_whose_certificate_is_known_is_not_asked() -> None:
    assert told(event(), certificates=(SERVER,), uses=(known(service="app"),)) == []
    assert len(told(event(), certificates=(SERVER,), uses=(known(service="app", certainty="candidate"),))) == 1


def test_without_a_certificate_that_can_serve_there_is_no_use() -> None:
    assert told(event(), certificates=()) == []


def test_the_store_of_a_service_is_a_use_where_nothing_else_says_so() -> None:
    system = system_hive()
    system.key(f"{SERVICES}\\App").sz("ObjectName", "NT SERVICE\\App")
    own = certificate(ONE, store_scope="service", service="App", source_path="store of App")
    ntds = certificate(TWO, store_scope="service", service="NTDS", source_path="store of NTDS")
    found = collect_certificate_uses(context({"SYSTEM": system, "SOFTWARE": software_hive()}, certificates=(own, ntds)))
    assert [(u.consumer, u.detail, u.thumbprint, u.service, u.account_name, u.present) for u in found] == [
        ("LDAPS", "store MY of service NTDS", TWO, None, None, True),
        ("service", "App (its own store MY)", ONE, "App", "NT SERVICE\\App", True),
    ]
