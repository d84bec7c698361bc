"""What ends next: one list for the text, the page, the calendar, the metrics and the command ``expiring``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from forensics.case_tables import CaseTables
from forensics.language import _, _n, joined, sentence
from forensics.report.facts import day, days_left
from forensics.report.words import word
from forensics.tables.key_chain import KeyChainRow

SOON = timedelta(days=180)
"""How far ahead a report looks that was not told."""


def ending(case: CaseTables, within: timedelta | None = None) -> list[KeyChainRow]:
    """Return the chains of every certificate that ends at or after the date of a case, the soonest to end first.

    Whatever else is said of them: those with a dead key and those that were replaced are among them, and only those
    that are made anew each day are not.

    Args:
        case: The case.
        within: How far ahead to look; None for all of them.
    """
    return sorted(_ahead(case, within), key=lambda c: (c.ends, c.thumbprint, c.store or "", c.owner_sid or ""))


def _ahead(case: CaseTables, within: timedelta | None) -> Iterator[KeyChainRow]:
    for chain in case.present.rows("key_chain"):
        ends = chain.ends
        if not chain.thumbprint or not ends or chain.standing == "daily" or ends < case.as_of:
            continue
        if within is None or ends - case.as_of <= within:
            yield chain


def ended(case: CaseTables) -> list[KeyChainRow]:
    """Return the chains of every certificate that has ended, in the order of the case; not those made anew each day."""
    chains = case.present.rows("key_chain")
    return [c for c in chains if c.thumbprint and c.standing != "daily" and not c.is_in_force(case.as_of)]


def when(chain: KeyChainRow, as_of: datetime) -> str:
    """Return the last day of a certificate, and in how many days that is, in the spoken language."""
    days, date = days_left(chain, as_of), day(chain.ends)
    if days == 0:
        return _("{date}, today", date=date)
    return _n("{date}, in {count} day", "{date}, in {count} days", days, date=date)


def condition(chain: KeyChainRow) -> str:
    """Return what else is to know of a certificate that ends; empty where its key works and nothing replaced it."""
    said = ""
    if chain.verdict == "unusable":
        said = sentence("key dead, breaks at {link}", link=word(str(chain.broken_at)))
    elif chain.verdict == "unknown":
        said = sentence("key undecided")
    replaced = sentence("replaced already") if chain.standing == "superseded" else ""
    return joined(filter(None, (said, replaced)), ", ")
