"""Which keys died between two examinations, and by which change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from forensics.comparison.tables import Difference
from forensics.structure import dataclass
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.machine import MachineRow

Fate = Literal["died", "revived", "gone", "new", "undecided now", "decided now"]


@dataclass(frozen=True, slots=True)
class KeyChange:
    """What became of one certificate's key.

    Attributes:
        fate: ``died``: usable before, unusable after; ``revived``: the other way round; ``gone``: the certificate is no
            longer there; ``new``: it was not there before.
        before: Its row before, None when new.
        after: Its row after, None when gone.
        cause: Which change explains it, one sentence; empty when nothing changed hands.
        known_by: ``values`` where a compared value explains the broken link, ``inference`` otherwise.
    """

    fate: Fate
    before: KeyChainRow | None
    after: KeyChainRow | None
    cause: str
    known_by: Literal["values", "inference"]


def key_changes(
    before: Iterable[KeyChainRow], after: Iterable[KeyChainRow], found: Sequence[Difference]
) -> list[KeyChange]:
    """Compare verdicts of the certificates of one machine.

    Args:
        before: Rows before.
        after: Rows after.
        found: What else differs on the machine.
    """
    old, new = _by_certificate(before), _by_certificate(after)
    changes = []
    for key in [*old, *(key for key in new if key not in old)]:
        was, now = old.get(key), new.get(key)
        fate = _fate(was, now)
        if fate is None:
            continue
        cause = _cause(now, found) if fate == "died" and now is not None else ""
        changes.append(KeyChange(fate, was, now, cause or _unexplained(fate, now), "values" if cause else "inference"))
    return changes


def _by_certificate(chains: Iterable[KeyChainRow]) -> dict[tuple[str | None, ...], KeyChainRow]:
    return {(c.thumbprint, (c.store or "").lower(), c.store_scope, c.owner_sid): c for c in chains if c.thumbprint}


def _fate(was: KeyChainRow | None, now: KeyChainRow | None) -> Fate | None:
    if was is None or now is None:
        return "new" if was is None else "gone"
    if was.verdict == now.verdict:
        return None
    if now.verdict == "unknown":
        return "undecided now"
    if was.verdict == "unknown":
        return "decided now"
    return "died" if now.verdict == "unusable" else "revived"


def _unexplained(fate: Fate, now: KeyChainRow | None) -> str:
    if fate == "died" and now is not None:
        return f"it breaks at {now.broken_at} now; nothing that was compared explains it"
    return ""


def _cause(now: KeyChainRow, found: Sequence[Difference]) -> str:
    """Name the change that explains the broken link of a chain, empty when none does."""
    finder = {
        "key_file": _key_file,
        "public_key": _key_file,
        "private_key": _key_file,
        "access": _access,
        "master_key": _master_key,
        "secret": _secret,
        "service": _service,
        "provider": _provider,
        "claim": _claim,
    }.get(now.broken_at or "")
    return next(finder(now, found), "") if finder else ""


def _key_file(now: KeyChainRow, found: Sequence[Difference]) -> Iterator[str]:
    if now.key_file == "other_machine_guid":
        for difference in found:
            if isinstance(difference.after, MachineRow):
                for column, was, is_now in difference.columns:
                    if column == "machine_guid":
                        yield f"MachineGuid changed from {was} to {is_now}: the key file still bears the earlier one"
    for difference in _of(found, "key_file"):
        path = getattr(difference.before or difference.after, "path", None)
        container = getattr(difference.before, "container", None)
        if difference.change == "removed" and container is not None and container == now.container:
            yield f"the key file {path} was removed"
        if difference.change == "changed" and path == now.key_file_path:
            columns = ", ".join(column for column, _, _ in difference.columns if column != "acl")
            if columns:
                yield f"the key file {path} was changed ({columns})"


def _access(now: KeyChainRow, found: Sequence[Difference]) -> Iterator[str]:
    for difference in _of(found, "key_file"):
        for column, was, is_now in difference.columns:
            if column == "acl" and getattr(difference.after, "path", None) == now.key_file_path:
                yield f"the access list of the key file changed from {was} to {is_now}"


def _master_key(now: KeyChainRow, found: Sequence[Difference]) -> Iterator[str]:
    for difference in _of(found, "master_key"):
        if getattr(difference.before or difference.after, "guid", None) == now.master_key_guid:
            what = "was removed" if difference.change == "removed" else "was changed"
            yield f"the master key file {now.master_key_guid} {what}"


def _secret(now: KeyChainRow, found: Sequence[Difference]) -> Iterator[str]:
    for difference in _of(found, "secret"):
        if getattr(difference.after or difference.before, "generation", None) != "current":
            continue
        changed = any(column == "fingerprint" for column, _, _ in difference.columns)
        if changed or difference.change != "changed":
            yield "DPAPI_SYSTEM was replaced: what the earlier one protects opens no longer"


def _service(now: KeyChainRow, found: Sequence[Difference]) -> Iterator[str]:
    for difference in _of(found, "service"):
        for column, was, is_now in difference.columns:
            if column == "start" and difference.label.lower() == "keyiso":
                yield f"the service KeyIso (CNG Key Isolation) went from start type {was} to {is_now}"


def _provider(now: KeyChainRow, found: Sequence[Difference]) -> Iterator[str]:
    for difference in _of(found, "provider"):
        name = getattr(difference.before, "name", "")
        if difference.change == "removed" and name.lower() == (now.provider or "").lower():
            yield f"the provider {name} is no longer registered"


def _claim(now: KeyChainRow, found: Sequence[Difference]) -> Iterator[str]:
    for difference in _of(found, "certificate"):
        if getattr(difference.after, "thumbprint", None) == now.thumbprint and difference.columns:
            columns = ", ".join(column for column, _, _ in difference.columns)
            yield f"what the certificate says of its key was changed ({columns})"


def _of(found: Sequence[Difference], table: str) -> Iterator[Difference]:
    return (difference for difference in found if difference.table == table)
