"""Coverage says where not every use of a certificate could be looked for, and nothing where all could."""

from __future__ import annotations

import pytest

from forensics.collectors.uses import references
from forensics.collectors.uses.collect import collect_certificate_uses
from forensics.sources.installation import Installation
from forensics.tables.certificate import CertificateRow
from testdata.builder.regf import HiveWriter
from tests.collectors.uses.forged import ONE, SERVICES, TWO, certificate, context_of
from tests.collectors.virtual import CONFIG, installation, problems, software_hive, system_hive

IAS = "Windows/System32/ias/ias.xml"


def missed(examined: Installation, *stored: CertificateRow) -> list[tuple[str, str, str, str | None]]:
    collect_certificate_uses(context_of(examined, stored))
    return [(row.name, row.outcome, row.source_path, row.detail) for row in examined.coverage if row.area == "uses"]


def hives() -> dict[str, HiveWriter]:
    return {"SYSTEM": system_hive(), "SOFTWARE": software_hive()}


def test_where_all_was_seen_nothing_is_said() -> None:
    examined = installation({IAS: b"<Root/>"}, hives())
    assert missed(examined, certificate(ONE)) == []
    assert problems(examined) == []


def test_a_file_that_cannot_be_read_may_have_named_a_certificate() -> None:
    examined = installation({IAS: b"no XML"}, hives())
    message = "no well-formed XML: line 1, column 0"
    assert missed(examined) == [("NPS", "partial", IAS, message)]


@pytest.mark.parametrize(("service", "expected"), [("IAS", ["IAS"]), ("Other", [])])
def test_a_file_that_was_not_collected_matters_where_its_service_is_installed(
    service: str, expected: list[str]
) -> None:
    written = hives()
    written["SYSTEM"].key(f"{SERVICES}\\{service}").dword("Start", 2)
    examined = installation({"Windows/notepad.exe": b"MZ"}, written, complete=False)
    assert [name for name, *_ in missed(examined)] == expected


def test_certificates_beyond_the_bound_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(references, "MAX_CERTIFICATES", 1)
    examined = installation({}, hives())
    message = "only the first 1 certificates were looked for in settings"
    assert missed(examined, certificate(ONE), certificate(TWO)) == [
        ("other references", "partial", f"store {TWO}", message)
    ]
    assert problems(examined) == [(f"store {TWO}", "too_many")]


@pytest.mark.parametrize(
    ("bound", "message"),
    [
        ("MAX_KEYS", "only the first 2 keys of products were searched"),
        ("MAX_CHILDREN", "only the first 2 sub-keys were read"),
    ],
)
def test_settings_beyond_the_bound_are_told(monkeypatch: pytest.MonkeyPatch, bound: str, message: str) -> None:
    monkeypatch.setattr(references, bound, 2)
    written = hives()
    for name in ("A", "B", "C"):
        written["SOFTWARE"].key(f"Vendor\\{name}")
    examined = installation({}, written)
    assert [row[3] for row in missed(examined, certificate(ONE))] == [message]
    assert [kind for _, kind in problems(examined)][:1] == ["too_many"]


def test_as_many_as_the_bound_are_all_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(references, "MAX_CERTIFICATES", 1)
    assert missed(installation({}, hives()), certificate(ONE), certificate(TWO, has_key_link=False)) == []


def test_a_key_list_that_is_broken_may_have_held_a_consumer(monkeypatch: pytest.MonkeyPatch) -> None:
    examined = installation({}, hives())
    hive = examined.hive("SOFTWARE")
    monkeypatch.setattr(type(hive), "covers", lambda self, path: not path.startswith("Microsoft\\"))
    assert missed(examined) == [
        (
            "Microsoft",
            "partial",
            f"{CONFIG}/SOFTWARE\\Microsoft",
            "a list of sub-keys above it is damaged",
        )
    ]
