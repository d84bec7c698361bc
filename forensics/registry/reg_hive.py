"""Registry exports (``.reg``) as hives that know what they do not cover."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import field
from datetime import datetime
from typing import BinaryIO

from forensics.formats.errors import FormatError
from forensics.lack_of_memory import pass_on
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.registry.hive import Value
from forensics.registry.hive_logs import Report
from forensics.registry.lost_places import LostPlaces
from forensics.registry.names import fold_name
from forensics.registry.reg_text import ExportedKey, ExportedValue, parse_reg_export

MAX_KEYS = 1_000_000
"""Evidence: keys of all exports together."""
MAX_DATA = 256 << 20
"""Evidence: bytes of all exports together."""
MAX_DEPTH = 512
"""Format: keys within keys of one export."""
MAX_LINE = 8 << 20
"""Format: characters of one line of an export."""
MAX_REPORTED = 100
"""Display: faults of all exports that are told one by one."""

_ROOTS = {
    "HKEY_LOCAL_MACHINE": ("HKEY_LOCAL_MACHINE", "HKLM"),
    "HKEY_USERS": ("HKEY_USERS", "HKU"),
    "HKEY_CURRENT_USER": ("HKEY_CURRENT_USER", "HKCU"),
    "HKEY_CLASSES_ROOT": ("HKEY_CLASSES_ROOT", "HKCR"),
    "HKEY_CURRENT_CONFIG": ("HKEY_CURRENT_CONFIG", "HKCC"),
}
_CANONICAL = {alias: root for root, aliases in _ROOTS.items() for alias in aliases}
_SHUT_TO_ADMINISTRATORS = ("SAM", "SECURITY")
_CONTROL_SET = re.compile(r"CONTROLSET(\d{3})(?=\\|$)")


@dataclass
class RegExportKey:
    """A key of an export; implements ``Key``. An export tells neither times nor class names."""

    name: str
    path: str
    exported: bool = False
    timestamp: datetime | None = None
    class_name: str | None = None
    _values: dict[str, Value] = field(default_factory=dict, repr=False)
    _children: dict[str, RegExportKey] = field(default_factory=dict, repr=False)

    def subkeys(self) -> Iterator[RegExportKey]:
        """Yield the sub-keys in the order of the file."""
        yield from self._children.values()

    def subkeys_beginning(self, start: str) -> Iterator[RegExportKey]:
        """Yield the sub-keys whose names begin so."""
        wanted = fold_name(start)
        return (child for name, child in self._children.items() if name.startswith(wanted))

    def subkey(self, path: str) -> RegExportKey | None:
        """Return the key at a ``\\``-separated path below this one."""
        key: RegExportKey | None = self
        for part in path.strip("\\").split("\\") if path.strip("\\") else []:
            key = key._children.get(fold_name(part)) if key else None
        return key

    def values(self) -> Iterator[Value]:
        """Yield the values in the order of the file."""
        yield from self._values.values()

    def value(self, name: str) -> Value | None:
        """Return a value; the empty name is the default value."""
        return self._values.get(fold_name(name))

    def set(self, value: Value) -> None:
        """Add a value; a later one of the same name takes its place, as when the file is imported."""
        self._values[fold_name(value.name)] = value

    def child(self, name: str) -> tuple[RegExportKey, bool]:
        """Return the sub-key of that name and whether it had to be made."""
        folded = fold_name(name)
        known = self._children.get(folded)
        if known:
            return known, False
        made = self._children[folded] = RegExportKey(name, f"{self.path}\\{name}" if self.path else name)
        return made, True


class RegExportHive:
    """What exports hold of one hive; implements ``Hive``.

    Attributes:
        source_path: The first export that held a part of it.
        state: ``exported``: regedit wrote what the running system answered, of the keys that it was asked for.
        name: Such as ``SOFTWARE``, the SID of a user, or ``HKEY_CURRENT_USER``.
    """

    def __init__(self, name: str, source_path: str) -> None:
        self.name = name
        self.source_path = source_path
        self.state = "exported"
        self.root = RegExportKey("", "")
        self._lost = LostPlaces()

    def key(self, path: str) -> RegExportKey | None:
        """Return the key at a ``\\``-separated path from the root of the hive, where an export named it."""
        found = self.root.subkey(path)
        if found is None and (link := self._through_link(path)):
            found = self.root.subkey(link)
        return found

    def covers(self, path: str) -> bool:
        """Tell whether a key missing at ``path`` is really absent: whether it lies in an exported branch."""
        link = self._through_link(path)
        return self._covers(path) or (link is not None and self._covers(link))

    def covers_values(self, path: str) -> bool:
        """Tell whether a missing value is really absent: an export holds all values of a key, or none."""
        return self._lost.covers_values(path)

    def lose_value(self, path: str) -> None:
        """Remember that a value of the key at ``path`` is missing that every whole hive has."""
        self._lost.lose_values(path)

    def lost_places(self) -> Iterator[tuple[str, str]]:
        """Yield the keys not all of which was read, each with the reason."""
        return iter(self._lost)

    def _covers(self, path: str) -> bool:
        key: RegExportKey | None = self.root
        for part in ["", *path.strip("\\").split("\\")]:
            key = key.subkey(part) if key else None
            if key is None:
                return False
            if key.exported:
                # regedit leaves out without a word what its user may not read.
                return self.name not in _SHUT_TO_ADMINISTRATORS or any(key.subkeys())
        return False

    def _through_link(self, path: str) -> str | None:
        """Return a control set's path as an export of ``CurrentControlSet``, a link to it, has it."""
        match = _CONTROL_SET.match(path.strip("\\").upper()) if self.name == "SYSTEM" else None
        if not match:
            return None
        select = self.root.subkey("Select")
        current = select.value("Current") if select else None
        number = current.number if current else None
        # Without Select nothing tells the sets apart, and the one in use is the one that is asked for.
        return "CurrentControlSet" + path.strip("\\")[13:] if number in (None, int(match[1])) else None


