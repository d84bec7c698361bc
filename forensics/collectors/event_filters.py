"""Which event logs are read, and which of their records: channel, provider, ids."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import field
from functools import lru_cache

from forensics.collectors.services import KEY_SERVICES
from forensics.formats.event_selection import EVERY_ID, Selection
from forensics.late_methods import dataclass

ANY_PROVIDER = "*"
_MAX_BINARY = 512
"""Format: characters of the binary data at whose beginning a service's name stands."""
# A service whose own error code (7024) names a broken machine key, beside those that keys depend on.
_WATCHED_SERVICES = {name.lower(): name for name in (*KEY_SERVICES, "IISADMIN")}
_NAME = '"Name":"'  # the first is the provider's
_EVENT_ID = re.compile(r'"EventID":(?:\{"#attributes":\{[^}]{0,80}\},"#text":)?"?(\d{1,9})\b')
_LEVEL = re.compile(r'"Level":"?(\d{1,3})\b')
_BINARY = '"Binary":"'


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records of one provider are wanted.

    Attributes:
        ids: Event IDs; None for all.
        max_level: Only records at least this serious (1 critical to this number); None for all.
        services: Only records about one of the watched services.
    """

    ids: Container[int] | None = None
    max_level: int | None = None
    services: bool = False


@dataclass(frozen=True, slots=True)
class EventLog:
    """One event log.

    Attributes:
        file: Name in ``winevt\\Logs``; its coverage is told by this name.
        providers: What is wanted, by provider name; ``*`` for all others.
        needle: Text that every chunk with a wanted record holds; the provider names, if None.
        or_like: Start of the names of further files that are read in the same way, lower case.
    """

    file: str
    providers: Mapping[str, Wanted] = field(default_factory=lambda: {ANY_PROVIDER: Wanted()})
    needle: str | None = None
    or_like: str | None = None

    def needles(self) -> tuple[bytes, ...]:
        """Return byte strings of which a chunk must hold one to be worth parsing; none: parse them all."""
        if self.needle is None and ANY_PROVIDER in self.providers:
            return ()
        names = self.providers if self.needle is None else (self.needle,)
        # Without its last zero, with which half of all bytes would agree, a text is found in half the time.
        return tuple(name.encode("utf-16-le")[:-1] for name in names)

    def selection(self) -> Selection | None:
        """Return what drops records by their bytes before anything unfolds them; None where all may be wanted."""
        kinds = {name: EVERY_ID if wanted.ids is None else wanted.ids for name, wanted in self.providers.items()}
        others = kinds.pop(ANY_PROVIDER, ())
        services = [name.encode() for name in _WATCHED_SERVICES]
        words = {name: services for name, wanted in self.providers.items() if wanted.services}
        return None if others is EVERY_ID else Selection(kinds, others, words)

    def wants(self, record: str) -> bool:
        """Tell from a record's JSON text, without parsing it, whether it can be wanted."""
        wanted = self.providers.get(_quoted(record, _NAME) or "") or self.providers.get(ANY_PROVIDER)
        if wanted is None:
            return False
        if wanted.ids is not None:
            number = _EVENT_ID.search(record)
            if number is None or int(number[1]) not in wanted.ids:
                return False
        if wanted.max_level is not None:
            level = _LEVEL.search(record)
            if level is None or not 1 <= int(level[1]) <= wanted.max_level:
                return False
        return not wanted.services or watched_service(record) is not None


def watched_service(record: str) -> str | None:
    """Return the watched service that a record of the Service Control Manager names, as its registry key is spelt.

    7040 names it in param4. 7036 has only the translated display name in param1, but ``Name/state`` as UTF-16 in its
    binary part, as 7023 and 7024 have; some records have nothing but param1.
    """
    binary = _quoted(record, _BINARY)
    if binary:
        return _service_in_binary(binary[:_MAX_BINARY])
    named = _quoted(record, '"param4":"') or _quoted(record, '"param1":"')
    return _WATCHED_SERVICES.get(named.lower()) if named else None


