"""Which keys died between two examinations, and by which change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

from forensics.comparison.differences import Difference, Place
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.tables.certificate import KeyFileRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.windows_path import WindowsPaths

Fate = Literal["died", "revived", "gone", "new", "undecided now", "decided now"]


@dataclass(frozen=True, slots=True)
class KeyChange:
    """What became of one private key.

    Attributes:
        fate: ``died``: usable before, unusable after; ``revived``: the other way round; ``gone``: the certificate is no
            longer there; ``new``: it was not there before.
        before: Its row before, None when new.
        after: Its row after, None when gone.
        cause: The change that broke the first broken link, one sentence, or why it is undecided now; empty when
            nothing changed hands.
        also: Changes that broke later links, which would keep the key shut after the first one is mended.
        known_by: ``values`` where a compared value explains the broken link, ``inference`` otherwise.
        lost: When the dead one lost its file, as witnesses of the past tell; None where none does.
        path: Its key file as Windows writes it, after where it is there; None where none is known.
    """

    fate: Fate
    before: KeyChainRow | None
    after: KeyChainRow | None
    cause: str
    also: tuple[str, ...]
    known_by: Literal["values", "inference"]
    lost: str | None = None
    path: str | None = None


def key_changes(
    before: Iterable[KeyChainRow],
    after: Iterable[KeyChainRow],
    found: Sequence[Difference],
    old_place: Place,
    new_place: Place,
    old_paths: WindowsPaths,
    new_paths: WindowsPaths,
) -> list[KeyChange]:
    """Compare verdicts of the keys of one machine.

    A key without certificate (one that IIS or another program uses by its name) is followed by its file, and is in the
    list when its verdict changed; that its file came or went is among the differences of table ``key_file``.

    Args:
        before: Rows before.
        after: Rows after.
        found: What else differs on the machine.
        old_place: Applied to paths before, as in :func:`differences`.
        new_place: Applied to paths after.
        old_paths: Writes paths before as Windows does.
        new_paths: Writes paths after as Windows does.
    """
    old = {_identity(chain, old_place): chain for chain in before}
    new = {_identity(chain, new_place): chain for chain in after}
    changes = []
    for identity in [*old, *(identity for identity in new if identity not in old)]:
        was, now = old.get(identity), new.get(identity)
        fate = _fate(was, now)
        if fate is None or (identity[0] is None and fate in ("gone", "new")):
            continue
        causes = (
            tuple(_causes(was, now, found, new_paths)) if fate == "died" and was is not None and now is not None else ()
        )
        told = causes[0] if causes else _unexplained(fate, now)
        known_by: Literal["values", "inference"] = "values" if causes else "inference"
        changes.append(
            KeyChange(fate, was, now, told, causes[1:], known_by, path=_path(was, now, old_paths, new_paths))
        )
    return changes


def _path(
    was: KeyChainRow | None, now: KeyChainRow | None, old_paths: WindowsPaths, new_paths: WindowsPaths
) -> str | None:
    if now is not None:
        return new_paths.of(now.machine_id, now.key_file_path)
    return old_paths.of(was.machine_id, was.key_file_path) if was is not None else None


def _identity(chain: KeyChainRow, place: Place) -> tuple[str | None, ...]:
    if chain.thumbprint is None:
        return (None, place(chain.key_file_path or ""))
    return (chain.thumbprint, (chain.store or "").lower(), chain.store_scope, chain.owner_sid)


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
        return sentence("it breaks at {link} now; nothing that was compared explains it", link=now.broken_at or "?")
    if fate == "undecided now" and now is not None:
        return now.reason
    return ""


def _causes(was: KeyChainRow, now: KeyChainRow, found: Sequence[Difference], paths: WindowsPaths) -> Iterator[str]:
    """Name the change that explains the first broken link, then those of later links; none when the first has none."""
    cause = next(_FINDERS.get(now.broken_at or "", _nothing)(now, found), None)
    if cause is None and (was.private_key, now.private_key) == ("proved", "damaged"):
        path = paths.of(now.machine_id, now.key_file_path) or "?"
        cause = sentence("the private half in {path} was damaged: it was sound before", path=path)
    if cause is None:
        return
    yield cause
    if now.broken_at in ("claim", "key_file", "public_key", "access"):
        yield from _master_key(now, found)
        if now.unlocked_by in ("previous", "nothing"):
            yield from _secret(now, found)
    if now.broken_at == "public_key":
        yield from _machine_guid(found)


_SAY_NO_DAMAGE = ("acl", "guid_is_current", "sha256")
"""Columns of a key file that differ although it may be sound; that its content differs, other columns say better."""


def _nothing(now: KeyChainRow, found: Sequence[Difference]) -> Iterator[str]:
    yield from ()


def _machine_guid(found: Sequence[Difference]) -> Iterator[str]:
    for difference in _of(found, "machine"):
        for column, was, is_now in difference.columns:
            if column == "machine_guid" and was and is_now:
                yield sentence(
                    "MachineGuid changed from {before} to {after}: key files with the earlier one are no longer found",
                    before=was,
                    after=is_now,
                )


def _key_file(now: KeyChainRow, found: Sequence[Difference]) -> Iterator[str]:
    if now.key_file == "other_machine_guid":
        yield from _machine_guid(found)
    for difference, row in _key_files(found):
        if now.key_file == "absent" and difference.change == "removed" and _is_container(row, now):
            yield sentence("the key file {path} was removed", path=difference.path)
    yield from _damaged_file(now, found)


def _public_key(now: KeyChainRow, found: Sequence[Difference]) -> Iterator[str]:
    for difference, row in _key_files(found):
        is_other_key = any(column == "public_key_sha256" for column, _, _ in difference.columns)
        if row.path == now.key_file_path and (difference.change == "added" or is_other_key):
            yield sentence(
                "the container {container} was made anew: {path} holds another key than the certificate's",
                container=now.container or row.container or "?",
                path=difference.path,
            )
    yield from _damaged_file(now, found)


def _damaged_file(now: KeyChainRow, found: Sequence[Difference]) -> Iterator[str]:
    for difference, row in _key_files(found):
        columns = ", ".join(column for column, _, _ in difference.columns if column not in _SAY_NO_DAMAGE)
        if difference.change == "changed" and row.path == now.key_file_path and columns:
            yield sentence("the key file {path} was changed ({columns})", path=difference.path, columns=columns)


def _access(now: KeyChainRow, found: Sequence[Difference]) -> Iterator[str]:
    for difference, row in _key_files(found):
        for column, was, is_now in difference.columns:
            if column == "acl" and row.path == now.key_file_path:
                yield sentence(
                    "the access list of the key file changed from {before} to {after}",
                    before=str(was),
                    after=str(is_now),
                )
    for difference in _of(found, "folder_acl"):
        folder = str(getattr(difference.after, "path", "")).lower()
        if folder and (now.key_file_path or "").lower().startswith(f"{folder}/"):
            yield sentence("the access list of the folder {path} changed", path=difference.label)


def _master_key(now: KeyChainRow, found: Sequence[Difference]) -> Iterator[str]:
    guid = now.master_key_guid or "?"
    for difference in _of(found, "master_key"):
        if getattr(difference.before or difference.after, "guid", None) != now.master_key_guid:
            continue
        if difference.change == "removed":
            yield sentence("the master key file {guid} was removed", guid=guid)
        for column, was, is_now in difference.columns:
            if column == "outcome":
                yield sentence(
                    "the master key file {guid} was {before} and is {after}", guid=guid, before=was, after=is_now
                )


def _secret(now: KeyChainRow, found: Sequence[Difference]) -> Iterator[str]:
    guid = now.master_key_guid or "?"
    if now.unlocked_by == "previous":
        replaced = sentence(
            "DPAPI_SYSTEM was replaced: only the earlier one, kept in OldVal, opens the master key {guid}", guid=guid
        )
    else:
        replaced = sentence("DPAPI_SYSTEM was replaced: it does not open the master key {guid}", guid=guid)
    for difference in _of(found, "secret"):
        is_current = getattr(difference.after, "generation", None) == "current"
        if is_current and any(column == "fingerprint" and was and now_ for column, was, now_ in difference.columns):
            yield replaced


def _service(now: KeyChainRow, found: Sequence[Difference]) -> Iterator[str]:
    for difference in _of(found, "service"):
        for column, was, is_now in difference.columns:
            if column == "start" and difference.label.lower() == "keyiso":
                yield sentence(
                    "the service KeyIso (CNG Key Isolation) went from start type {before} to {after}",
                    before=str(was),
                    after=str(is_now),
                )


def _provider(now: KeyChainRow, found: Sequence[Difference]) -> Iterator[str]:
    for difference in _of(found, "provider"):
        name = getattr(difference.before, "name", "")
        if difference.change == "removed" and name.lower() == (now.provider or "").lower():
            yield sentence("the provider {name} is no longer registered", name=name)


def _claim(now: KeyChainRow, found: Sequence[Difference]) -> Iterator[str]:
    for difference in _of(found, "certificate"):
        if getattr(difference.after, "thumbprint", None) == now.thumbprint and difference.columns:
            columns = ", ".join(column for column, _, _ in difference.columns)
            yield sentence("what the certificate says of its key was changed ({columns})", columns=columns)


_FINDERS: dict[str, Callable[[KeyChainRow, Sequence[Difference]], Iterator[str]]] = {
    "access": _access,
    "claim": _claim,
    "key_file": _key_file,
    "master_key": _master_key,
    "private_key": _damaged_file,
    "provider": _provider,
    "public_key": _public_key,
    "secret": _secret,
    "service": _service,
}


def _of(found: Sequence[Difference], table: str) -> Iterator[Difference]:
    return (difference for difference in found if difference.table == table)


def _key_files(found: Sequence[Difference]) -> Iterator[tuple[Difference, KeyFileRow]]:
    for difference in _of(found, "key_file"):
        row = difference.after or difference.before
        if isinstance(row, KeyFileRow):
            yield difference, row


def _is_container(row: KeyFileRow, chain: KeyChainRow) -> bool:
    """Tell whether a file was the chain's: containers of two owners, or of two providers, may have one name."""
    same_owner = row.owner_sid == chain.owner_sid or row.scope == "machine"
    return row.container is not None and row.container == chain.container and same_owner
