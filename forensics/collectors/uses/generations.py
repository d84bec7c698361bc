"""Of certificates that one role had one after the other, those that serve it now."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from datetime import UTC, datetime

from forensics.tables.certificate import CertificateRow

_NEVER = datetime.min.replace(tzinfo=UTC)


def newest(
    rows: Iterable[CertificateRow], kind: Callable[[CertificateRow], Hashable] = lambda row: row.subject
) -> list[CertificateRow]:
    """Return of each kind the certificate that was issued last; one with a key goes before those without.

    Args:
        rows: Certificates.
        kind: What those that follow one another share; the subject unless given.
    """
    found: dict[Hashable, CertificateRow] = {}
    for row in rows:
        best = found.get(kind(row))
        if best is None or _age(row) > _age(best):
            found[kind(row)] = row
    return list(found.values())


def _age(row: CertificateRow) -> tuple[bool, datetime, datetime]:
    return row.has_key_link, row.not_before or _NEVER, row.not_after or _NEVER
