"""What can be done with a virtual machine on a host, given what the host has of its guardians' certificates.

Each answer carries where it is from. ``verified``: documented or measured and published; ``likely``: follows from that,
but nobody published a test.

References:
    Savill, Mastering Windows Server 2016 Hyper-V, p. 361-363; Microsoft SupportArticles, "shielded VM and Host Guardian
    Service"; HgsClient.psm1; MSFT_HgsGuardian, MSFT_HgsKeyProtectorOperations (Microsoft Learn).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

from forensics.hyperv.host import Host, State
from forensics.hyperv.start import start_on
from forensics.language import joined, sentence
from forensics.late_methods import dataclass
from forensics.tables.hyperv import GuardianRow, VmGuardianRow, VmRow

Operation = Literal[
    "start", "live migration", "export and import", "replica failover", "change of the key protector", "new virtual TPM"
]
Result = Literal["works", "fails", "likely fails", "unknown"]
Certainty = Literal["verified", "likely"]

OPERATIONS: tuple[Operation, ...] = (
    "start",
    "live migration",
    "export and import",
    "replica failover",
    "change of the key protector",
    "new virtual TPM",
)
DEFAULT_GUARDIAN = "UntrustedGuardian"
"""The guardian that Hyper-V makes by itself for the first virtual machine with a virtual TPM."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What becomes of one operation.

    Attributes:
        operation: The operation.
        result: Its outcome.
        because: One sentence.
        certainty: How well that is known.
        source: Where it is from.
    """

    operation: Operation
    result: Result
    because: str
    certainty: Certainty
    source: str


_SAVILL = "Savill, Mastering Windows Server 2016 Hyper-V, p. 363"
_SUPPORT = "Microsoft SupportArticles, shielded VM and Host Guardian Service"
_SCVMM = "System Center support, event 10698"
_CMDLETS = "Get-Help New-HgsGuardian, Grant-HgsKeyProtectorAccess"
_DERIVED = sentence("since a start needs the private key of one encryption certificate")
_PRACTICE = sentence("published migration guides")
_ARTICLES = "say-tech.co.jp, yamanxworld vol. 156"

# An empty reason is what the host has of the certificate.
_MOVES: dict[State, dict[Operation, tuple[Result, str, Certainty, str]]] = {
    "absent": {
        "start": ("fails", sentence("0x80070057: no guardian's private key is on the host"), "verified", _SUPPORT),
        "live migration": (
            "fails",
            sentence("the target cannot unwrap the key protector (event 10698)"),
            "verified",
            _SCVMM,
        ),
        "export and import": (
            "likely fails",
            sentence("the import works, the start after it does not"),
            "likely",
            _DERIVED,
        ),
        "replica failover": (
            "fails",
            sentence("the replica cannot be started without the certificate"),
            "verified",
            _PRACTICE,
        ),
    },
    "no_private_key": {
        "start": ("fails", sentence("the certificate is there without its private key"), "verified", _SUPPORT),
        "live migration": (
            "likely fails",
            sentence("the certificate is there without its private key"),
            "likely",
            _DERIVED,
        ),
        "export and import": (
            "likely fails",
            sentence("the import works, the start after it does not"),
            "likely",
            _DERIVED,
        ),
        "replica failover": (
            "likely fails",
            sentence("the certificate is there without its private key"),
            "likely",
            _DERIVED,
        ),
    },
    "unusable": dict.fromkeys(OPERATIONS[:4], ("likely fails", "", "likely", _DERIVED)),
    "wrong_store": dict.fromkeys(
        OPERATIONS[:4],
        (
            "likely fails",
            sentence("the certificate lies in another store than the guardians'"),
            "likely",
            _PRACTICE,
        ),
    ),
    "unknown": dict.fromkeys(OPERATIONS[:4], ("unknown", "", "likely", _DERIVED)),
    "not_examined": dict.fromkeys(
        OPERATIONS[:4], ("unknown", sentence("the host's certificate stores were not examined"), "likely", _DERIVED)
    ),
}


def answers_for(host: Host, vm: VmRow, wrappings: Sequence[VmGuardianRow], as_of: datetime) -> list[Answer]:
    """Say for every operation on one virtual machine what would become of it on a host.

    Args:
        host: The host to which it would move.
        vm: The virtual machine.
        wrappings: The guardians of its key protector.
        as_of: The moment "expired" refers to.
    """
    start = start_on(host, vm, wrappings)
    if start.starts == "not_applicable":
        return [Answer(operation, "works", start.because, "verified", _SAVILL) for operation in OPERATIONS[:4]]
    if start.wrapping is None:
        same = [Answer(operation, "unknown", start.because, "likely", _DERIVED) for operation in OPERATIONS[:4]]
        return [*same, Answer(OPERATIONS[4], "unknown", start.because, "likely", _DERIVED)]
    return [*_moves(host, start.wrapping, as_of), _change(host, wrappings, as_of)]


def _moves(host: Host, wrapping: VmGuardianRow, as_of: datetime) -> Iterator[Answer]:
    state = host.state(wrapping.encryption_thumbprint)
    if state != "usable":
        for operation, (result, because, certainty, source) in _MOVES[state].items():
            told = because or sentence(
                "{thumbprint}: {why}",
                thumbprint=wrapping.encryption_thumbprint,
                why=host.why(wrapping.encryption_thumbprint, wrapping.encryption_public_key_sha256),
            )
            yield Answer(operation, result, told, certainty, source)
        return
    is_expired = _is_expired(wrapping.encryption_not_after, as_of)
    opens = sentence("the private key of {thumbprint} opens on the host", thumbprint=wrapping.encryption_thumbprint)
    said = [opens]
    if is_expired:
        said.append(
            sentence(
                "that the certificate expired on {day} does not matter for it",
                day=f"{wrapping.encryption_not_after:%Y-%m-%d}",
            )
        )
    is_half = host.state(wrapping.signing_thumbprint) != "usable"
    if is_half:
        said.append(
            sentence("the signing key beside it does not, and whether a start needs it is not documented: at risk")
        )
    for operation in OPERATIONS[:4]:
        known: Certainty = "likely" if is_half or (is_expired and operation != "start") else "verified"
        source = _PRACTICE if operation != "start" else _ARTICLES if is_expired else _SAVILL
        yield Answer(operation, "works", joined(said, "; "), known, source)


def _change(host: Host, wrappings: Sequence[VmGuardianRow], as_of: datetime) -> Answer:
    """Only the owner's signing key changes a key protector."""
    operation = OPERATIONS[4]
    owner = next((w for w in wrappings if w.is_owner), None)
    if owner is None:
        return Answer(operation, "unknown", sentence("the key protector does not tell its owner"), "likely", _CMDLETS)
    state = host.state(owner.signing_thumbprint)
    named = sentence(
        "the owner's signing certificate {signing_thumbprint}", signing_thumbprint=owner.signing_thumbprint
    )
    if state == "usable" and _is_expired(owner.signing_not_after, as_of):
        ended = sentence(
            "{named} ended on {day}: blocked unless -AllowExpired is given",
            named=named,
            day=f"{owner.signing_not_after:%Y-%m-%d}",
        )
        return Answer(operation, "fails", ended, "verified", _CMDLETS)
    if state == "usable":
        return Answer(
            operation, "works", sentence("{named} has its private key here", named=named), "verified", _CMDLETS
        )
    if state in ("absent", "no_private_key"):
        because = sentence(
            "{named} has no private key here: it cannot be an owner, and the list of guardians stays as it is",
            named=named,
        )
        return Answer(operation, "fails", because, "verified", _CMDLETS)
    if state == "wrong_store":
        because = sentence("{named} lies in another store than the guardians'", named=named)
        return Answer(operation, "likely fails", because, "likely", _PRACTICE)
    if state == "unusable":
        return Answer(
            operation,
            "likely fails",
            sentence("Windows cannot open the private key of {named}", named=named),
            "likely",
            _CMDLETS,
        )
    return Answer(
        operation,
        "unknown",
        sentence("whether the private key of {named} opens here is not known", named=named),
        "likely",
        _CMDLETS,
    )


