"""Which certificate each Remote Desktop listener uses.

References:
    Microsoft KB3042780: SSLCertificateSHA1Hash; Azure, "Remote Desktop listener certificate configurations".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from forensics.collectors.evidence import CertificateEvidence
from forensics.collectors.registry_view import RegistryView
from forensics.formats.access_check import NETWORK_SERVICE, SYSTEM
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.registry.hive import Key
from forensics.sources.installation import Installation
from forensics.tables.certificate import CertificateRow
from forensics.tables.outcome import ABSENT, NOT_COLLECTED

REMOTE_DESKTOP = "Remote Desktop"
DEFAULT_LISTENER = "RDP-Tcp"
SERVICE = "TermService"
MAX_LISTENERS = 200
"""Evidence: Remote Desktop listeners whose certificates are read."""

_BOUND = "SSLCertificateSHA1Hash"
_SELF_SIGNED, _SELF_SIGNED_STORE = "SelfSignedCertificate", "SelfSignedCertStore"
_SHA1_BYTES = 20
_VISTA = 6000
_LONGEST_BUILD = 9
"""Format: digits of a build number; what is longer is none."""


@dataclass(frozen=True, slots=True)
class ListenerCertificate:
    """The certificate of one listener.

    Attributes:
        thumbprint: SHA-1, upper hex.
        listener: Its name, such as RDP-Tcp.
        store: Store in which it looks; None is the personal one.
        self_signed: Windows made it and renews it; else it was bound.
        on_record: The registry names it; else it is the one that Windows likely uses.
        is_on: The listener is not switched off by itself, which leaves others listening.
        source_path: Where it is named, else where the certificate lies.
        source_time: Timestamp of that place.
    """

    thumbprint: str
    listener: str
    store: str | None
    self_signed: bool
    on_record: bool
    is_on: bool
    source_path: str
    source_time: datetime | None


def account_of_listener(runs_as: str | None, build: str | None) -> str:
    """Return the SID of the account that opens the keys of listeners: SYSTEM in Windows XP and Server 2003.

    Args:
        runs_as: SID of the account of TermService, None where its key was not there to read.
        build: Build of Windows, None where it is not known.
    """
    if runs_as is not None:
        return runs_as
    before_vista = build is not None and build.isdecimal() and len(build) <= _LONGEST_BUILD and int(build) < _VISTA
    return SYSTEM if before_vista else NETWORK_SERVICE


def listener_certificates(
    installation: Installation, certificates: Iterable[CertificateRow]
) -> Iterator[ListenerCertificate]:
    """Yield the certificate bound to each listener, and for RDP-Tcp without one the self-signed one.

    That is the one on record, else likely the one of its store that ends last: an earlier one may still lie beside it.
    """
    system = RegistryView.of_machine(installation, "SYSTEM")
    path = f"{installation.control_set()}\\Control\\Terminal Server\\WinStations"
    stations = system.key(path)
    bound, off = set(), set()
    for key in system.subkeys(stations, MAX_LISTENERS) if stations else ():
        if system.number(key, "fEnableWinStation") == 0:
            off.add(key.name.lower())
        thumbprint = _thumbprint(system, key, _BOUND)
        if thumbprint is not None:
            bound.add(key.name.lower())
            is_on, where = key.name.lower() not in off, system.where(key, _BOUND)
            yield ListenerCertificate(thumbprint, key.name, None, False, True, is_on, where, key.timestamp)
    if DEFAULT_LISTENER.lower() in bound:
        return
    is_on = DEFAULT_LISTENER.lower() not in off
    store = (system.text(stations, _SELF_SIGNED_STORE) if stations else None) or REMOTE_DESKTOP
    thumbprint = _thumbprint(system, stations, _SELF_SIGNED) if stations else None
    if stations is not None and thumbprint is not None:
        where = system.where(stations, _SELF_SIGNED)
        yield ListenerCertificate(thumbprint, DEFAULT_LISTENER, store, True, True, is_on, where, stations.timestamp)
        return
    found = [c for c in certificates if c.store.lower() == store.lower() and c.store_scope == "machine"]
    if found and not _may_name_another(installation, system, path):
        last = max(found, key=_lasts)
        yield ListenerCertificate(
            last.thumbprint, DEFAULT_LISTENER, last.store, True, False, is_on, last.source_path, last.source_time
        )


def _may_name_another(installation: Installation, system: RegistryView, stations: str) -> bool:
    """Tell whether damage hides which certificate is the listener's; a torn hive shows what it was."""
    if system.hive is None:
        return installation.hive_outcome("SYSTEM") not in (ABSENT, NOT_COLLECTED)
    seen = (system.saw(path) for path in (stations, f"{stations}\\{DEFAULT_LISTENER}"))
    return not system.is_torn and not all(outcome.is_whole for outcome in seen)


def collect_rdp_thumbprints(installation: Installation, certificates: Iterable[CertificateEvidence]) -> frozenset[str]:
    """Return the thumbprints of :func:`listener_certificates` of listeners that are on, upper hex."""
    listeners = listener_certificates(installation, [c.row for c in certificates])
    return frozenset(found.thumbprint for found in listeners if found.is_on)


def _lasts(row: CertificateRow) -> tuple[float, float, str]:
    end, start = (moment.timestamp() if moment else 0.0 for moment in (row.not_after, row.not_before))
    return end, start, row.thumbprint


def _thumbprint(system: RegistryView, key: Key, name: str) -> str | None:
    data = system.data(key, name)
    if data is None:
        return None
    if len(data) != _SHA1_BYTES:
        system.installation.problem(
            system.where(key, name), "bad_length", sentence("{count} bytes; a SHA-1 has 20", count=len(data))
        )
        return None
    return data.hex().upper()
