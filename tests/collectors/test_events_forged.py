"""Event logs that no published collection holds, and damaged ones."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from forensics.collectors import events as collector
from forensics.collectors.events import collect_events
from forensics.tables.event import EventRow
from testdata.builder.evtx import (
    Event,
    event_log,
    rdp_certificate_created,
    rdp_certificate_not_created,
    schannel_key_unusable,
    service_start_changed,
)
from tests.collectors.virtual import installation, problems

LOGS = "Windows/System32/winevt/Logs"
SYSTEM = f"{LOGS}/System.evtx"
TIME = datetime(2025, 3, 4, 5, 6, 7, 123456, tzinfo=UTC)
CHUNK = 65536


def rows_of(events: Sequence[Event], path: str = SYSTEM) -> list[EventRow]:
    return collect_events(installation({path: event_log(events)}))


def test_rdp_certificate_that_could_not_be_made() -> None:
    (row,) = rows_of([rdp_certificate_not_created("WEB01", TIME)])
    assert (row.channel, row.event_id, row.computer, row.level) == ("System", 1057, "WEB01", 2)
    assert row.provider == "Microsoft-Windows-TerminalServices-RemoteConnectionManager"
    assert (row.time, row.record_id, row.source_path) == (TIME, 1, SYSTEM)
    assert row.message == "There are no more endpoints available from the endpoint mapper."
    assert row.error_code == "0x800706d9"
    assert json.loads(row.data) == {"param1": "There are no more endpoints available from the endpoint mapper."}


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("Access is denied.\r\n", "0x80070005"),
        ("Object already exists.\r\n", "0x8009000f"),
        ("Keyset does not exist\r\n", "0x80090016"),
        ("キー セットがありません。\r\n", "0x80090016"),
        ("アクセスが拒否されました。\r\n", "0x80070005"),
        ("オブジェクトは既に存在します。\r\n", "0x8009000f"),
        ("エンドポイント マッパーから使用できるエンドポイントはこれ以上ありません。\r\n", "0x800706d9"),
        ("Der Schlüsselsatz ist nicht vorhanden.\r\n", None),
    ],
)
def test_status_in_words(status: str, code: str | None) -> None:
    (row,) = rows_of([rdp_certificate_not_created("WEB01", TIME, status)])
    assert row.error_code == code


def test_schannel_names_its_code() -> None:
    (row,) = rows_of([schannel_key_unusable("WEB01", TIME)])
    assert (row.provider, row.event_id, row.error_code) == ("Schannel", 36870, "0x8009030d")
    assert json.loads(row.data) == {"Type": "server", "ErrorCode": "0x8009030d", "ErrorStatus": "10001"}


def test_service_control_manager_is_heard_on_key_services_only() -> None:
    start_failed = {"param1": "IIS Admin Service", "param2": "%%2148073478"}
    stopped = {"param1": "CNG-Schlüsselisolation", "param2": "beendet"}
    rows = rows_of(
        [
            service_start_changed("WEB01", TIME, "BITS", "Background Intelligent Transfer Service"),
            service_start_changed("WEB01", TIME, "keyiso", "Isolation de clé CNG"),
            Event("Service Control Manager", 7036, TIME, "WEB01", data={"param1": "Windows Update", "param2": "x"},
                  binary="wuauserv/4\0".encode("utf-16-le")),
            Event("Service Control Manager", 7036, TIME, "WEB01", data=stopped,
                  binary="KeyIso/1\0".encode("utf-16-le")),
            Event("Service Control Manager", 7024, TIME, "WEB01", data=start_failed,
                  binary="IISADMIN\0".encode("utf-16-le")),
            Event("Service Control Manager", 7045, TIME, "WEB01", data={"param1": "KeyIso"}),
        ]
    )  # fmt: skip
    assert [(r.record_id, r.event_id, r.service) for r in rows] == [
        (2, 7040, "KeyIso"),
        (4, 7036, "KeyIso"),
        (5, 7024, "IISADMIN"),
    ]
    # The code that a changed MachineGuid gives IIS Admin: NTE_BAD_SIGNATURE.
    assert rows[2].error_code == "0x80090006"


def test_other_records_are_left_alone() -> None:
    rows = rows_of(
        [
            Event("Schannel", 36880, TIME, "c"),
            Event("Schannel", 36868, TIME, "c"),
            Event("Schannel", 36889, TIME, "c"),
            Event("LsaSrv", 6167, TIME, "c"),
            Event("LsaSrv", 6038, TIME, "c"),
            Event("Microsoft-Windows-TerminalServices-RemoteConnectionManager", 1049, TIME, "c"),
            Event("Microsoft-Windows-TerminalServices-RemoteConnectionManager", 1065, TIME, "c"),
            Event("Somebody", 1057, TIME, "c", data={"EventID": '"EventID":36870', "Name": "Schannel"}),
        ]
    )
    assert [(r.provider, r.event_id) for r in rows] == [
        ("Schannel", 36880),
        ("LsaSrv", 6167),
        ("Microsoft-Windows-TerminalServices-RemoteConnectionManager", 1065),
    ]


def test_certificate_without_its_private_key() -> None:
    name = "Microsoft-Windows-CertificateServicesClient-Lifecycle-System"
    notice = ("CertNotificationData", {"Thumbprint": "ab" * 20, "Template": "WebServer"})
    rows = rows_of(
        [
            Event(name, 1009, TIME, "WEB01", f"{name}/Operational", user_data=notice),
            Event(name, 1010, TIME, "WEB01", f"{name}/Operational", user_data=notice),
        ],
        f"{LOGS}/{name}%4Operational.evtx",
    )
    assert [(r.event_id, r.thumbprint, r.channel) for r in rows] == [(1009, "AB" * 20, f"{name}/Operational")]
    assert json.loads(rows[0].data) == {"Thumbprint": "ab" * 20, "Template": "WebServer"}


def test_capi2_tells_only_of_private_keys_it_could_not_get() -> None:
    name = "Microsoft-Windows-CAPI2"
    rows = rows_of(
        [
            Event(name, 70, TIME, "c", level=2, user_data=("CryptAcquireCertificatePrivateKey", {"Result": "x"})),
            Event(name, 70, TIME, "c", level=4, user_data=("CryptAcquireCertificatePrivateKey", {"Result": "x"})),
            Event(name, 11, TIME, "c", level=2, user_data=("CertGetCertificateChain", {"Result": "x"})),
        ],
        f"{LOGS}/Microsoft-Windows-CAPI2%4Operational.evtx",
    )
    assert [(r.event_id, r.level) for r in rows] == [(70, 2)]


def test_hyper_v_warnings_and_guardian_logs_of_any_name() -> None:
    worker = f"{LOGS}/Microsoft-Windows-Hyper-V-Worker-Admin.evtx"
    guardian = f"{LOGS}/Microsoft-Windows-HostGuardianService-Client%4Operational.evtx"
    unwrapped = "'VM01': the key protector could not be unwrapped (0x80070057)"
    examined = installation(
        {
            worker: event_log(
                [
                    Event("Microsoft-Windows-Hyper-V-Worker", 18500, TIME, "HOST", level=4),
                    Event("Microsoft-Windows-Hyper-V-Worker", 12030, TIME, "HOST", level=2, data=["VM01", unwrapped]),
                ]
            ),
            guardian: event_log([Event("Microsoft-Windows-HostGuardianService-Client", 1, TIME, "HOST", level=4)]),
        }
    )
    rows = collect_events(examined)
    assert [(r.provider, r.event_id, r.error_code) for r in rows] == [
        ("Microsoft-Windows-HostGuardianService-Client", 1, None),
        ("Microsoft-Windows-Hyper-V-Worker", 12030, "0x80070057"),
    ]
    present = [c.name for c in examined.coverage if c.area == "log" and c.outcome == "present"]
    assert present == [guardian.rsplit("/", 1)[1], worker.rsplit("/", 1)[1]]


def many(count: int) -> list[Event]:
    return [rdp_certificate_created("WEB01", number.to_bytes(20, "big"), TIME) for number in range(count)]


def test_corrupt_chunk_is_a_problem_and_the_others_are_read() -> None:
    raw = bytearray(event_log(many(150)))
    assert len(raw) == 4096 + 4 * CHUNK
    damaged = 4096 + CHUNK
    sound = {row.record_id for row in collect_events(installation({SYSTEM: bytes(raw)}))}
    assert sound == set(range(1, 151))
    first, last = (int.from_bytes(raw[damaged + at : damaged + at + 8], "little") for at in (8, 16))
    raw[damaged + 600 : damaged + 4000] = b"\xff" * 3400
    examined = installation({SYSTEM: bytes(raw)})
    kept = {row.record_id for row in collect_events(examined)}
    assert problems(examined) == [(SYSTEM, "bad_checksum")]
    assert examined.problems[0].offset == damaged + 52
    assert kept >= set(range(1, first)) | set(range(last + 1, 151))
    assert first not in kept
    (coverage,) = [c for c in examined.coverage if c.name == "System.evtx"]
    assert (coverage.outcome, coverage.detail) == ("present", "damaged parts: 1")


def test_chunk_without_its_magic() -> None:
    raw = bytearray(event_log(many(150)))
    raw[4096 : 4096 + 8] = b"XXXXXXXX"
    examined = installation({SYSTEM: bytes(raw)})
    rows = collect_events(examined)
    assert [(p.kind, p.offset) for p in examined.problems] == [("bad_magic", 4096)]
    assert rows
    assert rows[-1].record_id == 150


def test_truncated_log_gives_what_is_left() -> None:
    raw = event_log(many(150))
    examined = installation({SYSTEM: raw[: 4096 + 2 * CHUNK + 9000]})
    rows = collect_events(examined)
    assert [(p.kind, p.offset) for p in examined.problems] == [("truncated", 4096 + 2 * CHUNK + 9000)]
    (third,) = [int.from_bytes(raw[at + 8 : at + 16], "little") for at in [4096 + 2 * CHUNK]]
    assert {row.record_id for row in rows} >= set(range(1, third + 2))
    assert max(row.record_id or 0 for row in rows) < 150


def test_chunks_that_a_live_logs_header_does_not_count_yet() -> None:
    raw = bytearray(event_log(many(150)))
    raw[42:44] = b"\1\0"
    raw += bytes(2 * CHUNK)
    examined = installation({SYSTEM: bytes(raw)})
    assert len(collect_events(examined)) == 150
    # The header was changed without its checksum, which is told; nothing else is.
    assert [(p.kind, p.offset) for p in examined.problems] == [("bad_checksum", 124)]


@pytest.mark.parametrize(
    ("content", "kind"), [(b"", "truncated"), (b"\0" * 5000, "bad_magic"), (b"x" * 9, "truncated")]
)
def test_file_that_is_no_event_log(content: bytes, kind: str) -> None:
    examined = installation({SYSTEM: content})
    assert collect_events(examined) == []
    assert problems(examined) == [(SYSTEM, kind)]
    assert [(c.outcome) for c in examined.coverage if c.name == "System.evtx"] == ["unreadable"]


def test_newest_rows_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "MAX_ROWS", 40)
    examined = installation({SYSTEM: event_log(many(150))})
    rows = collect_events(examined)
    assert [row.record_id for row in rows] == list(range(111, 151))
    assert problems(examined) == [(SYSTEM, "too_many")]
    (coverage,) = [c for c in examined.coverage if c.name == "System.evtx"]
    assert coverage.detail is not None
    assert coverage.detail.startswith("40 of 150 records; the oldest of these were left out: ")


@pytest.mark.parametrize("place", ["first", "last", "between"])
def test_what_is_repeated_pushes_out_nothing_else(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """As 20,000 Schannel records would the three 1056 that tell when the certificate of Remote Desktop was made."""
    monkeypatch.setattr(collector, "MAX_ROWS", 40)
    created = [rdp_certificate_created("WEB01", n.to_bytes(20, "big"), TIME) for n in range(3)]
    often = [schannel_key_unusable("WEB01", TIME) for _ in range(150)]
    at = {"first": 0, "last": 150, "between": 70}[place]
    examined = installation({SYSTEM: event_log([*often[:at], *created, *often[at:]])})
    rows = collect_events(examined)
    assert len(rows) == 40
    assert [row.thumbprint for row in rows if row.event_id == 1056] == [f"{n:040X}" for n in range(3)]
    newest = [row.record_id for row in rows if row.event_id == 36870]
    of_schannel = [n for n in range(1, 154) if not at < n <= at + 3]
    assert newest == of_schannel[-37:]
    (coverage,) = [c for c in examined.coverage if c.name == "System.evtx"]
    assert (coverage.outcome, coverage.detail) == (
        "partial",
        "40 of 153 records; the oldest of these were left out: Schannel 36870",
    )


def test_many_kinds_share_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "MAX_ROWS", 20)
    kinds = [
        rdp_certificate_created("WEB01", bytes(20), TIME),
        schannel_key_unusable("WEB01", TIME),
        rdp_certificate_not_created("WEB01", TIME),
    ]
    rows = collect_events(installation({SYSTEM: event_log(kinds * 15 + kinds[1:2] * 30)}))
    counts = {event_id: sum(row.event_id == event_id for row in rows) for event_id in (1056, 1057, 36870)}
    assert counts == {1056: 6, 1057: 6, 36870: 6}


@pytest.mark.parametrize(
    ("files", "complete", "outcome"),
    [
        ({"Windows/notepad.exe": b""}, True, "absent"),
        ({"Windows/notepad.exe": b""}, False, "not_examined"),
        ({f"{LOGS}/Setup.evtx": b""}, True, "absent"),
        ({f"{LOGS}/Setup.evtx": b""}, False, "not_examined"),
    ],
)
def test_missing_logs_in_coverage(files: dict[str, bytes | None], complete: bool, outcome: str) -> None:
    examined = installation(files, complete=complete)
    assert collect_events(examined) == []
    told = {c.name: c.outcome for c in examined.coverage if c.area == "log"}
    assert len(told) == 12
    assert set(told.values()) == {outcome}
    assert {"System.evtx", "Security.evtx", "Microsoft-Windows-Crypto-NCrypt%4Operational.evtx"} <= set(told)