def new_virtual_tpm(host: Host, as_of: datetime) -> Answer:
    """Say whether a virtual TPM can be enabled on a new virtual machine of a host.

    Which guardian a host takes for that is not documented on disk; its name is, and the youngest pair is likely it.
    """
    operation = OPERATIONS[5]
    if not host.examined:
        return Answer(
            operation, "unknown", sentence("the host's certificate stores were not examined"), "likely", _DERIVED
        )
    if host.mode == "hgs":
        return Answer(operation, "unknown", sentence("the host asks a Host Guardian Service"), "verified", _SUPPORT)
    own = own_pair(host)
    if own:
        return _new_with(host, own, as_of)
    others = [row for row in _default_pairs(host) if not _is_expired(row.not_after, as_of)]
    if others or not _default_pairs(host):
        because = sentence(
            "no {default_guardian} was made under this computer's name: Hyper-V makes a pair, or takes a valid one",
            default_guardian=DEFAULT_GUARDIAN,
        )
        return Answer(operation, "works", because, "likely", _SAVILL)
    because = sentence(
        "every pair of {default_guardian} has ended, and none bears this computer's name: imported, or made before a "
        "rename",
        default_guardian=DEFAULT_GUARDIAN,
    )
    return Answer(operation, "unknown", because, "likely", _DERIVED)