def _quoted(record: str, before: str) -> str | None:
    start = record.find(before)
    if start < 0:
        return None
    start += len(before)
    return record[start : record.find('"', start)]


@lru_cache(maxsize=4096)
def _service_in_binary(binary: str) -> str | None:
    try:
        text = bytes.fromhex(binary).decode("utf-16-le", "replace")
    except ValueError:
        return None
    return _WATCHED_SERVICES.get(text.split("\0", 1)[0].split("/", 1)[0].lower())


_RDP = Wanted(range(1050, 1066))
_SMART_CARD = Wanted((624,))
_ALL = Wanted()
_SERIOUS = {ANY_PROVIDER: Wanted(max_level=3)}

EVENT_LOGS = (
    EventLog(
        "System.evtx",
        {
            # The most frequent first: most chunks hold one of these, and then the others are not looked for.
            "Service Control Manager": Wanted((7023, 7024, 7036, 7040), services=True),
            "Microsoft-Windows-Kernel-General": Wanted((1,)),
            "Microsoft-Windows-TerminalServices-RemoteConnectionManager": _RDP,
            "TermService": _RDP,
            "Schannel": Wanted(range(36869, 36889)),
            "Microsoft-Windows-TPM-WMI": _ALL,
            "LsaSrv": Wanted((6167,)),
            "LSA (LsaSrv)": Wanted((6167,)),
            "EventLog": Wanted((6011,)),
            # Microsoft calls the source "Smart Card Service"; the service's records bear either of the other names.
            "Microsoft-Windows-Smartcard-Server": _SMART_CARD,
            "Smart Card Service": _SMART_CARD,
            "SCardSvr": _SMART_CARD,
        },
    ),
    # 5058, 5059 and 5061 have a field KeyName; hardly any other audit event does, and an audit log may have gigabytes.
    EventLog("Security.evtx", {"Microsoft-Windows-Security-Auditing": Wanted((5058, 5059, 5061))}, needle="KeyName"),
    EventLog(
        "Application.evtx",
        {
            "Microsoft-Windows-CertificateServicesClient": _ALL,
            "Microsoft-Windows-CertificateServicesClient-CertEnroll": _ALL,
            "Microsoft-Windows-CertificateServicesClient-AutoEnrollment": _ALL,
            "Microsoft-Windows-CAPI2": Wanted((256, 257)),
        },
    ),
    EventLog(
        "Microsoft-Windows-CertificateServicesClient-Lifecycle-System%4Operational.evtx",
        {ANY_PROVIDER: Wanted(range(1001, 1010))},
    ),
    EventLog(
        "Microsoft-Windows-CertificateServicesClient-Lifecycle-User%4Operational.evtx",
        {ANY_PROVIDER: Wanted(range(1001, 1010))},
    ),
    # 12289 says at every logon which credential key was used: of no bearing on any private key, and most of the log.
    EventLog(
        "Microsoft-Windows-Crypto-DPAPI%4Operational.evtx",
        {"Microsoft-Windows-Crypto-DPAPI": Wanted(range(12289))},
    ),
    EventLog("Microsoft-Windows-Crypto-DPAPI%4BackUpKeySvc.evtx"),
    EventLog("Microsoft-Windows-Crypto-NCrypt%4Operational.evtx"),
    # 70: acquire the private key of a certificate. Chains and revocation fill the rest of this log.
    EventLog("Microsoft-Windows-CAPI2%4Operational.evtx", {"Microsoft-Windows-CAPI2": Wanted((70,), max_level=3)}),
    EventLog("Microsoft-Windows-HostGuardianService-Client%4Admin.evtx", or_like="microsoft-windows-hostguardian"),
    # The ids of a refused key protector are not documented: warnings and errors with their codes are what there is.
    EventLog("Microsoft-Windows-Hyper-V-VMMS-Admin.evtx", _SERIOUS),
    EventLog("Microsoft-Windows-Hyper-V-Worker-Admin.evtx", _SERIOUS),
)
