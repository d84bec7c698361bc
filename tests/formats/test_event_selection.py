"""Records that are taken out of a chunk before it is unfolded: those that other readers call of another kind."""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile
from collections.abc import Callable, Container, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import evtx
import pytest

from forensics.collectors.event_filters import ANY_PROVIDER, EVENT_LOGS, EventLog, Wanted
from forensics.collectors.services import KEY_SERVICES
from forensics.formats.event_selection import EVERY_ID, Selection
from forensics.formats.evtx import log_of
from testdata.builder.evtx import Event, event_log, rdp_certificate_created, schannel_key_unusable
from tests.collectors import hostile_evtx as hostile
from tests.oracles import other_reader

TIME = datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC)
TERMINAL_SERVICES = "Microsoft-Windows-TerminalServices-RemoteConnectionManager"
HEADER, CHUNK, RECORDS = 4096, 0x10000, 512
ALL = Wanted()
LIMITED = [log for log in EVENT_LOGS if log.selection() is not None]


def chunks_of(log: bytes) -> list[bytes]:
    chunks = (log[at : at + CHUNK] for at in range(HEADER, len(log), CHUNK))
    return [chunk for chunk in chunks if chunk.startswith(b"ElfChnk\0")]


def records(chunk: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each record lies that has any content, and its number."""
    at, (free,) = RECORDS, struct.unpack_from("<I", chunk, 48)
    while at < free:
        size, number = struct.unpack_from("<IQ", chunk, at + 4)
        if chunk[at + 24]:
            yield at, number
        at += size
    assert at == free


def numbers(chunk: bytes | None) -> list[int]:
    assert chunk is not None
    return [number for _, number in records(chunk)]


def text(value: str) -> bytes:
    return value.encode("utf-16-le")


def unfolded(chunk: bytes) -> list[str]:
    parsed: Any = evtx.PyEvtxParser(io.BytesIO(log_of([chunk])), 1).records_json()
    return [record["data"] for record in parsed]


def real_logs(realdata: Path) -> Iterator[tuple[str, bytes]]:
    for name in ("belkasoft-win10", "aptsim-server2022"):
        with zipfile.ZipFile(realdata / "event-logs" / f"{name}.zip") as archive:
            for member in archive.namelist():
                if member.endswith(".evtx"):
                    yield f"{name}/{member.rsplit('/', 1)[-1]}", archive.read(member)


def ids_of(log: EventLog, provider: str) -> Container[int]:
    wanted = log.providers.get(provider) or log.providers.get(ANY_PROVIDER)
    if wanted is None:
        return ()
    return range(1 << 16) if wanted.ids is None else wanted.ids


def is_of_watched_service(strings: list[str]) -> bool:
    """Tell whether one of a record's strings is a watched service; one may be hexadecimal digits of such a text."""
    named = {word.lower() for text in strings for word in text.rstrip("\0").split("/")}
    for digits in strings:
        with suppress(ValueError):
            named.add(bytes.fromhex(digits).decode("utf-16-le", "replace").split("\0")[0].split("/")[0].lower())
    return bool(named & {*map(str.lower, KEY_SERVICES), "iisadmin"})


@pytest.fixture(scope="module")
def read_by_libevtx(realdata: Path) -> dict[str, tuple[list[bytes], list[tuple[int, str, int, list[str]]]]]:
    """The chunks of each log, and number, provider, ID and strings of each record."""
    pyevtx = other_reader("pyevtx", "libevtx-python")
    read = {}
    for name, raw in real_logs(realdata):
        log = pyevtx.file()
        log.open_file_object(io.BytesIO(raw))
        # One record at a time: libevtx crashes when older ones are asked.
        found = map(log.get_record, range(log.number_of_records))
        told = [
            (
                record.identifier,
                record.source_name,
                record.event_identifier & 0xFFFF,
                [record.get_string(index) or "" for index in range(record.number_of_strings)],
            )
            for record in found
        ]
        log.close()
        read[name] = chunks_of(raw), told
    return read


@pytest.mark.parametrize("log", LIMITED, ids=lambda log: log.file)
def test_what_stays_of_real_logs_is_what_libevtx_calls_wanted(
    read_by_libevtx: dict[str, tuple[list[bytes], list[tuple[int, str, int, list[str]]]]], log: EventLog
) -> None:
    """Every log read as if it were this one: none is lost, and nothing that Windows wrote is not understood."""
    selection = log.selection()
    assert selection is not None
    for name, (chunks, told) in read_by_libevtx.items():
        wanted = [
            number
            for number, provider, event_id, strings in told
            if event_id in ids_of(log, provider)
            and (not log.providers.get(provider, ALL).services or is_of_watched_service(strings))
        ]
        selected = [chunk for chunk in map(selection.of, chunks) if chunk is not None]
        assert [number for chunk in selected for _, number in records(chunk)] == wanted, name


def test_share_of_real_records_that_is_unfolded(realdata: Path) -> None:
    """Which service a record is about decides for more than half of a server's System log."""
    shares = {}
    for log in LIMITED:
        for name, raw in real_logs(realdata):
            selection = log.selection()
            if name.endswith(log.file) and selection is not None:
                kept = [chunk for chunk in map(selection.of, chunks_of(raw)) if chunk is not None]
                every = sum(1 for chunk in chunks_of(raw) for _ in records(chunk))
                shares[name] = sum(1 for chunk in kept for _ in records(chunk)), every
    assert shares == {
        "belkasoft-win10/System.evtx": (44, 1766),
        "aptsim-server2022/System.evtx": (38, 681),
        "belkasoft-win10/Security.evtx": (235, 5881),
        "aptsim-server2022/Security.evtx": (44, 583),
        "belkasoft-win10/Application.evtx": (1, 816),
        "aptsim-server2022/Application.evtx": (0, 115),
        "belkasoft-win10/Microsoft-Windows-Crypto-DPAPI%4Operational.evtx": (40, 330),
        "aptsim-server2022/Microsoft-Windows-Crypto-DPAPI%4Operational.evtx": (5, 11),
    }


EVENTS = [
    schannel_key_unusable("WEB01", TIME),
    rdp_certificate_created("WEB01", bytes(20), TIME),
    Event("Schannel", 36871, TIME, "WEB01"),
    Event("Schannel2", 36870, TIME, "WEB01"),
    schannel_key_unusable("WEB02", TIME),
]


@pytest.mark.parametrize(
    ("kinds", "others", "kept"),
    [
        ({"Schannel": (36870,)}, (), [1, 5]),
        ({"Schannel": EVERY_ID}, (), [1, 3, 5]),
        ({"schannel": EVERY_ID}, (), []),
        ({"Schannel": (36870,), TERMINAL_SERVICES: range(1050, 1060)}, (), [1, 2, 5]),
        ({"Schannel": ()}, (36870,), [4]),
        ({}, (1056,), [2]),
        ({}, EVERY_ID, [1, 2, 3, 4, 5]),
    ],
)
def test_records_of_other_kinds_are_taken_out(
    kinds: dict[str, Container[int]], others: Container[int], kept: list[int]
) -> None:
    (chunk,) = chunks_of(event_log(EVENTS))
    selected = Selection(kinds, others).of(chunk)
    if not kept:
        assert selected is None
        return
    assert selected is not None
    assert [number for _, number in records(selected)] == kept
    told = [json.loads(text)["Event"] for text in unfolded(selected)]
    assert [event["System"]["EventRecordID"] for event in told if event] == kept
    whole = [json.loads(text)["Event"] for text in unfolded(chunk)]
    assert [event for event in told if event] == [whole[number - 1] for number in kept]


SERVICE_CONTROL = "Service Control Manager"


@pytest.mark.parametrize(
    ("data", "binary", "is_kept"),
    [
        ({"param1": "Isolation de clé CNG", "param4": "KEYISO"}, b"", True),
        ({"param1": "KeyIso"}, b"", True),
        ({"param1": "CNG"}, text("KeyIso/1\0"), True),
        ({"param1": "CNG"}, b"keyiso", True),
        ({"param1": "CNG", "param4": "KeyIs"}, text("BITS/1\0"), False),
        ({}, b"", False),
    ],
)
def test_records_that_name_nothing_of_what_they_have_to_are_taken_out(
    data: dict[str, str], binary: bytes, is_kept: bool
) -> None:
    event = Event(SERVICE_CONTROL, 7036, TIME, "WEB01", data=data, binary=binary)
    (chunk,) = chunks_of(event_log([event, EVENTS[0], event]))
    selected = Selection({SERVICE_CONTROL: (7036,)}, words={SERVICE_CONTROL: [b"keyiso"]}).of(chunk)
    assert (numbers(selected) if selected is not None else []) == ([1, 3] if is_kept else [])


def of_schannel(chunk: bytes) -> bytes | None:
    return Selection({"Schannel": (36870,)}).of(chunk)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\x0f\x01\x01\0\x0c\x01", b"\x0f\x01\x01\0\x0b\x01"),
        (b"\x0f\x01\x01\0\x0c", b"\x0f\x01\x02\0\x0c"),
        (text("System\0"), text("system\0")),
        (text("Provider\0"), text("Previder\0")),
        (text("EventID\0"), text("EventIE\0")),
        (text("Schannel") + b"\x03", text("Schannel") + b"\x05"),
        (text("Schannel"), text("Schan\0el")),
        (text("Schannel"), text("Schann") + b"\0\xd8" + text("l")),
        (b"\x02\x00\x06\x00" + b"", b"\x02\x00\x05\x00"),
    ],
    ids=["token", "fragment", "system", "provider", "id", "more-text", "zero", "half-a-character", "type"],
)
def test_what_is_not_understood_stays(old: bytes, new: bytes) -> None:
    (chunk,) = chunks_of(event_log(EVENTS[2:3]))
    assert of_schannel(chunk) is None
    at = chunk.index(old, RECORDS)
    assert numbers(of_schannel(chunk[:at] + new + chunk[at + len(old) :])) == [1]


