"""Expiries to come as an iCalendar file: one all-day event a certificate, with a reminder.

References:
    RFC 5545.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from forensics.case_tables import CaseTables
from forensics.report.accounted import head_lines
from forensics.report.ending import ending
from forensics.report.facts import Facts, label
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.sanitise import sanitise
from forensics.tables.timestamps import as_utc, told_time
from forensics.version import __version__

REMINDER = timedelta(days=30)


def render_calendar(case: CaseTables, chains: Iterable[KeyChainRow] | None = None) -> str:
    """Write the certificates with a private key that end after the case's date; the same case gives the same text.

    Args:
        case: The case.
        chains: Chains of certificates to write alone, of which those that have ended are left out; None for all.
    """
    from icalendar import Alarm, Calendar, Event

    facts = Facts(case)
    calendar = Calendar()
    calendar.add("prodid", f"-//keymortem//keymortem {__version__}//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", "Certificates that expire")
    told = head_lines(case.sources)
    if told:
        calendar.add("x-wr-caldesc", sanitise("; ".join(told)))
    for chain in ending(case) if chains is None else (c for c in chains if c.is_in_force(case.as_of)):
        assert chain.ends is not None
        ends = as_utc(chain.ends)
        machine = sanitise(facts.machine_name(chain.machine_id))
        event = Event()
        event.add("uid", f"{chain.thumbprint}-{_word(chain.store)}-{_word(chain.owner_sid)}-{_word(machine)}@keymortem")
        event.add("dtstamp", as_utc(case.as_of))
        event.add("dtstart", ends.date())
        event.add("dtend", ends.date() + timedelta(days=1))
        event.add("summary", f"{sanitise(label(chain))} on {machine} expires")
        event.add("description", _description(chain, machine))
        event.add("transp", "TRANSPARENT")
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("description", f"{sanitise(label(chain))} expires in {REMINDER.days} days")
        alarm.add("trigger", -REMINDER)
        event.add_component(alarm)
        calendar.add_component(event)
    text: bytes = calendar.to_ical()
    return text.decode("utf-8")


def _description(chain: KeyChainRow, machine: str) -> str:
    assert chain.ends is not None
    state = f"Private key: {chain.verdict}" + (f", breaks at {chain.broken_at}" if chain.broken_at else "")
    replaced = " Another certificate has replaced it." if chain.standing == "superseded" else ""
    lines = [
        f"Thumbprint {chain.thumbprint}, store {sanitise(chain.store)} on {machine}.",
        f"Ends {told_time(chain.ends)}.",
        f"{state}.{replaced}",
    ]
    return "\n".join(lines)


def _word(text: str | None) -> str:
    return "".join(c for c in text or "" if c.isascii() and c.isalnum()) or "none"
