"""Reads the configuration of a virtual machine (.vmcx): who it is, its virtual TPM, its key protector, its disks.

Where a key protector stands in the configuration is not documented: every value is asked whether it is one.

References:
    [MS-KPS] 2.2.2.3; openvmm, support/hvs_file/FORMAT.md; Msvm_TPMSettingData.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from forensics.collectors.hyperv.evidence import VmEvidence
from forensics.formats.errors import FormatError
from forensics.formats.hyperv.key_protector import (
    KeyProtector,
    find_key_protectors,
    is_empty_key_protector,
    parse_key_protector,
)
from forensics.formats.hyperv.storage import HyperVStorage, StorageValue
from forensics.tables.hyperv import VmRow

VIRTUAL_TPM = "736e6aa9-a3f8-49c0-9550-a963214d259a"
GUEST_STATE = "917bd8cb-3bb6-4124-9383-b7d21ac07f79"
FIRMWARE = "ac6b8dc1-3257-4a70-b1b2-a9c9215659ad"
IDE = "83f8638b-8dca-4152-9eda-2ca8b33039b4"
SCSI = "d422512d-2bf2-4752-809d-7b82b5fcb1b4"

_TEMPLATES = {
    "1734c6e8-3154-4dda-ba5f-a874cc483422": "MicrosoftWindows",
    "272e7447-90a4-4563-a4b9-8e4ab00526ce": "MicrosoftUEFICertificateAuthority",
}
_ISOLATION = {0: "TrustedLaunch", 1: "VBS", 2: "SNP", 3: "TDX", 16: "OpenHCL", -1: "Disabled"}
_PROPERTIES = "configuration/properties"
_MANIFEST = "configuration/manifest"
_SECURITY_NAME = re.compile(r"tpm|shield|encrypt|protect|ksd|bind", re.IGNORECASE)
_PROTECTOR_NAME = re.compile(r"key.?protector", re.IGNORECASE)
_PROTECT_NAME = re.compile(r"protect", re.IGNORECASE)
_EARLIER_NAME = re.compile(r"last.?known.?good", re.IGNORECASE)
_GUID = re.compile(r"\{?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\}?", re.IGNORECASE)
_BEHIND_HEADERS = 8192
_MIN_PROTECTOR = 2048
_MAX_SETTINGS, _MAX_DISKS, _MAX_TEXT, _MAX_PROTECTORS = 60, 300, 200, 16


def is_virtual_machine(storage: HyperVStorage) -> bool:
    """Tell whether a HyperVStorage file configures a virtual machine."""
    return any(path.startswith((_PROPERTIES + "/", _MANIFEST + "/")) for path in storage.values)


def is_torn(storage: HyperVStorage) -> bool:
    """Tell whether values may be lost: one of the two header copies may be damaged without harm, nothing else."""
    return any(error.offset >= _BEHIND_HEADERS for error in storage.errors)


def guid_of(text: str) -> str | None:
    """Return the GUID that a text is, with or without braces, in lower case."""
    match = _GUID.fullmatch(text.strip())
    return match[1].lower() if match else None


def read_configuration(storage: HyperVStorage, row: VmRow) -> tuple[VmEvidence, list[FormatError]]:
    """Fill a row from a configuration.

    Args:
        storage: The parsed file.
        row: Its row, with provenance.

    Returns:
        The row with its key protector, and what was wrong with the file or the protector.
    """
    reader = _Configuration(storage)
    reader.fill(row)
    evidence = VmEvidence(row, global_id=reader.global_id)
    problems = [*storage.errors, *_fill_protector(storage, evidence)]
    return evidence, problems


class _Configuration:
    """The values of one configuration, devices resolved through its manifest."""

    def __init__(self, storage: HyperVStorage) -> None:
        self.storage = storage
        self.is_torn = is_torn(storage)
        self.devices: dict[str, list[str]] = {}
        for name in storage.children(_MANIFEST):
            device = guid_of(self._text(f"{_MANIFEST}/{name}/device") or "")
            instance = self._text(f"{_MANIFEST}/{name}/instance")
            if device and instance:
                self.devices.setdefault(device, []).append(instance)

    @property
    def global_id(self) -> str | None:
        """GUID that the configuration names."""
        return guid_of(self._text(f"{_PROPERTIES}/global_id") or "")

    def fill(self, row: VmRow) -> None:
        row.name = self._text(f"{_PROPERTIES}/name")
        row.vm_id = row.vm_id or self.global_id
        version = self._number(f"{_PROPERTIES}/version")
        row.configuration_version = None if version is None else f"{version >> 8}.{version & 0xFF}"
        row.uncommitted = self.storage.replayed
        if self.storage.log_damaged:
            row.configuration_doubt = (
                "the log of its configuration could not be applied as a whole, so its virtual TPM and key protector "
                "may be of an earlier time, or be pieced together of two"
            )
        elif VIRTUAL_TPM in self.devices:
            row.vtpm = "present"
        elif self.devices and not self.is_torn:
            row.vtpm = "absent"
        if IDE in self.devices:
            row.generation = 1
        elif self.devices and not self.is_torn:
            row.generation = 2
        firmware = self._node(FIRMWARE)
        secure_boot = self.storage.get(f"{firmware}/secure_boot_enabled")
        if secure_boot is not None and isinstance(secure_boot.value, bool):
            row.secure_boot = secure_boot.value
        template = self._text(f"{firmware}/secure_boot_template_id")
        if template:
            row.secure_boot_template = _TEMPLATES.get(guid_of(template) or "", template)
        row.guest_state_file = self._text(f"{self._node(GUEST_STATE)}/StateFilePath")
        row.disks = list(dict.fromkeys(self._disks()))[:_MAX_DISKS]
        row.isolation = self._isolation()
        row.security_settings = self._security_settings()

    def _node(self, device: str) -> str:
        """Return the path of a device's settings; singletons use the device's own GUID as instance."""
        instance = next(iter(self.devices.get(device, ())), device)
        wanted = f"_{guid_of(instance) or instance}_".lower()
        names = self.storage.children("configuration")
        return "configuration/" + next((name for name in names if name.lower() == wanted), wanted)

    def _disks(self) -> Iterator[str]:
        nodes = {i.lower() for device in (IDE, SCSI) for i in (*self.devices.get(device, ()), device)}
        for name in self.storage.children("configuration"):
            if (guid_of(name.strip("_")) or "") not in nodes:
                continue
            for controller in self.storage.children(f"configuration/{name}"):
                for drive in self.storage.children(f"configuration/{name}/{controller}"):
                    at = f"configuration/{name}/{controller}/{drive}"
                    path = self._text(f"{at}/pathname")
                    if path and (self._text(f"{at}/type") or "").upper() == "VHD":
                        yield path

    def _isolation(self) -> str | None:
        for path, value in self.storage.values.items():
            if path.rsplit("/", 1)[-1].lower() == "gueststateisolationtype" and isinstance(value.value, int):
                return _ISOLATION.get(value.value, str(value.value))
        return None

    def _security_settings(self) -> list[str]:
        tpm = self._node(VIRTUAL_TPM) + "/"
        settings = [
            f"{path} = {_shown(value)}"
            for path, value in self.storage.values.items()
            if path.startswith(tpm) or _SECURITY_NAME.search(path.rsplit("/", 1)[-1])
        ]
        return settings[:_MAX_SETTINGS]

    def _text(self, path: str) -> str | None:
        value = self.storage.get(path)
        return (value.value or None) if value is not None and isinstance(value.value, str) else None

    def _number(self, path: str) -> int | None:
        value = self.storage.get(path)
        number = value.value if value is not None else None
        return number if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 1 << 32 else None


def _shown(value: StorageValue) -> str:
    if isinstance(value.value, bytes):
        return f"{len(value.value)} bytes"
    if value.value is None:
        return "not read"
    return str(value.value)[:_MAX_TEXT]


def _fill_protector(storage: HyperVStorage, evidence: VmEvidence) -> list[FormatError]:
    """Find the key protector by its content; that of the last good start counts only where nothing else is one."""
    row, problems = evidence.row, list[FormatError]()
    documents = list(_all_documents(storage))
    if len(documents) > _MAX_PROTECTORS:
        message = f"{len(documents)} key protectors in one configuration, of which {_MAX_PROTECTORS} are read"
        problems.append(FormatError("too_many", 0, message))
    found: dict[str, KeyProtector] = {}
    damaged: list[str] = []
    for path, document in documents[:_MAX_PROTECTORS]:
        try:
            found[path] = _parsed(document)
        except FormatError as error:
            damaged.append(path)
            problems.append(FormatError(error.kind, error.offset, f"key protector at {path}: {error.message}"))
    for value in storage.values.values():
        if value.value is None and value.error is None and value.size > 0:
            message = f"the value {value.path} of {value.size} bytes is larger than what is read"
            problems.append(FormatError("too_large", 0, message))
        if _may_be_protector(value):
            damaged.append(value.path)
    row.earlier_key_protector = any(_documents(value) for value in storage.superseded)
    empty = _empty_at(storage)
    current = {path: protector for path, protector in found.items() if not _EARLIER_NAME.search(path)}
    named = {path: protector for path, protector in current.items() if _PROTECTOR_NAME.search(path)}
    damaged = [path for path in damaged if not _EARLIER_NAME.search(path)] or ([] if current else damaged)
    if current or (found and not damaged and empty is None):
        evidence.protectors = _different(named or current or found)
        row.key_protector, row.key_protector_at = "present", "; ".join(evidence.protectors)
        row.key_protector_doubt = _doubt(evidence.protectors, damaged, len(documents))
        problems += [error for protector in evidence.protectors.values() for error in protector.errors]
    elif damaged:
        row.key_protector, row.key_protector_at = "damaged", damaged[0]
    elif empty is not None:
        row.key_protector, row.key_protector_at = "empty", empty
    elif is_torn(storage):
        row.key_protector_doubt = "parts of its configuration cannot be read, and the key protector may be among them"
    if found and not evidence.protectors:
        row.key_protector_doubt = f"that of the last good start still stands at {next(iter(found))}"
    return problems


def _all_documents(storage: HyperVStorage) -> Iterator[tuple[str, bytes]]:
    """Yield every key protector with where it stands, those that bear its name first."""
    values = sorted(storage.values.values(), key=lambda value: _PROTECTOR_NAME.search(value.path) is None)
    for value in values:
        for number, document in enumerate(_documents(value), 1):
            yield value.path if number == 1 else f"{value.path} ({number})", document


def _different(found: Mapping[str, KeyProtector]) -> dict[str, KeyProtector]:
    """Return of key protectors that name the same guardians only the first."""
    kept: dict[tuple[object, ...], tuple[str, KeyProtector]] = {}
    for path, protector in found.items():
        guardians = frozenset(
            tuple(c.thumbprint if c is not None else None for c in (w.signing, w.encryption))
            for w in protector.wrappings
        )
        kept.setdefault((guardians, protector.owner_id), (path, protector))
    return dict(kept.values())


def _doubt(protectors: Mapping[str, KeyProtector], damaged: Sequence[str], count: int) -> str | None:
    if damaged:
        return f"what stands at {damaged[0]} cannot be read, and may be the key protector of today"
    if count > _MAX_PROTECTORS:
        return f"only {_MAX_PROTECTORS} of the {count} key protectors in its configuration were read"
    if any(e.kind == "too_many" for protector in protectors.values() for e in protector.errors):
        return "its key protector names more guardians than are read, and none of those that were opens here"
    return None


def _may_be_protector(value: StorageValue) -> bool:
    """Tell whether a value that was not read may be the key protector: by its name, or by being large enough."""
    if value.value is not None or value.kind not in ("array", "string"):
        return False
    return value.size > _MIN_PROTECTOR or _PROTECT_NAME.search(value.path.rsplit("/", 1)[-1]) is not None


@lru_cache(maxsize=64)
def _parsed(document: bytes) -> KeyProtector:
    """Parse a key protector; copies of one machine share theirs."""
    return parse_key_protector(document)


def _documents(value: StorageValue) -> list[bytes]:
    if isinstance(value.value, bytes):
        return find_key_protectors(value.value)
    if isinstance(value.value, str) and "kps/2014/07" in value.value:
        return find_key_protectors(value.value.encode("utf-8", "replace"))
    return []


def _empty_at(storage: HyperVStorage) -> str | None:
    for value in storage.values.values():
        named = _PROTECTOR_NAME.search(value.path) and not _EARLIER_NAME.search(value.path)
        if named and isinstance(value.value, bytes) and is_empty_key_protector(value.value):
            return value.path
    return None
