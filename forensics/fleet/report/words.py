"""What a report says of a fleet in words: the same in every format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from forensics.fleet.report.groups import Accounts, Cause, Ends, KeyOfSeveral, Month
from forensics.fleet.report.report import FleetReport
from forensics.report.facts import day

STATES = {
    "examined": "examined",
    "older_state": "older state",
    "not_examined": "not examined",
    "failed": "failed",
    "not_evidence": "no evidence",
    "read_as_parent": "read as a parent",
    "read_with": "read with another",
    "copy": "copy",
}
"""What the states of rows are called."""
RELATIONS = {
    "clone": "clones",
    "unknown": "not known whether they are clones",
    "same_computer": "states of one computer",
    "generalized": "one is generalized and gets its own identity",
    "alone": "told by its log alone",
}
"""What the relations of table shared_identity are called."""
KEY_ROLES = {
    "authority": "of a certification authority",
    "guardian": "of a guardian of virtual TPMs",
    "user": "of a user",
    "entra_device": "by which Entra ID knows a device",
    "mdm": "by which device management (MDM) knows a device",
    "configmgr": "by which Configuration Manager knows a client",
    "exchange": "of Exchange, the same on all its servers",
    "federation": "of AD FS",
    "remote_desktop": "of Remote Desktop",
    "self_signed": "of a self-signed certificate",
    "machine": "of a certificate that names one of them",
    "server": "of a server's certificate",
    "other": "of a certificate",
    "unnamed": "that no certificate names",
}
"""What keys on several machines are for, by the roles of table shared_key."""
_HOLDERS = {
    "clones": "which share their identity too",
    "partly_clones": "of which some share their identity too",
    "unrelated": "which share no identity that was read",
}
_COUNTED = {
    "examined": ("was examined", "were examined"),
    "failed": ("could not be examined", "could not be examined"),
    "not_evidence": ("is no evidence", "are no evidence"),
    "read_as_parent": ("was read as the parent of another", "were read as parents of others"),
    "read_with": ("was read as a part of another", "were read as parts of others"),
    "copy": ("is a copy of another", "are copies of others"),
}


def title(report: FleetReport) -> str:
    """Return whose report it is, and as of when."""
    return f"Fleet {report.fleet.path.resolve().name}, as of {day(report.fleet.as_of)}"


def accounted(accounts: Accounts) -> str:
    """Say what became of the inputs; the counts add up to all of them."""
    if not accounts.total:
        return "There is no input yet: keymortem fleet run examines some."
    told = [f"{n} {_COUNTED.get(word, (word, word))[n != 1]}" for word, n in accounts.by_state.items()]
    inputs = "1 input" if accounts.total == 1 else f"{accounts.total} inputs"
    return f"Of {inputs} {', '.join(told)}. Machines: {accounts.machines}."


def lacking(accounts: Accounts) -> Iterator[str]:
    """Yield what was not examined, or not as it is today, one sentence each."""
    if failed := accounts.by_state.get("failed"):
        yield f"{failed} input{_s(failed)} could not be examined: nothing is said of {'it' if failed == 1 else 'them'}."
    if accounts.pieces:
        yield f"{accounts.pieces} piece{_s(accounts.pieces)} of evidence inside examined inputs could not be examined."
    if accounts.in_part:
        many = accounts.in_part > 1
        yield (
            f"{accounts.in_part} machine{'s were' if many else ' was'} examined in part: a 0 of "
            f"{'theirs' if many else 'it'} is not known to be all."
        )
    if accounts.older:
        shown = "machine is" if accounts.older == 1 else "machines are"
        yield f"{accounts.older} {shown} shown as of an older state, not of today."


def across(report: FleetReport) -> str:
    """Say that nothing was judged across machines; empty where it was."""
    if report.is_judged_across:
        return ""
    return (
        "What machines share was not judged yet: the next keymortem fleet run does, and names clones and shared keys."
    )


def selection(report: FleetReport) -> str:
    """Say which rows are told; empty where all are."""
    words = report.filters.words
    return f"Only rows where {words}: {report.count} of {report.of_all}." if words else ""


def stopped(report: FleetReport) -> Iterator[str]:
    """Yield what the rules could not say."""
    for message, count in report.stopped:
        yield f"{message}{f' ({count} times)' if count > 1 else ''}"


def cause(one: Cause) -> str:
    """Say on how many machines a rule found something."""
    where = f"{one.machines} machine{_s(one.machines)}" if one.machines else f"{one.findings} finding{_s(one.findings)}"
    likely = ", likely" if one.likely == one.findings else ", some likely" if one.likely else ""
    undecided = f", undecided on {one.undecided} more" if one.undecided else ""
    return f"{where}{likely}{undecided}"


def month(one: Month) -> str:
    """Count what ends in a month."""
    ends = "certificate ends" if one.certificates == 1 else "certificates end"
    used = (
        f"{one.in_use} in use, on {one.machines_in_use} machine{_s(one.machines_in_use)}"
        if one.in_use
        else "none in use"
    )
    return f"{one.certificates} {ends}, on {one.machines} machine{_s(one.machines)}; {used}"


def end(one: Ends) -> str:
    """Say of a certificate when it ends, where, and who cares for it."""
    if one.machines == 1:
        renews = ", renews itself" if one.self_renewing else ""
        dead = ", key dead" if one.dead else ""
        used = ", in use" if one.in_use else ", not known to be used"
        return f"{day(one.ends)} {one.subject or one.thumbprint}: on {one.named[0]}{used}{renews}{dead}"
    where = f"on {one.machines} machines"
    used = f", in use on {one.in_use}" if one.in_use else ", not known to be used"
    renews = f", renews itself on {one.self_renewing}" if one.self_renewing else ""
    dead = f", key dead on {one.dead}" if one.dead else ""
    return f"{day(one.ends)} {one.subject or one.thumbprint}: {where}{used}{renews}{dead}"


def key_of_several(one: KeyOfSeveral) -> str:
    """Say what a private key on several machines is for, and who may use it."""
    called = one.subject or f"public key {one.key[:16]}"
    used = f"in use on {one.in_use}" if one.in_use else "no use of it is known"
    export = {"yes": "may be exported", "no": "may not be exported"}.get(
        one.exportable, "not known if it may be exported"
    )
    ends = f", ends on {day(one.ends)}" if one.ends else ""
    role = KEY_ROLES.get(one.role, one.role)
    return f"{called}, key {role}, on {one.machines} machines, {_HOLDERS[one.relation]}; {used}; {export}{ends}"


def named(names: Sequence[str], count: int, most: int) -> str:
    """Name a few of many.

    Args:
        names: Some of them.
        count: How many there are.
        most: How many are named.
    """
    shown = names[:most]
    more = f" and {count - len(shown)} more" if count > len(shown) else ""
    return f"{', '.join(shown)}{more}"


def source(row: dict[str, Any]) -> str:
    """Return the path of what a row is about: the piece of evidence where that is not the input itself."""
    return str(row["source"] or row["path"])


def reasons(row: dict[str, Any]) -> list[str]:
    """Return why a row was not examined, or in part, without the path that it names anyway."""
    return [reason.removeprefix(source(row)).lstrip(": ") for reason in row["not_examined"]]


def _s(count: int) -> str:
    return "" if count == 1 else "s"
