"""Whether the computer's certificate stores, and the hives that verdicts rest on, were seen whole."""

from __future__ import annotations

from forensics.case_tables import CaseTables
from forensics.language import sentence
from forensics.report.former import NOTHING_OF_TODAY, is_former_only
from forensics.sources.coverage import OWN_CERTIFICATES, Coverage, Place, together
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.outcome import NOT_COLLECTED, Outcome

_UNREAD = "not_examined"
_HIVES = ("SYSTEM", "SOFTWARE", "SECURITY")
_NEVER_DECIDED = ("sealed_tpm", "sealed_vbs", "needs_pin")
_ELEMENT = sentence("a certificate in the computer's stores cannot be read.")
_BECAUSE = {
    "unreadable": sentence("the SOFTWARE hive, which holds the computer's certificate stores, cannot be read."),
    "partial": sentence("of the SOFTWARE hive, which holds the computer's certificate stores, only a part was read."),
    "not_examined": sentence(
        "the SOFTWARE hive, which holds the computer's certificate stores, was not there to read."
    ),
}

_OWN_FOLDER = "AppData\\Roaming\\Microsoft\\SystemCertificates\\My"
_OF_OWN_STORE = {
    "unreadable": sentence("the folder of the user's own certificates ({path}) cannot be read.", path=_OWN_FOLDER),
    "partial": sentence("the folder of the user's own certificates ({path}) was read in part only.", path=_OWN_FOLDER),
    "not_examined": sentence(
        "the folder of the user's own certificates ({path}) was not there to read.", path=_OWN_FOLDER
    ),
    "absent": sentence("the folder of the user's own certificates ({path}) is not there.", path=_OWN_FOLDER),
}


def saw_own_certificates(coverage: Coverage) -> Outcome:
    """Say whether the certificates that users of profiles alone have of their own were seen whole."""
    rows = (row for row in coverage if row.area == "folder" and row.name.startswith(OWN_CERTIFICATES))
    return together(Outcome(row.outcome, row.detail) for row in rows)


def unseen_stores(case: CaseTables) -> dict[int, Outcome]:
    """Return the installations whose computer's certificate stores were not seen whole, with what was seen of each.

    Of profiles alone the stores of their users count.
    """
    found = {}
    for machine in case.present.rows("machine"):
        coverage = case.coverage_of(machine)
        if machine.kind == "profile":
            if not (mine := saw_own_certificates(coverage)).is_whole:
                found[machine.machine_id] = mine
            continue
        seen = coverage.saw_certificates()
        if not seen.is_whole:
            # Of an export that lacks the stores a part of the hive was there.
            found[machine.machine_id] = together([coverage.saw(Place.of_hive("SOFTWARE")), seen])
    return found


def hives_in_part(case: CaseTables) -> dict[int, list[str]]:
    """Return the installations of which a hive that verdicts rest on was read in part, with the names of such hives."""
    found: dict[int, list[str]] = {}
    for machine in case.present.rows("machine"):
        coverage = case.coverage_of(machine)
        for name in _HIVES:
            if coverage.saw(Place.of_hive(name)).state == "partial":
                found.setdefault(machine.machine_id, []).append(name)
    return found


def judges_nothing(case: CaseTables) -> bool:
    """Tell whether not one certificate's key was judged, though there are such keys, or may be in stores not seen.

    Former installations do not count. Of a computer that was read whole and has keys of users only, all was said that
    can be said without a password.
    """
    if is_former_only(case):
        return True
    case = case.present
    chains = [chain for chain in case.rows("key_chain") if chain.thumbprint]
    if any(_is_judged(chain) for chain in chains):
        return False
    return not all(_waits_for_password(chain) for chain in chains) or bool(unseen_stores(case))


def _is_judged(chain: KeyChainRow) -> bool:
    """Tell whether as much was said of a key as a disk can tell: one in a TPM stays undecided on every disk."""
    return chain.verdict != "unknown" or chain.private_key in _NEVER_DECIDED


def _waits_for_password(chain: KeyChainRow) -> bool:
    """Tell whether all is there but the password of the key's user, which is on no disk."""
    return (chain.private_key, chain.unlocked_by) == ("locked", "not_tried")


def no_certificate(case: CaseTables) -> str:
    """Return the sentence for a case without a single certificate that names a private key."""
    if is_former_only(case):
        return NOTHING_OF_TODAY
    if because := _because(case):
        return sentence("No certificate could be judged: {why}", why=because)
    return sentence("No certificate here names a private key or should have one.")


def further_certificates(case: CaseTables) -> str:
    """Return the sentence that a list of certificates may not be whole, and why; empty where it is."""
    because = _because(case)
    return sentence("There may be more: {why}", why=because) if because else ""


def _because(case: CaseTables) -> str:
    case = case.present
    unseen = unseen_stores(case)
    profiles = {m.machine_id for m in case.rows("machine") if m.kind == "profile"}
    if unseen and unseen.keys() <= profiles:
        return _OF_OWN_STORE[next(iter(unseen.values())).state]
    unseen = {number: outcome for number, outcome in unseen.items() if number not in profiles}
    lacking = {m.machine_id for m in case.rows("machine") if not case.coverage_of(m).saw_store().is_whole}
    states = {outcome.state for machine_id, outcome in unseen.items() if machine_id in lacking}
    if unseen and not states:
        return _ELEMENT
    if states == {"not_examined"} and (why := _not_obtained(case)):
        return sentence(
            "the SOFTWARE hive, which holds the computer's certificate stores, was not read: {why}.", why=why
        )
    return next((because for state, because in _BECAUSE.items() if state in states), "")


def _not_obtained(case: CaseTables) -> str | None:
    """Return why a SOFTWARE that is there was not read."""
    rows = (row for row in case.rows("coverage") if (row.area, row.name, row.outcome) == ("hive", "SOFTWARE", _UNREAD))
    return next((row.detail for row in rows if row.detail and row.detail != NOT_COLLECTED.why), None)
