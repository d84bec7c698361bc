"""The certificate of each Remote Desktop listener.

References:
    Microsoft KB3042780; Azure, "Remote Desktop listener certificate configurations".
"""

from __future__ import annotations

from collections.abc import Iterator

from forensics.collectors.uses.consumers import RDP
from forensics.collectors.uses.context import Place, UseContext
from forensics.tables.use import CertificateUseRow

MAX_LISTENERS = 200
DEFAULT_LISTENER = "RDP-Tcp"
DEFAULT_STORE = "Remote Desktop"

_BOUND = "SSLCertificateSHA1Hash"
_SELF_SIGNED = "SelfSignedCertificate"


def remote_desktop_uses(context: UseContext) -> Iterator[CertificateUseRow]:
    """Yield the certificate bound to each listener; RDP-Tcp without one uses the self-signed one.

    That is the one on record, else likely each of its store.
    """
    system = context.system
    stations = system.key(f"{context.control}\\Terminal Server\\WinStations")
    if stations is None:
        return
    bound = set()
    for key in system.subkeys(stations, MAX_LISTENERS):
        thumbprint = context.raw_thumbprint(system, key, _BOUND)
        if thumbprint is not None:
            bound.add(key.name.lower())
            yield context.use(RDP, Place(system.where(key, _BOUND), key.timestamp), thumbprint, detail=key.name)
    if DEFAULT_LISTENER.lower() in bound:
        return
    store = system.text(stations, "SelfSignedCertStore") or DEFAULT_STORE
    detail = f"{DEFAULT_LISTENER} (self-signed)"
    thumbprint = context.raw_thumbprint(system, stations, _SELF_SIGNED)
    if thumbprint is not None:
        place = Place(system.where(stations, _SELF_SIGNED), stations.timestamp)
        yield context.use(RDP, place, thumbprint, detail=detail, store=store)
        return
    for row in context.certificates:
        if row.store.lower() == store.lower() and row.store_scope == "machine":
            place = Place(row.source_path, row.source_time)
            yield context.use(RDP, place, row.thumbprint, detail=detail, store=row.store, certainty="likely")
