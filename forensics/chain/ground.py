"""How far what the registry says of keys can be believed: a torn hive may be yesterday's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from forensics.collectors.evidence import CertificateEvidence
from forensics.sources.coverage import Place
from forensics.sources.installation import Installation
from forensics.tables.outcome import PRESENT, Outcome

_CRYPTOGRAPHY = "Microsoft\\Cryptography"
_DPAPI_SYSTEM = "Policy\\Secrets\\DPAPI_SYSTEM"


@dataclass(frozen=True, slots=True)
class Ground:
    """What one chain rests on beside the key file itself.

    Attributes:
        claim: Where the certificate and its link to the key were read.
        identity: Where MachineGuid was read.
        secret: Where DPAPI_SYSTEM was read.
        services: Where it stands whether CNG Key Isolation is disabled.
        providers: Where the provider would be registered.
    """

    claim: Outcome = PRESENT
    identity: Outcome = PRESENT
    secret: Outcome = PRESENT
    services: Outcome = PRESENT
    providers: Outcome = PRESENT


def ground_of(installation: Installation) -> Ground:
    """Return what every chain of an installation rests on."""
    saw = installation.coverage.saw
    return Ground(
        identity=_named("SOFTWARE", saw(Place.of_key("SOFTWARE", _CRYPTOGRAPHY))),
        secret=_named("SECURITY", saw(Place.of_key("SECURITY", _DPAPI_SYSTEM))),
        services=_named("SYSTEM", saw(Place.of_key("SYSTEM", f"{installation.control_set()}\\Services\\KeyIso"))),
    )


def ground_of_certificate(ground: Ground, installation: Installation, certificate: CertificateEvidence) -> Ground:
    """Add where a certificate and the provider that it names would stand."""
    path = certificate.row.source_path
    hive = path.partition("\\")[0].rpartition("/")[2]
    saw = installation.coverage.saw
    link = certificate.link
    listed_in = "SYSTEM" if link is not None and link.provider_type == 0 else "SOFTWARE"
    return replace(
        ground,
        claim=_named(hive, saw(Place.at(path))),
        providers=_named(listed_in, saw(Place.of_hive(listed_in))),
    )


def _named(hive: str, outcome: Outcome) -> Outcome:
    """Put the name of the hive before the reason."""
    return outcome if outcome.why is None else Outcome(outcome.state, f"{hive}: {outcome.why}")


def reasons(doubted: Iterable[Outcome]) -> str | None:
    """Return the reasons why places were not seen whole as one text, each once; None where all were."""
    told = dict.fromkeys(outcome.why or "it was not read" for outcome in doubted)
    return "; ".join(told) or None
