"""The certificates above one, among those that were found on the same evidence."""

from __future__ import annotations

from collections.abc import Mapping

from forensics.case_tables import CaseTables
from forensics.formats.certificate_signature import is_signed_by
from forensics.tables.certificate import CertificateRow

MOST_ABOVE = 8
"""Format: certificates above one; authorities are seldom more than three deep."""


def issuers_of(case: CaseTables, certificates: Mapping[str, bytes], thumbprint: str) -> list[bytes]:
    """Return the certificates above one, each with the key that signed the one before, up to the root where it is here.

    Args:
        case: Names issuers and subjects.
        certificates: DER by thumbprint.
        thumbprint: The certificate to begin with, upper hex.

    Returns:
        DER, the nearest first; without those whose signature does not fit or cannot be checked.
    """
    rows: dict[str, CertificateRow] = {row.thumbprint: row for row in case.rows("certificate")}
    by_subject: dict[str, list[CertificateRow]] = {}
    for row in rows.values():
        by_subject.setdefault(row.subject or "", []).append(row)
    above: list[bytes] = []
    lower = rows.get(thumbprint)
    while lower is not None and not lower.self_signed and lower.issuer and len(above) < MOST_ABOVE:
        below = certificates[lower.thumbprint]
        # Of several with one name and key, as after a renewal of the authority, the one that is valid the longest.
        signers = (row for row in by_subject.get(lower.issuer, ()) if row.thumbprint in certificates)
        fitting = [row for row in signers if is_signed_by(below, certificates[row.thumbprint])]
        upper = max(fitting, key=lambda row: (row.not_after is not None, row.not_after), default=None)
        if upper is None or certificates[upper.thumbprint] in above:
            break
        above.append(certificates[upper.thumbprint])
        lower = upper
    return above
