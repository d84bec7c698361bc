"""What events say, from the parser's JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from forensics.formats.event_fields import event_fields, system_part

SYSTEM: dict[str, Any] = {
    "Provider": {"#attributes": {"Name": "Schannel"}},
    "EventID": {"#attributes": {"Qualifiers": 0}, "#text": 36870},
    "Channel": "System",
    "Computer": "WEB01",
    "EventRecordID": 7,
    "Level": 2,
    "TimeCreated": {"#attributes": {"SystemTime": "2026-11-22T01:02:03.000004Z"}},
}


def test_system_part() -> None:
    system = system_part({"System": SYSTEM})
    assert system is not None
    assert (system.provider, system.event_id, system.channel, system.computer) == ("Schannel", 36870, "System", "WEB01")
    assert (system.record_id, system.level) == (7, 2)
    assert system.time == datetime(2026, 11, 22, 1, 2, 3, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-22T01:02:03", datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)),
        ("2026-11-22T01:02:03+02:00", datetime(2026, 11, 21, 23, 2, 3, tzinfo=UTC)),
        ("yesterday", None),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_times_are_utc_or_none(text: str, time: datetime | None) -> None:
    created = {"#attributes": {"SystemTime": text}}
    system = system_part({"System": SYSTEM | {"TimeCreated": created}})
    assert system is not None
    assert system.time == time


@pytest.mark.parametrize("missing", ["Provider", "EventID"])
def test_an_event_without_provider_or_id_is_none(missing: str) -> None:
    assert system_part({"System": {key: value for key, value in SYSTEM.items() if key != missing}}) is None
    assert system_part({"System": "text"}) is None


def test_fields_of_nested_user_data() -> None:
    """As CAPI2 writes: attributes, an element with text and attribute, the code in hex without its 0x."""
    fields = event_fields(
        {
            "UserData": {
                "CryptAcquireCertificatePrivateKey": {
                    "#attributes": {"xmlns": "x"},
                    "Certificate": {"#attributes": {"fileRef": f"{'CD' * 20}.cer", "subjectName": "web01"}},
                    "Result": {"#attributes": {"value": "80090016"}, "#text": "Keyset does not exist"},
                }
            }
        }
    )
    assert fields.thumbprint == "CD" * 20
    assert fields.error_code == "0x80090016"
    assert json.loads(fields.data) == {
        "Certificate.fileRef": f"{'CD' * 20}.cer",
        "Certificate.subjectName": "web01",
        "Result.value": "80090016",
        "Result": "Keyset does not exist",
    }


def test_fields_of_hostile_data_are_bounded() -> None:
    deep: object = "x"
    for _ in range(500):
        deep = {"a": deep}
    fields = event_fields({"EventData": {**{f"n{i}": "y" * 9000 for i in range(500)}, "deep": deep}})
    data = json.loads(fields.data)
    assert len(data) == 100
    assert {len(value) for value in data.values()} == {2048}
    assert fields.message is not None
    assert len(fields.message) == 400
