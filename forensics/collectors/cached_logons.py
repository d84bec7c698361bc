"""What SECURITY keeps of the last sign-ins of a domain's users: read when a password was given for one of them."""

from __future__ import annotations

from forensics.collectors.guard import guard
from forensics.collectors.registry_view import RegistryView
from forensics.formats.cached_logon import CachedLogon, CachedLogons, iterations_of, parse_cached_logon
from forensics.sources.installation import Installation

_CACHE = "Cache"
_KEY = "Policy\\Secrets\\NL$KM\\CurrVal"
_MAX_LOGONS = 50
"""Format: sign-ins that are kept; CachedLogonsCount allows no more."""


def collect_cached_logons(installation: Installation) -> CachedLogons:
    """Gather the sign-ins and the LSA secret that opens them."""
    security = RegistryView.of_machine(installation, "SECURITY")
    logons: list[CachedLogon] = []
    for number in range(1, _MAX_LOGONS + 1):
        name = f"NL${number}"
        data = security.data(_CACHE, name)
        if not data:
            continue
        with guard(installation, security.where(_CACHE, name)):
            logon = parse_cached_logon(data)
            if logon is not None:
                logons.append(logon)
    iterations = iterations_of(security.number(_CACHE, "NL$IterationCount"))
    return CachedLogons(security.data(_KEY, ""), iterations, tuple(logons))
