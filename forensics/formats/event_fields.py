"""What an event says, whatever its provider calls it: from the parser's JSON to the columns of table event."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from forensics.formats.key_file_name import split_key_file_name
from forensics.late_methods import dataclass

MAX_FIELDS = 100
"""Evidence: fields of one event."""
MAX_TEXT = 2048
"""Display: characters of one field."""
MAX_DEPTH = 8
"""Display: elements within elements; what lies deeper is told as "…"."""
MAX_MESSAGE = 400
"""Display: characters of the one line that stands for an event."""

_PARAMETER = re.compile(r"param[0-9]+")
_THUMBPRINT = re.compile(r"[0-9A-F]{40}", re.IGNORECASE)
_CODE_IN_TEXT = re.compile(r"\b0x([0-9A-Fa-f]{8})\b")
_MESSAGE_NUMBER = re.compile(r"%%(\d{10})")
_CODE_FIELDS = ("returncode", "errorcode", "status", "error", "hresult", "statuscode", "result", "result.value")
_THUMBPRINT_FIELDS = (
    "thumbprint",
    "certificatethumbprint",
    "certthumbprint",
    "certhash",
    "hash",
    "fileref",
    "sha1hash",
)
_KERNEL = {"4": "System"}
_BESIDE_THE_POINT = ("Subject", "Client", "ProcessId", "ProcessID", "ThreadId")  # in the data, not in the one line
# The record holds only the text of these codes, in the language of that Windows; the others have to stay unknown.
_CODE_OF_TEXT = {
    "there are no more endpoints available from the endpoint mapper": "0x800706d9",
    "access is denied": "0x80070005",
    "object already exists": "0x8009000f",
    "keyset does not exist": "0x80090016",
    "エンドポイント マッパーから使用できるエンドポイントはこれ以上ありません": "0x800706d9",
    "アクセスが拒否されました": "0x80070005",
    "オブジェクトは既に存在します": "0x8009000f",
    "キー セットがありません": "0x80090016",
}


@dataclass(frozen=True, slots=True)
class EventFields:
    """The handy columns of one event; see table ``event``. All values of ``data`` are text.

    ``is_cut``: the event has more fields than are kept.
    """

    data: str
    message: str | None
    thumbprint: str | None = None
    key_name: str | None = None
    key_file_name: str | None = None
    machine_guid: str | None = None
    process: str | None = None
    error_code: str | None = None
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class EventSystem:
    """The System part of one event."""

    provider: str
    event_id: int
    channel: str
    time: datetime | None
    computer: str | None
    record_id: int | None
    level: int | None


def system_part(event: Mapping[str, Any]) -> EventSystem | None:
    """Return the System part; None when provider or event id is not there."""
    system = event.get("System")
    if not isinstance(system, dict):
        return None
    provider = _attribute(system.get("Provider"), "Name")
    event_id = _number(system.get("EventID"))
    if not provider or event_id is None:
        return None
    return EventSystem(
        provider=provider,
        event_id=event_id,
        channel=_text(system.get("Channel")) or "",
        time=_time(_attribute(system.get("TimeCreated"), "SystemTime")),
        computer=_text(system.get("Computer")),
        record_id=_number(system.get("EventRecordID")),
        level=_number(system.get("Level")),
    )


def event_fields(event: Mapping[str, Any]) -> EventFields:
    """Return what the event's own part says.

    Args:
        event: The parser's JSON object below ``Event``: EventData with named values, or with ``Data`` as unnamed ones,
            or UserData with elements in elements.
    """
    data = _flat(event)
    is_cut = len(data) > MAX_FIELDS
    if is_cut:
        data.popitem()
    # By the last part of each name, the first of them: Thumbprint in CertificateDetails.Thumbprint.
    names = {name.lower().rsplit(".", 1)[-1]: value for name, value in reversed(data.items())}
    result = next((value for name, value in data.items() if name.lower().endswith("result.value")), None)
    if result is not None:
        names["result.value"] = result
    file_path = _first(names, ("keyfilename", "keyfilepath")) or ""
    file_name = file_path.replace("/", "\\").rsplit("\\", 1)[-1].lower()
    split = split_key_file_name(file_name)
    return EventFields(
        data=json.dumps(data, ensure_ascii=False),
        message=_message(data),
        thumbprint=_thumbprint(names),
        key_name=_first(names, ("keyname", "containername", "keycontainer", "keycontainername")),
        key_file_name=file_name or None,
        machine_guid=split[1] if split else None,
        process=names.get("callerprocessimagename") or _KERNEL.get(names.get("callerprocessid", "")),
        error_code=_error_code(names),
        is_cut=is_cut,
    )


def _flat(event: Mapping[str, Any]) -> dict[str, str]:
    """Return the event's data by name; elements within elements as ``outer.inner``, unnamed data as param1 ..."""
    fields: dict[str, str] = {}
    _add_leaves(fields, event.get("EventData"), "", 0)
    user_data = event.get("UserData")
    if isinstance(user_data, dict):
        for root, content in user_data.items():
            _add_leaves(fields, content, "" if isinstance(content, dict) else root, 1)
    return fields