def _new_with(host: Host, pair: Sequence[GuardianRow], as_of: datetime) -> Answer:
    operation = OPERATIONS[5]
    expired = next((row for row in pair if _is_expired(row.not_after, as_of)), None)
    if expired is not None:
        because = sentence(
            "the certificate {thumbprint} of {default_guardian} ended on {day}",
            thumbprint=expired.thumbprint,
            default_guardian=DEFAULT_GUARDIAN,
            day=f"{expired.not_after:%Y-%m-%d}",
        )
        return Answer(operation, "fails", because, "verified", _ARTICLES)
    for row in pair:
        state = host.state(row.thumbprint)
        if state == "no_private_key":
            because = sentence(
                "the certificate {thumbprint} has no private key: the guardian cannot be an owner",
                thumbprint=row.thumbprint,
            )
            return Answer(operation, "fails", because, "verified", _SUPPORT)
        if state == "unusable":
            because = sentence("Windows cannot open the private key of {thumbprint}", thumbprint=row.thumbprint)
            return Answer(operation, "likely fails", because, "likely", _DERIVED)
        if state != "usable":
            because = sentence("whether the private key of {thumbprint} opens is not known", thumbprint=row.thumbprint)
            return Answer(operation, "unknown", because, "likely", _DERIVED)
    if len({row.role for row in pair}) < 2:
        because = sentence(
            "only one certificate of {default_guardian}'s youngest pair is there", default_guardian=DEFAULT_GUARDIAN
        )
        return Answer(operation, "likely fails", because, "likely", _DERIVED)
    because = sentence(
        "the youngest pair of {default_guardian} is valid and its private keys open", default_guardian=DEFAULT_GUARDIAN
    )
    return Answer(operation, "works", because, "verified", _PRACTICE)


def own_pair(host: Host) -> list[GuardianRow]:
    """Return the youngest pair of the default guardian that was made under this computer's name."""
    own = [row for row in _default_pairs(host) if (row.host or "").lower() == (host.name or "").lower()]
    youngest = max((row.generation or 0 for row in own), default=0)
    return [row for row in own if row.generation == youngest]


def _default_pairs(host: Host) -> list[GuardianRow]:
    firsts = [rows[0] for rows in host.guardians.values()]
    return [r for r in firsts if r.origin == "store" and (r.guardian or "").lower() == DEFAULT_GUARDIAN.lower()]


def _is_expired(not_after: datetime | None, as_of: datetime) -> bool:
    return not_after is not None and not_after < as_of