def hives_from_reg(
    streams: Iterable[tuple[str, BinaryIO]], report: Report = lambda kind, message, offset: None
) -> dict[str, RegExportHive]:
    """Read exports into hives.

    Args:
        streams: Path and content of each export.
        report: Takes lines that mean nothing (kind, message with the path, line number).

    Returns:
        Hives by name in upper case: ``SOFTWARE``, ``SYSTEM`` and so on from HKEY_LOCAL_MACHINE, the SID from
        HKEY_USERS (``DEFAULT`` from ``.DEFAULT``), and the other root keys under their own names.
    """
    reader = _Reader(report)
    for path, stream in streams:
        reader.read(path, stream)
    return reader.hives


class _Reader:
    def __init__(self, report: Report) -> None:
        self.hives: dict[str, RegExportHive] = {}
        self._report = report
        self._reported = 0
        self._keys = 0
        self._data = 0

    def read(self, path: str, stream: BinaryIO) -> None:
        key: RegExportKey | None = None
        try:
            for item in parse_reg_export(_lines(stream)):
                if isinstance(item, FormatError):
                    self._fail(path, item)
                elif isinstance(item, ExportedKey):
                    key = self._key(path, item)
                elif key is not None:
                    self._set(key, item)
        except FormatError as error:
            self._fail(path, error)
        except Exception as error:  # whatever the libraries behind a tree raise
            pass_on(error)
            self._report("unreadable", sentence("{path}: {error}", path=path, error=error), None)

    def _fail(self, path: str, error: FormatError) -> None:
        self._reported += 1
        if self._reported <= MAX_REPORTED:
            self._report(error.kind, sentence("{path}: {message}", path=path, message=error.message), error.offset)
        elif self._reported == MAX_REPORTED + 1:
            self._report(
                "too_many_problems",
                sentence("{path}: more than {max_reported} lines are wrong", path=path, max_reported=MAX_REPORTED),
                None,
            )

    def _key(self, path: str, item: ExportedKey) -> RegExportKey | None:
        parts = item.path.split("\\")
        if len(parts) > MAX_DEPTH or not all(parts):
            self._fail(
                path,
                FormatError("bad_line", item.line, sentence("no key can have the path in line {line}", line=item.line)),
            )
            return None
        name, parts = _hive_name(parts)
        if name is None:
            return None
        if name not in self.hives:
            self.hives[name] = RegExportHive(name, path)
        key = self.hives[name].root
        for part in parts:
            key, made = key.child(part)
            self._keys += made
            if self._keys > MAX_KEYS:
                raise FormatError(
                    "too_large",
                    item.line,
                    sentence("exports of more than {max_keys} keys are not read to their end", max_keys=MAX_KEYS),
                )
        key.exported = True
        return key

    def _set(self, key: RegExportKey, item: ExportedValue) -> None:
        self._data += len(item.data) + 64
        if self._data > MAX_DATA:
            raise FormatError(
                "too_large",
                item.line,
                sentence("exports of more than {max_data} bytes are not read to their end", max_data=MAX_DATA),
            )
        key.set(Value(item.name, item.type, item.data))


def _hive_name(parts: list[str]) -> tuple[str | None, list[str]]:
    root = _CANONICAL.get(parts[0].upper())
    if root in ("HKEY_LOCAL_MACHINE", "HKEY_USERS"):
        if len(parts) < 2:
            return None, []
        return parts[1].upper().lstrip("."), parts[2:]
    return root, parts[1:]


def _lines(stream: BinaryIO) -> Iterator[str]:
    """Yield the lines of an export, decoded as its first bytes ask for."""
    head = stream.read(4)
    stream.seek(0)
    if head.startswith(codecs.BOM_UTF16_LE) or head[1:4:2] == b"\0\0":
        encoding = "utf-16-le"
    elif head.startswith(codecs.BOM_UTF8):
        encoding = "utf-8"
    else:
        encoding = "cp1252"
    text = io.TextIOWrapper(stream, encoding, "replace", newline="")
    try:
        while line := text.readline(MAX_LINE):
            yield line.lstrip("\ufeff")
    finally:
        text.detach()