def _add_leaves(fields: dict[str, str], value: Any, name: str, depth: int) -> None:
    if value is None:
        return
    if depth > MAX_DEPTH:
        _add(fields, name, "…")
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key == "#text" or (key == "Data" and not name):
                _add_leaves(fields, inner, name or "param", depth + 1)
            elif key == "#attributes":
                inner = {k: v for k, v in inner.items() if k != "xmlns"} if isinstance(inner, dict) else None
                # EventData may have a name of its own, which is a constant of its template.
                if name or set(inner or ()) != {"Name"}:
                    _add_leaves(fields, inner, name, depth + 1)
            else:
                _add_leaves(fields, inner, f"{name}.{key}" if name and name != "param" else key, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _add_leaves(fields, item, name, depth + 1)
    else:
        _add(fields, name, _plain(value))


def _add(fields: dict[str, str], name: str, value: str) -> None:
    if len(fields) > MAX_FIELDS:
        return
    if name == "param":
        name = f"param{sum(1 for known in fields if _PARAMETER.fullmatch(known)) + 1}"
    key, number = name, 2
    while key in fields:
        key, number = f"{name}_{number}", number + 1
    fields[key] = value


def _plain(value: Any) -> str:
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    return text[:MAX_TEXT].rstrip("\r\n\0 ")


def _message(data: Mapping[str, str]) -> str | None:
    parts = [
        value if _PARAMETER.fullmatch(name) else f"{name}: {value}"
        for name, value in data.items()
        if value and name != "Binary" and not name.startswith(_BESIDE_THE_POINT)
    ]
    return " ".join(", ".join(parts).split())[:MAX_MESSAGE] or None


def _first(names: Mapping[str, str], wanted: tuple[str, ...]) -> str | None:
    return next((names[name] for name in wanted if names.get(name)), None)


def _thumbprint(names: Mapping[str, str]) -> str | None:
    for value in (names[name] for name in _THUMBPRINT_FIELDS if name in names):
        # CAPI2 names the certificate's copy beside the log: <thumbprint>.cer
        bare = value.replace(" ", "").removesuffix(".cer")
        if _THUMBPRINT.fullmatch(bare):
            return bare.upper()
    # TermService puts the hash of the certificate, and nothing else, into the binary part.
    binary = names.get("binary", "")
    return binary.upper() if _THUMBPRINT.fullmatch(binary) else None


def _error_code(names: Mapping[str, str]) -> str | None:
    for field in _CODE_FIELDS:
        code = _code(names[field], bare_hex=field == "result.value") if field in names else None
        if code:
            return code
    for value in names.values():
        found = _CODE_IN_TEXT.search(value) if "0x" in value else None
        if found and int(found[1], 16) >= 1 << 31:
            return f"0x{found[1].lower()}"
    for value in names.values():
        number = _MESSAGE_NUMBER.fullmatch(value) if value.startswith("%%") else None
        if number and int(number[1]) < 1 << 32:
            return f"0x{int(number[1]):x}"
    return next((code for v in names.values() if (code := _CODE_OF_TEXT.get(v.rstrip(".。").lower()))), None)


def _code(value: str, bare_hex: bool) -> str | None:
    try:
        number = int(value[:12], 16 if bare_hex or value[:2].lower() == "0x" else 10)
    except ValueError:
        return None
    return f"0x{number & 0xFFFFFFFF:x}"


def _attribute(value: Any, name: str) -> str | None:
    attributes = value.get("#attributes") if isinstance(value, dict) else None
    return _text(attributes.get(name)) if isinstance(attributes, dict) else None


def _text(value: Any) -> str | None:
    if isinstance(value, dict):
        value = value.get("#text")
    return value[:MAX_TEXT] if isinstance(value, str) and value else None


def _number(value: Any) -> int | None:
    if isinstance(value, dict):
        value = value.get("#text")
    try:
        number = int(value) if isinstance(value, (int, str)) else None
    except ValueError:
        return None
    return number if number is not None and 0 <= number < 1 << 63 else None


def _time(text: str | None) -> datetime | None:
    try:
        time = datetime.fromisoformat(text) if text else None
        return time and (time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC))
    except (ValueError, OverflowError):
        return None
