"""What a report says first of all, in a few sentences: how many keys are broken, and what ends next."""

from __future__ import annotations

from collections.abc import Iterable

from forensics.case_tables import CaseTables
from forensics.language import _, _n, told
from forensics.report.all_named import all_named
from forensics.report.facts import Facts, day, label
from forensics.report.former import NOTHING_OF_TODAY, is_former_only
from forensics.report.named import sentences
from forensics.report.stores import further_certificates, judges_nothing, no_certificate
from forensics.report.triage import Triage
from forensics.report.undecided import Lack
from forensics.tables.key_chain import KeyChainRow


def summary(case: CaseTables, sorted_keys: Triage, facts: Facts, lack: Lack) -> str:
    """Count what was judged, and name what is hit and what ends next.

    Args:
        case: The case.
        sorted_keys: Its chains.
        facts: The rows they rest on.
        lack: What evidence leaves open.
    """
    t = sorted_keys
    if case.is_empty:
        return _("Nothing could be examined.")
    if is_former_only(case):
        return told(NOTHING_OF_TODAY)
    if not case.rows("machine"):
        return _("No Windows installation here, so no key can be judged: exported virtual machines only.")
    if not t.judged:
        return told(no_certificate(case))
    said = [_counts(t, lack)]
    if hit := _hit(case, t.in_force(t.broken), facts):
        said.append(
            _n(
                "{count} service uses a broken one: {names}.",
                "{count} services use a broken one: {names}.",
                len(hit),
                names=all_named(hit),
            )
        )
    if t.expiring:
        name, date = label(t.expiring[0]), day(t.expiring[0].not_after)
        said.append(_("The next to expire is {name}, on {date}.", name=name, date=date))
    if judges_nothing(case):
        said.append(told(further_certificates(case)))
    return sentences(said)


def _hit(case: CaseTables, broken: Iterable[KeyChainRow], facts: Facts) -> list[str]:
    """Return the services that use broken keys, without those whose own account opens them."""
    works = {(u.machine_id, u.thumbprint, u.label) for u in case.rows("certificate_use") if u.opens == "usable"}
    uses = ((chain, use) for chain in broken for use in facts.uses([chain]))
    hit = {(c.machine_id, use): use for c, use in uses if (c.machine_id, c.thumbprint, use) not in works}
    return list(hit.values())


def _counts(t: Triage, lack: Lack) -> str:
    values = {
        "broken": lack.broken(len(t.in_force(t.broken))),
        "usable": len(t.in_force((*t.well, *t.too_open))),
        "undecided": lack.undecided(len(t.in_force(t.unknown))),
    }
    if t.expired:
        return _n(
            "Of {count} certificate that has or should have a private key: {broken}, {usable} usable, {undecided}; "
            "{expired} more expired.",
            "Of {count} certificates that have or should have a private key: {broken}, {usable} usable, {undecided}; "
            "{expired} more expired.",
            t.keys,
            expired=len(t.expired),
            **values,
        )
    return _n(
        "Of {count} certificate that has or should have a private key: {broken}, {usable} usable, {undecided}, "
        "0 expired.",
        "Of {count} certificates that have or should have a private key: {broken}, {usable} usable, {undecided}, "
        "0 expired.",
        t.keys,
        **values,
    )
