"""Table policy: settings of auto-enrolment, of Remote Desktop and of smart cards.

References:
    MS-GPREG / MS-CAESO (AEPolicy); KB2531138 (template name of the Remote Desktop certificate);
    KB5073121 (DisableCapiOverrideForRSA).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from forensics.collectors.profiles import SYSTEM_SID, Profile
from forensics.collectors.registry_view import RegistryView
from forensics.collectors.user_hives import user_hives
from forensics.language import sentence
from forensics.registry.hive import Key, Value
from forensics.sources.installation import Installation
from forensics.tables.use import PolicyArea, PolicyRow

MAX_LISTENERS = 200
"""Evidence: Remote Desktop listeners whose settings are read."""
MAX_VALUE_SIZE = 4096
"""Evidence: bytes of one setting."""

_AUTO_ENROLLMENT = "Policies\\Microsoft\\Cryptography\\AutoEnrollment"
_RDP_POLICY = "Policies\\Microsoft\\Windows NT\\Terminal Services"
# The second is not where Windows reads it: a script that went round writes it there.
_SMART_CARD_KEYS = ("Microsoft\\Cryptography\\Calais", "Microsoft\\Cryptography\\Wintrust\\Config")
_TERMINAL_SERVER = "Control\\Terminal Server"

_ENROLLMENT_NAMES = ("AEPolicy", "OfflineExpirationPercent", "OfflineExpirationStoreNames")
_RDP_POLICY_NAMES = (
    "CertTemplateName",
    "fDenyTSConnections",
    "SecurityLayer",
    "UserAuthentication",
    "MinEncryptionLevel",
    "fEncryptRPCTraffic",
)
_STATION_NAMES = ("SelfSignedCertificate", "SelfSignedCertStore")
_LISTENER_NAMES = (
    "SSLCertificateSHA1Hash",
    "fEnableWinStation",
    "SecurityLayer",
    "UserAuthentication",
    "MinEncryptionLevel",
    "PortNumber",
)


def collect_policies(installation: Installation, profiles: Sequence[Profile]) -> Iterator[PolicyRow]:
    """Yield each setting that is there; one that is not set has no row."""
    software = RegistryView.of_machine(installation, "SOFTWARE")
    yield from _settings(software, _AUTO_ENROLLMENT, _ENROLLMENT_NAMES, "autoenrollment", SYSTEM_SID)
    for profile, view in user_hives(installation, profiles):
        yield from _settings(view, f"Software\\{_AUTO_ENROLLMENT}", _ENROLLMENT_NAMES, "autoenrollment", profile.sid)
    yield from _settings(software, _RDP_POLICY, _RDP_POLICY_NAMES, "rdp_policy", SYSTEM_SID)
    for key in _SMART_CARD_KEYS:
        yield from _settings(software, key, ("DisableCapiOverrideForRSA",), "smart_card", SYSTEM_SID)
    system = RegistryView.of_machine(installation, "SYSTEM")
    terminal_server = f"{installation.control_set()}\\{_TERMINAL_SERVER}"
    yield from _settings(system, terminal_server, ("fDenyTSConnections",), "rdp", SYSTEM_SID)
    stations = f"{terminal_server}\\WinStations"
    yield from _settings(system, stations, _STATION_NAMES, "rdp", SYSTEM_SID)
    for listener in system.subkeys(stations, MAX_LISTENERS):
        if system.number(listener, "PortNumber") is not None:
            yield from _settings(system, listener, _LISTENER_NAMES, "rdp_listener", SYSTEM_SID, listener.name)


def _settings(
    view: RegistryView,
    parent: Key | str,
    names: Sequence[str],
    area: PolicyArea,
    owner_sid: str | None,
    listener: str | None = None,
) -> Iterator[PolicyRow]:
    key = view.key(parent) if isinstance(parent, str) else parent
    if key is None:
        return
    for name in names:
        value = view.value(key, name)
        if value is None:
            continue
        if len(value.data) > MAX_VALUE_SIZE:
            message = sentence(
                "{count} bytes; at most {max_value_size} are expected of a setting",
                count=len(value.data),
                max_value_size=MAX_VALUE_SIZE,
            )
            view.cut(key, message, "too_large", name)
            continue
        yield PolicyRow(
            machine_id=view.installation.machine_id,
            area=area,
            name=name,
            value=_text(value),
            owner_sid=owner_sid,
            listener=listener,
            source_path=view.where(key, name),
            source_time=key.timestamp,
        )


def _text(value: Value) -> str:
    if value.number is not None:
        return str(value.number)
    if value.text is not None:
        return value.text
    return ",".join(value.texts) if value.type == 7 else value.data.hex().upper()