def test_a_template_that_is_known_is_not_understood_where_its_names_do_not_lie() -> None:
    (alone,) = chunks_of(event_log(EVENTS[2:3]))
    (behind,) = chunks_of(event_log([EVENTS[3], EVENTS[2]]))
    assert (of_schannel(alone), of_schannel(behind)) == (None, None)
    (begin, _), (at, _) = *records(alone), list(records(behind))[1]
    (size,), (place,) = struct.unpack_from("<I", alone, begin + 4), struct.unpack_from("<I", alone, begin + 34)
    moved = bytearray(alone[begin : begin + size])
    struct.pack_into("<I", moved, 34, at + place - begin)
    # Its names are still said to lie where those of the record before it do.
    assert numbers(of_schannel(behind[:at] + bytes(moved) + behind[at + size :])) == [1]
    assert [number for _, number in records(alone)] == [1]


@pytest.mark.parametrize("size", [0, 1, 37, 38, 60_000, 0xFFFFFFFF])
def test_record_that_lies_about_its_size_stays_with_all_behind_it(size: int) -> None:
    (chunk,) = chunks_of(event_log([EVENTS[2], EVENTS[2], EVENTS[3]]))
    (_, second, third), raw = [at for at, _ in records(chunk)], bytearray(chunk)
    struct.pack_into("<I", raw, second + 4, size)
    selected = of_schannel(bytes(raw))
    assert selected is not None
    assert selected[second:] == bytes(raw[second:])
    assert selected[RECORDS + 24] == 0
    assert third > second


