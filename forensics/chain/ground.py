"""How far what the registry says of keys can be believed: a torn hive may be yesterday's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cached_property

from forensics.chain.providers import provider_kind
from forensics.collectors.evidence import CertificateEvidence
from forensics.collectors.machine import CRYPTOGRAPHY, CRYPTOGRAPHY_32
from forensics.collectors.providers import CAPI_PROVIDERS, CNG_PROVIDERS
from forensics.collectors.registry_view import REG_EXPAND_SZ, REG_SZ, RegistryView
from forensics.language import joined, sentence
from forensics.late_methods import dataclass
from forensics.sources.coverage import Place, together
from forensics.sources.installation import Installation
from forensics.tables.outcome import NOT_COLLECTED, PRESENT, Outcome

_SERVICES_ELSEWHERE = sentence(
    "whether the service CNG Key Isolation (KeyIso), by which keys of CNG are opened, starts "
    "there is told by the Windows that the profile belongs to, which is not in this source"
)
_DPAPI_SYSTEM = "Policy\\Secrets\\DPAPI_SYSTEM"


@dataclass(frozen=True)
class Ground:
    """What one chain rests on beside the key file itself.

    Attributes:
        identity: Where MachineGuid was read.
        secret: Where DPAPI_SYSTEM was read.
        services: Where it stands whether CNG Key Isolation is disabled.
        providers: Where the provider would be registered.
        no_secret: Why a hive that DPAPI_SYSTEM is opened from, and which is there, was not read; None where both were.
        mixed: That the hives are of two machines, where that is known: no fault is then known to be one.
        no_guid: Why MachineGuid is not known although its place was seen whole; None where it is, or was not.
        saw_claim: Looks at :attr:`claim`, which is of interest only where something is broken.
    """

    identity: Outcome = PRESENT
    secret: Outcome = PRESENT
    services: Outcome = PRESENT
    providers: Outcome = PRESENT
    no_secret: str | None = None
    mixed: Outcome | None = None
    no_guid: str | None = None
    saw_claim: Callable[[], Outcome] = lambda: PRESENT

    @cached_property
    def claim(self) -> Outcome:
        """Where the certificate and its link to the key were read."""
        return self.saw_claim()


def ground_of(installation: Installation, key_iso_start: int | None, machine_guid: str | None = None) -> Ground:
    """Return what every chain of an installation rests on.

    Args:
        installation: Whose chains they are.
        key_iso_start: Start value of CNG Key Isolation, None where none was read.
        machine_guid: MachineGuid as names of key files end in it, None where it is not known.
    """
    saw = installation.coverage.saw
    services = saw(Place.of_key("SYSTEM", f"{installation.control_set()}\\Services\\KeyIso"))
    if services.state == "partial" and key_iso_start is None:
        services = Outcome("unreadable", services.why)
    is_elsewhere = installation.kind == "profile"
    generations = [saw(Place.of_key("SECURITY", f"{_DPAPI_SYSTEM}\\{name}")) for name in ("CurrVal", "OldVal")]
    identity = _named("SOFTWARE", saw(Place.of_key("SOFTWARE", CRYPTOGRAPHY)))
    return Ground(
        identity=identity,
        secret=_named("SECURITY", together(generations)),
        services=Outcome("not_examined", _SERVICES_ELSEWHERE) if is_elsewhere else _named("SYSTEM", services),
        no_secret=reasons(_unread_hives(installation)),
        mixed=Outcome("partial", installation.mixed) if installation.mixed else None,
        no_guid=_no_guid(installation) if machine_guid is None and identity.is_whole else None,
    )


def _no_guid(installation: Installation) -> str:
    """Say what stands where MachineGuid should, and is none."""
    software = RegistryView.of_machine(installation, "SOFTWARE")
    value = software.value(CRYPTOGRAPHY, "MachineGuid")
    if value is not None and value.type not in (REG_SZ, REG_EXPAND_SZ):
        return sentence(
            "MachineGuid in SOFTWARE is no text (its type is {type}): for which machine key files must be named is not "
            "known",
            type=value.type,
        )
    if software.text(CRYPTOGRAPHY, "MachineGuid"):
        return sentence("MachineGuid in SOFTWARE is no GUID: for which machine key files must be named is not known")
    if value is not None:
        return sentence("MachineGuid in SOFTWARE is empty: for which machine key files must be named is not known")
    if software.value(CRYPTOGRAPHY_32, "MachineGuid") is not None:
        return sentence(
            "SOFTWARE has MachineGuid in its 32-bit view (WOW6432Node) only: for which machine key files must be named "
            "is not known"
        )
    return sentence("SOFTWARE has no MachineGuid: for which machine key files must be named is not known")


def _unread_hives(installation: Installation) -> Iterator[Outcome]:
    for name in ("SYSTEM", "SECURITY"):
        outcome = installation.hive_outcome(name)
        if outcome.state in ("not_examined", "unreadable") and outcome != NOT_COLLECTED:
            yield _named(name, outcome)


class Grounds:
    """What the chains of certificates rest on, one by one.

    Args:
        installation: Whose chains they are.
        common: What all of them rest on.
    """

    def __init__(self, installation: Installation, common: Ground) -> None:
        self._installation = installation
        self._common = common
        self._providers: dict[bool, Outcome] = {}

    def of(self, certificate: CertificateEvidence) -> Ground:
        """Return what every chain rests on, and where a certificate and the provider that it names would stand."""
        link = certificate.link
        is_cng = link is not None and link.provider_type == 0 and provider_kind(link) != "capi"

        def claim() -> Outcome:
            path = certificate.row.source_path
            if path in self._installation.doubted:
                return self._installation.doubted[path]
            hive = path.partition("\\")[0].rpartition("/")[2]
            return _named(hive, self._installation.coverage.saw(Place.at(path)))

        return replace(self._common, saw_claim=claim, providers=self._of_providers(is_cng))

    def _of_providers(self, is_cng: bool) -> Outcome:
        if is_cng not in self._providers:
            control = f"{self._installation.control_set()}\\{CNG_PROVIDERS}"
            hive, key = ("SYSTEM", control) if is_cng else ("SOFTWARE", CAPI_PROVIDERS)
            self._providers[is_cng] = _named(hive, self._installation.coverage.saw(Place.of_key(hive, key)))
        return self._providers[is_cng]


def _named(hive: str, outcome: Outcome) -> Outcome:
    """Put the name of the hive before the reason."""
    return (
        outcome
        if outcome.why is None
        else Outcome(outcome.state, sentence("{hive}: {why}", hive=hive, why=outcome.why))
    )


def reasons(doubted: Iterable[Outcome]) -> str | None:
    """Return the reasons why places were not seen whole as one text, each once; None where all were."""
    told = dict.fromkeys(outcome.why or sentence("it was not read") for outcome in doubted)
    return joined(told, "; ") or None
