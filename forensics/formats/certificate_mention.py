"""Certificates that settings of applications name: by thumbprint anywhere, by subject as Kestrel does.

References:
    Microsoft Learn, WCF <serviceCertificate> and <clientCertificate> (findValue, x509FindType, storeName,
    storeLocation); Windows Identity Foundation <trustedIssuers>; Configure endpoints for Kestrel (Certificate with
    Subject, Store and Location).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from forensics.late_methods import dataclass

MAX_MENTIONS = 200
"""Evidence: certificates that one file of settings names."""

# Blanks, colons and the invisible marks that the certificate dialog pastes along may stand between the bytes.
_BETWEEN = "[ :\\-\u00a0\u200b\u200e\u200f\u202a\u202c]"
_BYTE = "[0-9A-Fa-f]{2}"
# It begins with a set of characters, which the search is fast for; what may not stand before them is asked after.
_HASH = re.compile(
    f"[0-9A-Fa-f](?<![0-9A-Za-z].)[0-9A-Fa-f]{_BETWEEN}?(?:{_BYTE}{_BETWEEN}?){{18}}{_BYTE}(?![0-9A-Za-z])", re.DOTALL
)
_SUBJECT = re.compile(r'"Subject"\s*:\s*"([^"\r\n]{1,300})"', re.IGNORECASE)
_OWN = re.compile(r"thumb-?print|cert(ificate)?[-_]?hash|findvalue", re.IGNORECASE)
# A certificate of somebody else is named to be trusted, and need not be in a store.
_OTHERS = re.compile(r"trusted|issuer|allowed|accepted|pinned|partner", re.IGNORECASE)
_TRUST_SECTION = re.compile(r"<(/?)(?:trustedIssuers|issuerNameRegistry)\b[^<>]{0,500}?(/?)>", re.IGNORECASE)
_STORE = re.compile(r"store(?:name)?[\"']?\s*[=:]\s*[\"']?([A-Za-z ]{2,40})\b", re.IGNORECASE)
_OF_USER = re.compile(r"\bCurrentUser\b", re.IGNORECASE)
MentionRole = Literal["uses", "trusts", "names"]
_NEAR = 400
"""Format: characters of the element or object around a value that are looked at."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A certificate that a file names.

    Attributes:
        thumbprint: SHA-1 in upper hex; None where it is named by subject.
        subject: Part of the subject by which it is named.
        store: Store that is named beside it.
        of_user: It is looked for in the store of whoever runs the application.
        role: It is named by a setting of a certificate; or among those to be trusted; or nothing around it tells.
    """

    thumbprint: str | None
    subject: str | None
    store: str | None
    of_user: bool
    role: MentionRole


def mentions(text: str) -> Iterator[Mention]:
    """Yield what a file of settings may name, at most :data:`MAX_MENTIONS` and one more; each certificate once."""
    text = _without_comments(text)
    trusted = _TrustSections(text)
    seen: dict[tuple[str | None, str | None], None] = {}
    for found in _HASH.finditer(text):
        thumbprint = re.sub(r"[^0-9A-Fa-f]", "", found[0]).upper()
        if (thumbprint, None) in seen:
            continue
        seen[thumbprint, None] = None
        around = _around(text, found.start(), found.end())
        trusts = _OTHERS.search(around) is not None or trusted.at(found.start())
        yield _mention(thumbprint, None, around, "trusts" if trusts else "uses" if _OWN.search(around) else "names")
        if len(seen) > MAX_MENTIONS:
            return
    lower = text.lower()
    for found in _SUBJECT.finditer(text):
        if "store" not in lower[max(0, found.start() - _NEAR) : found.end() + _NEAR]:
            continue
        around = _around(text, found.start(), found.end())
        if (None, found[1]) in seen or _STORE.search(around) is None:
            continue
        seen[None, found[1]] = None
        yield _mention(None, found[1], around, "uses")
        if len(seen) > MAX_MENTIONS:
            return


def _mention(thumbprint: str | None, subject: str | None, around: str, role: MentionRole) -> Mention:
    store = _STORE.search(around)
    return Mention(thumbprint, subject, store[1].strip() if store else None, _OF_USER.search(around) is not None, role)


def _without_comments(text: str) -> str:
    """Return XML without its comments; what was set once and is no more stands in them."""
    parts, at = [], 0
    while (opened := text.find("<!--", at)) >= 0 and (closed := text.find("-->", opened + 4)) >= 0:
        parts.append(text[at:opened])
        at = closed + 3
    return "".join((*parts, text[at:]))


def _around(text: str, start: int, end: int) -> str:
    """Return the element of XML, the object of JSON, or the line in which a value stands."""
    before, after = text[max(0, start - _NEAR) : start], text[end : end + _NEAR]
    opened = max(before.rfind(mark) for mark in "<{")
    if opened > max(before.rfind(mark) for mark in ">}"):
        closed = min((at for mark in ">}" if (at := after.find(mark)) >= 0), default=len(after))
        return before[opened:] + text[start:end] + after[:closed]
    line_end = after.find("\n")
    return before[before.rfind("\n") + 1 :] + text[start:end] + (after[:line_end] if line_end >= 0 else after)


class _TrustSections:
    """Where a file lists certificates that are to be trusted.

    Args:
        text: The file.
    """

    def __init__(self, text: str) -> None:
        self._marks = [
            (found.start(), -1 if found[1] else 1) for found in _TRUST_SECTION.finditer(text) if not found[2]
        ]

    def at(self, position: int) -> bool:
        """Tell whether a position is inside one."""
        return sum(step for start, step in self._marks if start < position) > 0
