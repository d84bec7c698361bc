"""For which names a certificate speaks: its subject alternative names, else its subject.

References:
    RFC 5280 7.1 (subjects are compared without regard to case); RFC 6125 6.4 (a wildcard stands for one label; the
    common name counts where there is no alternative name).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from forensics.late_methods import dataclass
from forensics.tables.certificate import CertificateRow

_SPOKEN_FOR = ("dns:", "ip:", "email:", "upn:")
"""Kinds of alternative names by which somebody asks for a certificate."""
_COMMON_NAME = re.compile(r"(?:^|,)CN=([^,+]+)", re.IGNORECASE)
_HOST = re.compile(r"(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)+", re.IGNORECASE)
_SUBJECT = "subject:"


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one certificate.

    Attributes:
        named: Its alternative names as ``type:value``, lower case; without any, the host that its subject names.
        subject: Its subject as ``subject:...``, lower case; None without one.
        only_subject: There are no alternative names, so that the same subject is enough.
        spoken: The names of ``named``, to look one up.
    """

    named: tuple[str, ...]
    subject: str | None
    only_subject: bool
    spoken: frozenset[str]

    @property
    def all(self) -> Iterator[str]:
        """Every name under which somebody may look for the certificate."""
        yield from dict.fromkeys(self.named)
        if self.subject is not None:
            yield self.subject

    def places(self) -> Iterator[str]:
        """Yield the names of which a certificate that covers these has at least one."""
        if self.only_subject and self.subject is not None:
            yield self.subject
        for name in self.named[:1]:
            yield from _answers_to(name)

    def cover(self, others: Names) -> bool:
        """Tell whether whoever asks for the others is served by these."""
        if others.only_subject and others.subject is not None and others.subject == self.subject:
            return True
        return bool(others.named) and all(any(n in self.spoken for n in _answers_to(name)) for name in others.named)


def names_of(row: CertificateRow) -> Names:
    """Return the names of a certificate."""
    named = tuple(name for name in map(str.lower, row.san) if name.startswith(_SPOKEN_FOR))
    subject = f"{_SUBJECT}{row.subject.lower()}" if row.subject else None
    if named:
        return Names(named, subject, False, frozenset(named))
    common = _COMMON_NAME.search(row.subject or "")
    host = common[1].strip().lower() if common and _HOST.fullmatch(common[1].strip()) else None
    named = (f"dns:{host}",) if host else ()
    return Names(named, subject, True, frozenset(named))


def _answers_to(name: str) -> Iterator[str]:
    """Yield a name, and the wildcard that stands for it."""
    yield name
    host, dot, domain = name.removeprefix("dns:").partition(".")
    if name.startswith("dns:") and dot and host != "*":
        yield f"dns:*.{domain}"
