"""The chain from the certificate of an endorsement key to EKROOT: names, dates and signatures."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from forensics.formats.certificate_signature import is_signed_by
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.tables.certificate import CertificateRow

Signatures = Literal["valid", "invalid", "not_checked"]

_VALID: tuple[Signatures, ...] = ("valid",)
_NOT_REFUTED: tuple[Signatures, ...] = ("valid", "not_checked")
MAX_CHAIN = 32
"""Evidence: certificates of one chain that are followed; a longer chain is unknown."""
_MAX_CHECKS = 500
"""Evidence: signatures that are checked for one certificate, since stores made to waste time hold thousands of one
name; the others count as not checked.
"""


@dataclass(frozen=True, slots=True)
class FoundChain:
    """The best chain there is.

    Attributes:
        signatures: ``valid``, ``not_checked``, ``invalid``; None: the chain does not reach EKROOT even by names.
        names: The certificates above the first, each with its store.
        last: The certificate whose issuer is missing or did not sign it; the last one of a whole chain.
    """

    signatures: Signatures | None
    names: tuple[str, ...]
    last: CertificateRow


class ChainSearch:
    """Looks for a chain through EKCA to EKROOT.

    Args:
        roots: Certificates of EKROOT that are valid.
        others: Those of EKCA.
    """

    def __init__(self, roots: Iterable[CertificateRow], others: Iterable[CertificateRow]) -> None:
        self._above: dict[str | None, list[tuple[CertificateRow, bool]]] = {}
        for rows, is_root in ((roots, True), (others, False)):
            for row in rows:
                self._above.setdefault(row.subject, []).append((row, is_root))
        self._answers: dict[tuple[int, int], Signatures] = {}

    def of(self, certificate: CertificateRow) -> FoundChain:
        """Return the best chain of a certificate: signatures that hold before those that cannot be checked.

        A certificate whose issuer is here by name only, with another key, has no chain.
        """
        self._answers.clear()
        for signatures in (_VALID, _NOT_REFUTED):
            whole, breaks = self._climb(certificate, signatures)
            if whole is not None:
                return whole
        return max(breaks, key=lambda b: (b.signatures == "invalid", len(b.names)))

    def _climb(
        self, certificate: CertificateRow, accepted: tuple[Signatures, ...]
    ) -> tuple[FoundChain | None, list[FoundChain]]:
        """Return a chain all of whose signatures are as accepted, and where the others break."""
        breaks: list[FoundChain] = []
        waiting: list[tuple[CertificateRow, tuple[str, ...]]] = [(certificate, ())]
        seen = {id(certificate)}
        while waiting:
            current, names = waiting.pop()
            above = self._above.get(current.issuer, []) if len(names) < MAX_CHAIN else []
            refuted = False
            for row, is_root in above:
                if id(row) in seen:
                    continue
                answer = self._issued(current, row)
                refuted = refuted or answer == "invalid"
                if answer not in accepted:
                    continue
                if is_root:
                    return FoundChain(
                        accepted[-1], (*names, sentence("{subject} in EKROOT", subject=row.subject)), row
                    ), breaks
                seen.add(id(row))
                waiting.append((row, (*names, sentence("{subject} in EKCA", subject=row.subject))))
            breaks.append(FoundChain("invalid" if refuted else None, names, current))
        return None, breaks

    def _issued(self, certificate: CertificateRow, issuer: CertificateRow) -> Signatures:
        pair = (id(certificate), id(issuer))
        if pair not in self._answers:
            if len(self._answers) >= _MAX_CHECKS:
                return "not_checked"
            self._answers[pair] = signature_of(certificate, issuer)
        return self._answers[pair]


def signature_of(certificate: CertificateRow, issuer: CertificateRow) -> Signatures:
    """Check the signature of a certificate with the key of another; ``not_checked`` where a DER is not at hand."""
    try:
        lower, upper = (base64.b64decode(row.der or "", validate=True) for row in (certificate, issuer))
    except ValueError:
        return "not_checked"
    signed = is_signed_by(lower, upper)
    return "not_checked" if signed is None else "valid" if signed else "invalid"


def is_valid(row: CertificateRow, as_of: datetime) -> bool:
    """Tell whether a certificate is within its dates; one it does not tell does not count."""
    return not (row.not_before and row.not_before > as_of) and not (row.not_after and row.not_after < as_of)