@pytest.mark.parametrize(
    "make",
    [
        lambda: hostile.bomb(3, 2),
        hostile.endless_names,
        hostile.endless_templates,
        hostile.template_in_itself,
        lambda: hostile.deep_elements(1000),
        lambda: hostile.deep_values(100),
    ],
)
def test_hostile_records_stay(make: Callable[[], bytes]) -> None:
    chunk = make()
    assert of_schannel(chunk) == chunk


def test_whatever_is_changed_nothing_wanted_is_lost() -> None:
    """What the parser says of a damaged chunk and is wanted, it says of what stays of it, too."""
    source = random.Random(19)
    (chunk,) = chunks_of(event_log(EVENTS * 3))
    log = next(log for log in EVENT_LOGS if log.file == "System.evtx")
    selection = log.selection()
    assert selection is not None
    free = struct.unpack_from("<I", chunk, 48)[0]
    for _ in range(300):
        raw = bytearray(chunk)
        for _ in range(source.choice((1, 3, 20))):
            raw[source.randrange(RECORDS, free)] = source.randrange(256)
        selected = selection.of(bytes(raw))
        assert wanted(log, selected) == wanted(log, bytes(raw))


def wanted(log: EventLog, chunk: bytes | None) -> list[str]:
    """Return of which kinds the wanted records of a chunk are; values of a damaged one may be bytes of the next."""
    found: list[str] = []
    if chunk is None:
        return found
    parsed: Any = evtx.PyEvtxParser(io.BytesIO(log_of([chunk])), 1).records_json()
    while True:
        try:
            for record in parsed:
                if log.wants(record["data"]):
                    head, _, behind = record["data"].partition('"EventID":')
                    found.append(head + behind[:10])
            return found
        except RuntimeError:
            continue
