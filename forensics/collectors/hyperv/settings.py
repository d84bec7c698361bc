"""How a host's Hyper-V gets its guardians' keys, and whether virtualization-based security is configured.

References:
    HgsClient.psm1 (Get-HgsClientConfiguration); Microsoft, "Enable memory integrity" (DeviceGuard values).
"""

from __future__ import annotations

from collections.abc import Iterator

from forensics.collectors.profiles import SYSTEM_SID
from forensics.collectors.registry_view import RegistryView
from forensics.language import sentence
from forensics.registry.hive import Value
from forensics.sources.installation import Installation
from forensics.tables.use import PolicyArea, PolicyRow

HGS_CLIENT = "Microsoft\\HgsClient"
_DEVICE_GUARD = "Control\\DeviceGuard"
_DEVICE_GUARD_POLICY = "Policies\\Microsoft\\Windows\\DeviceGuard"
_DEVICE_GUARD_NAMES = ("EnableVirtualizationBasedSecurity", "RequirePlatformSecurityFeatures", "Locked")
_MAX_VALUES = 200
"""Evidence: values of the key HgsClient."""
_MAX_SIZE = 4096
"""Display: characters of one value."""


def collect_hyperv_settings(installation: Installation) -> Iterator[PolicyRow]:
    """Yield each value of the HgsClient key (area ``hgs_client``) and of DeviceGuard (area ``device_guard``)."""
    software = RegistryView.of_machine(installation, "SOFTWARE")
    key = software.key(HGS_CLIENT)
    if key is not None:
        for count, value in enumerate(key.values()):
            if count == _MAX_VALUES:
                software.cut(key, sentence("only the first {max_values} values were read", max_values=_MAX_VALUES))
                break
            yield _row(software, HGS_CLIENT, value, "hgs_client")
    system = RegistryView.of_machine(installation, "SYSTEM")
    control = f"{installation.control_set()}\\{_DEVICE_GUARD}"
    for view, path in ((system, control), (software, _DEVICE_GUARD_POLICY)):
        for name in _DEVICE_GUARD_NAMES:
            setting = view.value(path, name)
            if setting is not None:
                yield _row(view, path, setting, "device_guard")


def _row(view: RegistryView, path: str, value: Value, area: PolicyArea) -> PolicyRow:
    key = view.key(path)
    return PolicyRow(
        machine_id=view.installation.machine_id,
        area=area,
        name=value.name,
        value=_text(value),
        owner_sid=SYSTEM_SID,
        source_path=view.where(path, value.name),
        source_time=key.timestamp if key else None,
    )


def _text(value: Value) -> str:
    if value.number is not None:
        return str(value.number)
    if value.text is not None:
        return value.text[:_MAX_SIZE]
    if value.type == 7:
        return ", ".join(text for text in value.texts if text)[:_MAX_SIZE]
    return f"{len(value.data)} bytes"
