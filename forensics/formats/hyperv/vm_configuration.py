"""The configuration of a virtual machine (.vmcx, .vmrs): who it is, its devices, its disks.

References:
    openvmm, support/hvs_file/FORMAT.md; Msvm_VirtualSystemSettingData, Msvm_TPMSettingData.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from forensics.formats.errors import FormatError
from forensics.formats.hyperv.storage import HyperVStorage, StorageValue
from forensics.language import sentence
from forensics.late_methods import dataclass

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
_VERSION = "VDEVVersion"
_SECURITY_NAME = re.compile(r"tpm|shield|encrypt|protect|ksd|bind", re.IGNORECASE)
_GUID = re.compile(r"\{?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\}?", re.IGNORECASE)
_BEHIND_HEADERS = 8192
_MAX_SETTINGS = 60
"""Evidence: security settings of one virtual machine."""
_MAX_DISKS = 300
"""Evidence: virtual disks of one virtual machine."""
_MAX_TEXT = 200
"""Display: characters of one setting."""


@dataclass(frozen=True, slots=True)
class VmConfiguration:
    """What a configuration says; None where it does not, or where the value may be lost.

    Attributes:
        name: Name of the virtual machine.
        global_id: Its GUID, lower case.
        version: Configuration version, such as 10.0.
        devices: Class GUIDs of its devices, as its manifest lists them; empty without one.
        secure_boot: Whether it is on.
        secure_boot_template: Name of the template, else its GUID.
        guest_state_file: Path of the .vmgs file.
        disks: Paths of its virtual disks.
        isolation: Kind of isolation of its guest state.
        security_settings: ``path = value`` of every setting whose name speaks of security.
        is_torn: Values may be lost.
        tpm_settings: Names of what is stored for its virtual TPM besides the version of the device.
        subtype: 0 for generation 1, 1 for generation 2.
        problems: One for each list that was cut.
    """

    name: str | None
    global_id: str | None
    version: str | None
    devices: frozenset[str]
    secure_boot: bool | None
    secure_boot_template: str | None
    guest_state_file: str | None
    disks: tuple[str, ...]
    isolation: str | None
    security_settings: tuple[str, ...]
    is_torn: bool
    tpm_settings: tuple[str, ...] = ()
    subtype: int | None = None
    problems: tuple[FormatError, ...] = ()

    def has(self, device: str) -> bool | None:
        """Tell whether it has a device; None where the list of devices may not be whole."""
        if device in self.devices:
            return True
        return False if self.devices and not self.is_torn else None

    @property
    def generation(self) -> int | None:
        """1 or 2: as it says, else by its controller, which the manifest of Windows Server 2012 does not list."""
        has_ide = self.has(IDE)
        if self.subtype in (0, 1):
            return self.subtype + 1
        return None if has_ide is None else 1 if has_ide else 2

    @property
    def tpm_was_on(self) -> bool | None:
        """Whether its virtual TPM was ever switched on; every manifest of generation 2 lists the device.

        None where values of the device may be lost.
        """
        listed = self.has(VIRTUAL_TPM)
        return listed if not listed or self.tpm_settings else None if self.is_torn else False


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


def listed_guid(name: str) -> str | None:
    """Return the GUID of a node's name, lower case: Hyper-V writes ``_GUID_`` in a host's list."""
    return guid_of(name.strip("_"))


def parse_vm_configuration(storage: HyperVStorage) -> VmConfiguration:
    """Read the configuration out of its container."""
    return _Reader(storage).read()


class _Reader:
    """Looks values up, devices resolved through the manifest."""

    def __init__(self, storage: HyperVStorage) -> None:
        self.storage = storage
        self.devices: dict[str, list[str]] = {}
        self.problems: list[FormatError] = []
        for name in storage.children(_MANIFEST):
            device = guid_of(self._text(f"{_MANIFEST}/{name}/device") or "")
            instance = self._text(f"{_MANIFEST}/{name}/instance")
            if device and instance:
                self.devices.setdefault(device, []).append(instance)

    def read(self) -> VmConfiguration:
        version = self._number(f"{_PROPERTIES}/version")
        firmware = self._node(FIRMWARE)
        secure_boot = self.storage.get(f"{firmware}/secure_boot_enabled")
        template = self._text(f"{firmware}/secure_boot_template_id")
        return VmConfiguration(
            name=self._text(f"{_PROPERTIES}/name"),
            global_id=guid_of(self._text(f"{_PROPERTIES}/global_id") or ""),
            version=None if version is None else f"{version >> 8}.{version & 0xFF}",
            devices=frozenset(self.devices),
            secure_boot=secure_boot.value if secure_boot is not None and isinstance(secure_boot.value, bool) else None,
            secure_boot_template=_TEMPLATES.get(guid_of(template) or "", template) if template else None,
            guest_state_file=self._text(f"{self._node(GUEST_STATE)}/StateFilePath"),
            disks=self._first(_MAX_DISKS, dict.fromkeys(self._disks()), "virtual disks"),
            isolation=self._isolation(),
            security_settings=self._security_settings(),
            is_torn=is_torn(self.storage),
            tpm_settings=self._tpm_settings(),
            subtype=self._number(f"{_PROPERTIES}/subtype"),
            problems=tuple(self.problems),
        )

    def _node(self, device: str) -> str:
        """Return the path of a device's settings; singletons use the device's own GUID as instance."""
        instance = next(iter(self.devices.get(device, ())), device)
        wanted = f"_{guid_of(instance) or instance}_".lower()
        names = self.storage.children("configuration")
        return "configuration/" + next((name for name in names if name.lower() == wanted), wanted)

    def _disks(self) -> Iterator[str]:
        nodes = {i.lower() for device in (IDE, SCSI) for i in (*self.devices.get(device, ()), device)}
        for name in self.storage.children("configuration"):
            if (listed_guid(name) or "") not in nodes:
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

    def _tpm_settings(self) -> tuple[str, ...]:
        tpm = self._node(VIRTUAL_TPM) + "/"
        return tuple(
            path[len(tpm) :] for path in self.storage.values if path.startswith(tpm) and path != tpm + _VERSION
        )

    def _security_settings(self) -> tuple[str, ...]:
        tpm = self._node(VIRTUAL_TPM) + "/"
        settings = (
            f"{path} = {_shown(value)}"
            for path, value in self.storage.values.items()
            if path.startswith(tpm) or _SECURITY_NAME.search(path.rsplit("/", 1)[-1])
        )
        return self._first(_MAX_SETTINGS, settings, "security settings")

    def _first(self, most: int, found: Iterable[str], what: str) -> tuple[str, ...]:
        kept = tuple(found)
        if len(kept) > most:
            self.problems.append(
                FormatError(
                    "too_many",
                    0,
                    sentence("only the first {most} of {count} {what} are kept", most=most, count=len(kept), what=what),
                )
            )
        return kept[:most]

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
