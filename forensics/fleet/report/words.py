"""What a report says of a fleet in words: the same in every format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from forensics.engine.loader import load_packs
from forensics.fleet.report.groups import Accounts, Cause, Ends, KeyOfSeveral, Month
from forensics.fleet.report.report import FleetReport
from forensics.language import _, _n, listed, message, spoken_language, told
from forensics.report.facts import day

STATES = {
    "examined": message("examined"),
    "older_state": message("older state"),
    "not_examined": message("not examined"),
    "failed": message("failed"),
    "not_evidence": message("no evidence"),
    "read_as_parent": message("read as a parent"),
    "read_with": message("read with another"),
    "copy": message("copy"),
}
"""What the states of rows are called."""
RELATIONS = {
    "clone": message("clones"),
    "unknown": message("not known whether they are clones"),
    "same_computer": message("states of one computer"),
    "generalized": message("one is generalized and gets its own identity"),
    "alone": message("told by its log alone"),
}
"""What the relations of table shared_identity are called."""
KEY_ROLES = {
    "authority": message("of a certification authority"),
    "guardian": message("of a guardian of virtual TPMs"),
    "user": message("of a user"),
    "entra_device": message("by which Entra ID knows a device"),
    "mdm": message("by which device management (MDM) knows a device"),
    "configmgr": message("by which Configuration Manager knows a client"),
    "exchange": message("of Exchange, the same on all its servers"),
    "federation": message("of AD FS"),
    "remote_desktop": message("of Remote Desktop"),
    "self_signed": message("of a self-signed certificate"),
    "machine": message("of a certificate that names one of them"),
    "server": message("of a server's certificate"),
    "other": message("of a certificate"),
    "unnamed": message("that no certificate names"),
}
"""What keys on several machines are for, by the roles of table shared_key."""
_HOLDERS = {
    "clones": message("which share their identity too"),
    "partly_clones": message("of which some share their identity too"),
    "unrelated": message("which share no identity that was read"),
}
_EXPORT = {"yes": message("may be exported"), "no": message("may not be exported")}


def title(report: FleetReport) -> str:
    """Return whose report it is, and as of when."""
    return _("Fleet {name}, as of {day}", name=report.fleet.path.resolve().name, day=day(report.fleet.as_of))


def accounted(accounts: Accounts) -> str:
    """Say what became of the inputs; the counts add up to all of them."""
    if not accounts.total:
        return _("There is no input yet: keymortem fleet run examines some.")
    states = listed(_state(word, count) for word, count in accounts.by_state.items())
    one, many = "Of {count} input {states}. Machines: {machines}.", "Of {count} inputs {states}. Machines: {machines}."
    return _n(one, many, accounts.total, states=states, machines=accounts.machines)


def _state(word: str, count: int) -> str:
    match word:
        case "examined":
            return _n("{count} was examined", "{count} were examined", count)
        case "failed":
            return _n("{count} could not be examined", "{count} could not be examined", count)
        case "not_evidence":
            return _n("{count} is no evidence", "{count} are no evidence", count)
        case "read_as_parent":
            return _n("{count} was read as the parent of another", "{count} were read as parents of others", count)
        case "read_with":
            return _n("{count} was read as a part of another", "{count} were read as parts of others", count)
        case "copy":
            return _n("{count} is a copy of another", "{count} are copies of others", count)
    return f"{count} {word}"


def lacking(accounts: Accounts) -> Iterator[str]:
    """Yield what was not examined, or not as it is today, one sentence each."""
    if failed := accounts.by_state.get("failed"):
        yield _n(
            "{count} input could not be examined: nothing is said of it.",
            "{count} inputs could not be examined: nothing is said of them.",
            failed,
        )
    if accounts.pieces:
        yield _n(
            "{count} piece of evidence inside examined inputs could not be examined.",
            "{count} pieces of evidence inside examined inputs could not be examined.",
            accounts.pieces,
        )
    if accounts.in_part:
        yield _n(
            "{count} machine was examined in part: a 0 of it is not known to be all.",
            "{count} machines were examined in part: a 0 of theirs is not known to be all.",
            accounts.in_part,
        )
    if accounts.older:
        yield _n(
            "{count} machine is shown as of an older state, not of today.",
            "{count} machines are shown as of an older state, not of today.",
            accounts.older,
        )


def across(report: FleetReport) -> str:
    """Say that nothing was judged across machines; empty where it was."""
    if report.is_judged_across:
        return ""
    return _(
        "What machines share was not judged yet: the next keymortem fleet run does, and names clones and shared keys."
    )


def selection(report: FleetReport) -> str:
    """Say which rows are told; empty where all are."""
    words = report.filters.words
    return (
        _("Only rows where {words}: {count} of {all}.", words=words, count=report.count, all=report.of_all)
        if words
        else ""
    )


def stopped(report: FleetReport) -> Iterator[str]:
    """Yield what the rules could not say."""
    for said, count in report.stopped:
        yield _("{said} ({count} times)", said=told(said), count=count) if count > 1 else told(said)


def machines(count: int) -> str:
    """Count machines."""
    return _n("{count} machine", "{count} machines", count)


def cause(one: Cause) -> str:
    """Say on how many machines a rule found something."""
    parts = [machines(one.machines) if one.machines else _n("{count} finding", "{count} findings", one.findings)]
    if one.likely:
        parts.append(_("likely") if one.likely == one.findings else _("some likely"))
    if one.undecided:
        parts.append(_n("undecided on {count} more", "undecided on {count} more", one.undecided))
    return listed(parts)


def rule_title(one: Cause) -> str:
    """Return what a rule finds, in the spoken language where that is known."""
    return _rule_titles(spoken_language()).get(one.rule, one.title)


@cache
def _rule_titles(language: str) -> dict[str, str]:
    """Return the titles of the built-in rules in another language than English, by their ids."""
    if language == "en":
        return {}
    rules = load_packs(language=language).rules
    return {str(r.id): str(r.translations[language].title) for r in rules if language in r.translations}


def month(one: Month) -> str:
    """Count what ends in a month."""
    ends = _n("{count} certificate ends", "{count} certificates end", one.certificates)
    values = {"ends": ends, "machines": machines(one.machines)}
    if not one.in_use:
        return _("{ends}, on {machines}; none in use", **values)
    return _(
        "{ends}, on {machines}; {used} in use, on {using}",
        used=one.in_use,
        using=machines(one.machines_in_use),
        **values,
    )


def end(one: Ends) -> str:
    """Say of a certificate when it ends, where, and who cares for it."""
    said = _("{day} {name}: on {where}", day=day(one.ends), name=one.subject or one.thumbprint, where=_where(one))
    several = one.machines > 1
    parts = [said]
    if not one.in_use:
        parts.append(_("not known to be used"))
    else:
        parts.append(_("in use on {count}", count=one.in_use) if several else _("in use"))
    if one.self_renewing:
        parts.append(_("renews itself on {count}", count=one.self_renewing) if several else _("renews itself"))
    if one.dead:
        parts.append(_("key dead on {count}", count=one.dead) if several else _("key dead"))
    return listed(parts)


def _where(one: Ends) -> str:
    return one.named[0] if one.machines == 1 else machines(one.machines)


def key_of_several(one: KeyOfSeveral) -> str:
    """Say what a private key on several machines is for, and who may use it."""
    said = _(
        "{name}, key {role}, on {machines}, {relation}; {used}; {export}",
        name=one.subject or _("public key {start}", start=one.key[:16]),
        role=_(KEY_ROLES[one.role]) if one.role in KEY_ROLES else one.role,
        machines=machines(one.machines),
        relation=_(_HOLDERS[one.relation]),
        used=_("in use on {count}", count=one.in_use) if one.in_use else _("no use of it is known"),
        export=_(_EXPORT.get(one.exportable, message("not known if it may be exported"))),
    )
    return _("{said}, ends on {day}", said=said, day=day(one.ends)) if one.ends else said


def named(names: Sequence[str], count: int, most: int) -> str:
    """Name a few of many.

    Args:
        names: Some of them.
        count: How many there are.
        most: How many are named.
    """
    shown = listed(names[:most])
    more = count - len(names[:most])
    return _("{names} and {count} more", names=shown, count=more) if more > 0 else shown


def source(row: dict[str, Any]) -> str:
    """Return the path of what a row is about: the piece of evidence where that is not the input itself."""
    return str(row["source"] or row["path"])


def reasons(row: dict[str, Any]) -> list[str]:
    """Return why a row was not examined, or in part, without the path that it names anyway."""
    return [reason.removeprefix(source(row)).lstrip(": ") for reason in row["not_examined"]]
