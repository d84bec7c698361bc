"""Which certificates the Remote Desktop listener uses.

References:
    Microsoft KB3042780: SSLCertificateSHA1Hash.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from forensics.collectors.evidence import CertificateEvidence
from forensics.collectors.registry_view import RegistryView
from forensics.sources.installation import Installation

REMOTE_DESKTOP = "Remote Desktop"

_SHA1_BYTES = 20


def collect_rdp_thumbprints(installation: Installation, certificates: Iterable[CertificateEvidence]) -> frozenset[str]:
    """Return the bound thumbprint, else the self-signed one on record, else those of the listener's store; upper hex.

    The store may still hold certificates that the listener no longer uses.
    """
    for thumbprint in _bound(installation):
        return frozenset({thumbprint})
    store = _self_signed_store(installation).lower()
    return frozenset(
        c.row.thumbprint for c in certificates if c.row.store.lower() == store and c.row.store_scope == "machine"
    )


def _win_stations(installation: Installation) -> str:
    return f"{installation.control_set()}\\Control\\Terminal Server\\WinStations"


def _self_signed_store(installation: Installation) -> str:
    system = RegistryView.of_machine(installation, "SYSTEM")
    return system.text(_win_stations(installation), "SelfSignedCertStore") or REMOTE_DESKTOP


def _bound(installation: Installation) -> Iterator[str]:
    system = RegistryView.of_machine(installation, "SYSTEM")
    stations = _win_stations(installation)
    for path, name in (
        (f"{stations}\\RDP-Tcp", "SSLCertificateSHA1Hash"),
        (stations, "SelfSignedCertificate"),
    ):
        data = system.data(path, name)
        if data is None:
            continue
        if len(data) != _SHA1_BYTES:
            installation.problem(system.where(path, name), "bad_length", f"{len(data)} bytes; a SHA-1 has 20")
            continue
        yield data.hex().upper()
