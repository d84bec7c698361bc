"""How far what the registry says of keys can be believed: a torn hive may be yesterday's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from forensics.chain.providers import provider_kind
from forensics.collectors.evidence import CertificateEvidence
from forensics.collectors.providers import CAPI_PROVIDERS, CNG_PROVIDERS
from forensics.sources.coverage import Place, together
from forensics.sources.installation import Installation
from forensics.tables.outcome import NOT_COLLECTED, PRESENT, Outcome

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
        no_secret: Why a hive that DPAPI_SYSTEM is opened from, and which is there, was not read; None where both were.
        mixed: That the hives are of two machines, where that is known: no fault is then known to be one.
    """

    claim: Outcome = PRESENT
    identity: Outcome = PRESENT
    secret: Outcome = PRESENT
    services: Outcome = PRESENT
    providers: Outcome = PRESENT
    no_secret: str | None = None
    mixed: Outcome | None = None


def ground_of(installation: Installation, key_iso_start: int | None) -> Ground:
    """Return what every chain of an installation rests on.

    Args:
        installation: Whose chains they are.
        key_iso_start: Start value of CNG Key Isolation, None where none was read.
    """
    saw = installation.coverage.saw
    services = saw(Place.of_key("SYSTEM", f"{installation.control_set()}\\Services\\KeyIso"))
    if services.state == "partial" and key_iso_start is None:
        services = Outcome("unreadable", services.why)
    generations = [saw(Place.of_key("SECURITY", f"{_DPAPI_SYSTEM}\\{name}")) for name in ("CurrVal", "OldVal")]
    return Ground(
        identity=_named("SOFTWARE", saw(Place.of_key("SOFTWARE", _CRYPTOGRAPHY))),
        secret=_named("SECURITY", together(generations)),
        services=_named("SYSTEM", services),
        no_secret=reasons(_unread_hives(installation)),
        mixed=Outcome("partial", installation.mixed) if installation.mixed else None,
    )


def _unread_hives(installation: Installation) -> Iterator[Outcome]:
    for name in ("SYSTEM", "SECURITY"):
        outcome = installation.hive_outcome(name)
        if outcome.state in ("not_examined", "unreadable") and outcome != NOT_COLLECTED:
            yield _named(name, outcome)


def ground_of_certificate(ground: Ground, installation: Installation, certificate: CertificateEvidence) -> Ground:
    """Add where a certificate and the provider that it names would stand."""
    path = certificate.row.source_path
    hive = path.partition("\\")[0].rpartition("/")[2]
    saw = installation.coverage.saw
    link = certificate.link
    control = f"{installation.control_set()}\\{CNG_PROVIDERS}"
    is_cng = link is not None and link.provider_type == 0 and provider_kind(link) != "capi"
    listed_in, providers = ("SYSTEM", control) if is_cng else ("SOFTWARE", CAPI_PROVIDERS)
    return replace(
        ground,
        claim=_named(hive, saw(Place.at(path))),
        providers=_named(listed_in, saw(Place.of_key(listed_in, providers))),
    )


def _named(hive: str, outcome: Outcome) -> Outcome:
    """Put the name of the hive before the reason."""
    return outcome if outcome.why is None else Outcome(outcome.state, f"{hive}: {outcome.why}")


def reasons(doubted: Iterable[Outcome]) -> str | None:
    """Return the reasons why places were not seen whole as one text, each once; None where all were."""
    told = dict.fromkeys(outcome.why or "it was not read" for outcome in doubted)
    return "; ".join(told) or None
