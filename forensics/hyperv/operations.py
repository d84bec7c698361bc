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
_DERIVED = "since a start needs the private key of one encryption certificate"
_PRACTICE = "published migration guides"
_ARTICLES = "say-tech.co.jp, yamanxworld vol. 156"

# An empty reason is what the host has of the certificate.
_MOVES: dict[State, dict[Operation, tuple[Result, str, Certainty, str]]] = {
    "absent": {
        "start": ("fails", "0x80070057: no guardian's private key is on the host", "verified", _SUPPORT),
        "live migration": ("fails", "the target cannot unwrap the key protector (event 10698)", "verified", _SCVMM),
        "export and import": ("likely fails", "the import works, the start after it does not", "likely", _DERIVED),
        "replica failover": ("fails", "the replica cannot be started without the certificate", "verified", _PRACTICE),
    },
    "no_private_key": {
        "start": ("fails", "the certificate is there without its private key", "verified", _SUPPORT),
        "live migration": ("likely fails", "the certificate is there without its private key", "likely", _DERIVED),
        "export and import": ("likely fails", "the import works, the start after it does not", "likely", _DERIVED),
        "replica failover": ("likely fails", "the certificate is there without its private key", "likely", _DERIVED),
    },
    "unusable": dict.fromkeys(OPERATIONS[:4], ("likely fails", "", "likely", _DERIVED)),
    "wrong_store": dict.fromkeys(
        OPERATIONS[:4],
        ("likely fails", "the certificate lies in another store than the guardians'", "likely", _PRACTICE),
    ),
    "unknown": dict.fromkeys(OPERATIONS[:4], ("unknown", "", "likely", _DERIVED)),
    "not_examined": dict.fromkeys(
        OPERATIONS[:4], ("unknown", "the host's certificate stores were not examined", "likely", _DERIVED)
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
            told = because or f"{wrapping.encryption_thumbprint}: {host.why(wrapping.encryption_thumbprint)}"
            yield Answer(operation, result, told, certainty, source)
        return
    is_expired = _is_expired(wrapping.encryption_not_after, as_of)
    because = f"the private key of {wrapping.encryption_thumbprint} opens on the host"
    if is_expired:
        because += f"; that the certificate expired on {wrapping.encryption_not_after:%Y-%m-%d} does not matter for it"
    is_half = host.state(wrapping.signing_thumbprint) != "usable"
    if is_half:
        because += "; the signing key beside it does not, and whether a start needs it is not documented: at risk"
    for operation in OPERATIONS[:4]:
        known: Certainty = "likely" if is_half or (is_expired and operation != "start") else "verified"
        source = _PRACTICE if operation != "start" else _ARTICLES if is_expired else _SAVILL
        yield Answer(operation, "works", because, known, source)


def _change(host: Host, wrappings: Sequence[VmGuardianRow], as_of: datetime) -> Answer:
    """Only the owner's signing key changes a key protector."""
    operation = OPERATIONS[4]
    owner = next((w for w in wrappings if w.is_owner), None)
    if owner is None:
        return Answer(operation, "unknown", "the key protector does not tell its owner", "likely", _CMDLETS)
    state = host.state(owner.signing_thumbprint)
    named = f"the owner's signing certificate {owner.signing_thumbprint}"
    if state == "usable" and _is_expired(owner.signing_not_after, as_of):
        ended = f"{named} ended on {owner.signing_not_after:%Y-%m-%d}: blocked unless -AllowExpired is given"
        return Answer(operation, "fails", ended, "verified", _CMDLETS)
    if state == "usable":
        return Answer(operation, "works", f"{named} has its private key here", "verified", _CMDLETS)
    if state in ("absent", "no_private_key"):
        because = f"{named} has no private key here: it cannot be an owner, and the list of guardians stays as it is"
        return Answer(operation, "fails", because, "verified", _CMDLETS)
    if state == "wrong_store":
        because = f"{named} lies in another store than the guardians'"
        return Answer(operation, "likely fails", because, "likely", _PRACTICE)
    if state == "unusable":
        return Answer(operation, "likely fails", f"Windows cannot open the private key of {named}", "likely", _CMDLETS)
    return Answer(
        operation, "unknown", f"whether the private key of {named} opens here is not known", "likely", _CMDLETS
    )


def new_virtual_tpm(host: Host, as_of: datetime) -> Answer:
    """Say whether a virtual TPM can be enabled on a new virtual machine of a host.

    Which guardian a host takes for that is not documented on disk; its name is, and the youngest pair is likely it.
    """
    operation = OPERATIONS[5]
    if not host.examined:
        return Answer(operation, "unknown", "the host's certificate stores were not examined", "likely", _DERIVED)
    if host.mode == "hgs":
        return Answer(operation, "unknown", "the host asks a Host Guardian Service", "verified", _SUPPORT)
    own = own_pair(host)
    if own:
        return _new_with(host, own, as_of)
    others = [row for row in _default_pairs(host) if not _is_expired(row.not_after, as_of)]
    if others or not _default_pairs(host):
        because = (
            f"no {DEFAULT_GUARDIAN} was made under this computer's name: Hyper-V makes a pair, or takes a valid one"
        )
        return Answer(operation, "works", because, "likely", _SAVILL)
    because = (
        f"every pair of {DEFAULT_GUARDIAN} has ended, and none bears this computer's name: imported, or made before"
    )
    return Answer(operation, "unknown", f"{because} a rename", "likely", _DERIVED)


def _new_with(host: Host, pair: Sequence[GuardianRow], as_of: datetime) -> Answer:
    operation = OPERATIONS[5]
    expired = next((row for row in pair if _is_expired(row.not_after, as_of)), None)
    if expired is not None:
        because = f"the certificate {expired.thumbprint} of {DEFAULT_GUARDIAN} ended on {expired.not_after:%Y-%m-%d}"
        return Answer(operation, "fails", because, "verified", _ARTICLES)
    for row in pair:
        state = host.state(row.thumbprint)
        if state == "no_private_key":
            because = f"the certificate {row.thumbprint} has no private key: the guardian cannot be an owner"
            return Answer(operation, "fails", because, "verified", _SUPPORT)
        if state == "unusable":
            because = f"Windows cannot open the private key of {row.thumbprint}"
            return Answer(operation, "likely fails", because, "likely", _DERIVED)
        if state != "usable":
            because = f"whether the private key of {row.thumbprint} opens is not known"
            return Answer(operation, "unknown", because, "likely", _DERIVED)
    if len({row.role for row in pair}) < 2:
        because = f"only one certificate of {DEFAULT_GUARDIAN}'s youngest pair is there"
        return Answer(operation, "likely fails", because, "likely", _DERIVED)
    because = f"the youngest pair of {DEFAULT_GUARDIAN} is valid and its private keys open"
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
