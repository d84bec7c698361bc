"""Writes event logs (EVTX): file header, chunks with their checksums, records as binary XML.

Every record carries a template of its own, as Windows does at a template's first use in a chunk; what varies stands in
the values behind it, so that readers see the types that Windows writes.

References:
    https://github.com/libyal/libevtx/blob/main/documentation/Windows%20XML%20Event%20Log%20(EVTX).asciidoc
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from testdata.builder.filetime import filetime_bytes

CHUNK = 0x10000
_CHUNK_HEADER = 512
_FRAGMENT = b"\x0f\x01\x01\x00"
_END = b"\x00"
_STRING, _U8, _U16, _U32, _U64, _BINARY, _FILETIME, _HEX64, _STRINGS = 1, 4, 6, 8, 0xA, 0xE, 0x11, 0x15, 0x81

TERMINAL_SERVICES = "Microsoft-Windows-TerminalServices-RemoteConnectionManager"
NO_ENDPOINTS = "There are no more endpoints available from the endpoint mapper.\r\n"


@dataclass(frozen=True, slots=True)
class Event:
    """One event.

    Attributes:
        provider: Provider name.
        event_id: Event ID.
        time: When it was written, UTC.
        computer: Name of the computer.
        channel: Channel.
        data: Values by name, or unnamed ones as older providers write them.
        user_data: Instead of ``data``: name of the element in UserData, with its elements.
        binary: The binary part of EventData.
        level: 2 error, 3 warning, 4 information.
        qualifiers: Qualifiers of the event ID, of older providers.
        source: EventSourceName, of older providers.
    """

    provider: str
    event_id: int
    time: datetime
    computer: str
    channel: str = "System"
    data: Mapping[str, str] | Sequence[str] = ()
    user_data: tuple[str, Mapping[str, str]] | None = None
    binary: bytes | None = None
    level: int = 2
    qualifiers: int | None = None
    source: str | None = None


def rdp_certificate_created(computer: str, thumbprint: bytes, time: datetime) -> Event:
    """1056: a new self-signed certificate for Remote Desktop; shaped as the published records are."""
    return Event(
        TERMINAL_SERVICES, 1056, time, computer, data=[computer], binary=thumbprint, level=4, qualifiers=49152,
        source="TermService",
    )  # fmt: skip


def rdp_certificate_not_created(computer: str, time: datetime, status: str = NO_ENDPOINTS) -> Event:
    """1057: that certificate could not be made; the status is told in words. No published log holds one."""
    return Event(TERMINAL_SERVICES, 1057, time, computer, data=[status], qualifiers=49152, source="TermService")


def schannel_key_unusable(computer: str, time: datetime, code: str = "0x8009030d", state: str = "10001") -> Event:
    """36870: Schannel cannot use the private key of a server certificate. No published log holds one."""
    fields = {"Type": "server", "ErrorCode": code, "ErrorStatus": state}
    return Event("Schannel", 36870, time, computer, data=fields)


def service_start_changed(
    computer: str, time: datetime, service: str, display: str, before: str = "demand start", after: str = "disabled"
) -> Event:
    """7040: the start type of a service was changed."""
    fields = {"param1": display, "param2": before, "param3": after, "param4": service}
    return Event("Service Control Manager", 7040, time, computer, data=fields, level=4, qualifiers=16384)


class _Template:
    """A template under construction: its bytes, which know their offset in the chunk, and the values beside it."""

    def __init__(self, offset: int) -> None:
        self.raw = bytearray(_FRAGMENT)
        self.values: list[tuple[int, bytes]] = []
        self._offset = offset

    def element(
        self,
        name: str,
        attributes: Mapping[str, str | tuple[int, bytes]] | None = None,
        content: Callable[[], None] | tuple[int, bytes] | None = None,
    ) -> None:
        """Write an element; values given as (type, bytes) are stored beside the template."""
        self.raw += struct.pack("<BHI", 0x41 if attributes else 0x01, 0xFFFF, 0)
        start = len(self.raw)
        self._name(name)
        if attributes:
            self.raw += bytes(4)
            first = len(self.raw)
            for number, (key, value) in enumerate(attributes.items(), 1):
                self.raw.append(0x46 if number < len(attributes) else 0x06)
                self._name(key)
                self._value(value)
            struct.pack_into("<I", self.raw, first - 4, len(self.raw) - first)
        if content is None:
            self.raw.append(0x03)
        else:
            self.raw.append(0x02)
            if callable(content):
                content()
            else:
                self._value(content)
            self.raw.append(0x04)
        struct.pack_into("<I", self.raw, start - 4, len(self.raw) - start)

    def _value(self, value: str | tuple[int, bytes]) -> None:
        if isinstance(value, str):
            self.raw += struct.pack("<BBH", 0x05, _STRING, len(value)) + value.encode("utf-16-le")
            return
        kind, data = value
        self.raw += struct.pack("<BHB", 0x0D, len(self.values), kind)
        self.values.append((kind, data))

    def _name(self, name: str) -> None:
        code = 0
        for unit in name:
            code = (code * 65599 + ord(unit)) & 0xFFFFFFFF
        here = self._offset + len(self.raw) + 4
        self.raw += struct.pack("<IIHH", here, 0, code & 0xFFFF, len(name)) + name.encode("utf-16-le") + b"\0\0"


def _text(value: str) -> tuple[int, bytes]:
    return _STRING, value.encode("utf-16-le")


def _system(template: _Template, event: Event, record_id: int) -> None:
    provider: dict[str, str | tuple[int, bytes]] = {"Name": event.provider}
    if event.source:
        provider["EventSourceName"] = event.source
    qualifiers: dict[str, str | tuple[int, bytes]] = (
        {} if event.qualifiers is None else {"Qualifiers": (_U16, struct.pack("<H", event.qualifiers))}
    )
    template.element("Provider", provider)
    template.element("EventID", qualifiers, (_U16, struct.pack("<H", event.event_id)))
    template.element("Version", None, (_U8, b"\0"))
    template.element("Level", None, (_U8, bytes([event.level])))
    template.element("Task", None, (_U16, bytes(2)))
    template.element("Opcode", None, (_U8, b"\0"))
    template.element("Keywords", None, (_HEX64, struct.pack("<Q", 0x80000000000000)))
    template.element("TimeCreated", {"SystemTime": (_FILETIME, filetime_bytes(event.time))})
    template.element("EventRecordID", None, (_U64, struct.pack("<Q", record_id)))
    template.element("Correlation")
    template.element("Execution", {"ProcessID": (_U32, bytes(4)), "ThreadID": (_U32, bytes(4))})
    template.element("Channel", None, _text(event.channel))
    template.element("Computer", None, _text(event.computer))
    template.element("Security")


def _own_part(template: _Template, event: Event) -> None:
    if event.user_data is not None:
        root, elements = event.user_data

        def inner() -> None:
            for name, value in elements.items():
                template.element(name, None, _text(value))

        template.element("UserData", None, lambda: template.element(root, {"xmlns": "Event_NS"}, inner))
    elif event.data or event.binary is not None:
        template.element("EventData", None, lambda: _event_data(template, event))
    else:
        template.element("EventData")


def _event_data(template: _Template, event: Event) -> None:
    if isinstance(event.data, Mapping):
        for name, value in event.data.items():
            template.element("Data", {"Name": name}, _text(value))
    elif event.data:
        template.element("Data", None, (_STRINGS, "".join(f"{text}\0" for text in event.data).encode("utf-16-le")))
    if event.binary is not None:
        template.element("Binary", None, (_BINARY, event.binary))


def _record(event: Event, record_id: int, offset: int) -> bytes:
    """Return one record for the place ``offset`` in its chunk."""
    # Record header 24, fragment header 4, template instance 10, template header 24: then the template's own bytes.
    template = _Template(offset + 24 + 4 + 10 + 24)

    def whole() -> None:
        template.element("System", None, lambda: _system(template, event, record_id))
        _own_part(template, event)

    namespace = "http://schemas.microsoft.com/win/2004/08/events/event"
    template.element("Event", {"xmlns": namespace}, whole)
    template.raw += _END
    template_id = struct.pack("<I", zlib.crc32(event.provider.encode()) ^ event.event_id ^ record_id)
    xml = _FRAGMENT + struct.pack("<BB4sI", 0x0C, 1, template_id, offset + 24 + 4 + 10)
    xml += struct.pack("<I4s12sI", 0, template_id, bytes(12), len(template.raw)) + bytes(template.raw)
    xml += struct.pack("<I", len(template.values))
    xml += b"".join(struct.pack("<HBB", len(data), kind, 0) for kind, data in template.values)
    xml += b"".join(data for _, data in template.values) + _END
    size = (24 + len(xml) + 4 + 7) & ~7
    head = struct.pack("<4sIQ8s", b"**\0\0", size, record_id, filetime_bytes(event.time))
    return (head + xml).ljust(size - 4, b"\0") + struct.pack("<I", size)


@dataclass
class _Chunk:
    first_id: int
    raw: bytearray = field(default_factory=lambda: bytearray(_CHUNK_HEADER))
    last_offset: int = _CHUNK_HEADER
    count: int = 0

    def finished(self) -> bytes:
        last_id = self.first_id + self.count - 1
        struct.pack_into(
            "<8sQQQQIIII", self.raw, 0, b"ElfChnk\0", self.first_id, last_id, self.first_id, last_id, 128,
            self.last_offset, len(self.raw), zlib.crc32(self.raw[_CHUNK_HEADER:]),
        )  # fmt: skip
        struct.pack_into("<I", self.raw, 124, zlib.crc32(self.raw[128:_CHUNK_HEADER], zlib.crc32(self.raw[:120])))
        return bytes(self.raw.ljust(CHUNK, b"\0"))


def event_log(events: Sequence[Event], first_record_id: int = 1) -> bytes:
    """Return an event log with the events in the order given, numbered from ``first_record_id``.

    Raises:
        ValueError: An event is too large for a chunk.
    """
    chunks: list[_Chunk] = [_Chunk(first_record_id)]
    for number, event in enumerate(events, first_record_id):
        record = _record(event, number, len(chunks[-1].raw))
        if len(chunks[-1].raw) + len(record) > CHUNK:
            chunks.append(_Chunk(number))
            record = _record(event, number, _CHUNK_HEADER)
            if len(record) > CHUNK - _CHUNK_HEADER:
                raise ValueError("the event is too large for a chunk")
        chunk = chunks[-1]
        chunk.last_offset = len(chunk.raw)
        chunk.raw += record
        chunk.count += 1
    head = struct.pack(
        "<8sQQQIHHHH", b"ElfFile\0", 0, len(chunks) - 1, first_record_id + len(events), 128, 1, 3, 4096, len(chunks)
    ).ljust(120, b"\0")
    header = (head + struct.pack("<II", 0, zlib.crc32(head))).ljust(4096, b"\0")
    return header + b"".join(chunk.finished() for chunk in chunks)
