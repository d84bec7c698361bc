"""Which rows were added, removed or changed between two cases."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Literal

from forensics.late_methods import dataclass
from forensics.tables.row import Row
from forensics.tables.windows_path import WindowsPaths

Change = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class Compared:
    """What of a table is compared.

    Attributes:
        table: Table name.
        identity: Columns that say which row is which.
        columns: Columns that are compared.
        label: What to call a row.
        unknown: Those of them that are null where the source did not tell them.
    """

    table: str
    identity: tuple[str, ...]
    columns: tuple[str, ...]
    label: Callable[[Any], str]
    unknown: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that differs.

    Attributes:
        table: Table name.
        change: What became of it.
        label: What to call it.
        path: Its path as Windows writes it, where it has one.
        columns: Column, value before, value after; empty unless changed.
        before: The row before, None when added.
        after: The row after, None when removed.
    """

    table: str
    change: Change
    label: str
    path: str = ""
    columns: tuple[tuple[str, Any, Any], ...] = ()
    before: Row | None = None
    after: Row | None = None


_IDENTITY = (
    "computer_name",
    "domain_name",
    "domain_sid",
    "product_name",
    "build",
    "ubr",
    "install_date",
    "machine_guid",
    "machine_sid",
    "image_state",
    "generalization_state",
    "clone_tag",
    "physical_host",
    "vm_name",
)

_GUEST = "Microsoft\\Virtual Machine\\Guest\\Parameters"
FACTS_OF_KEYS = {
    "clone_tag": ("SYSTEM", "Setup"),
    "domain_name": ("SYSTEM", ""),
    "domain_sid": ("SECURITY", "Policy\\PolPrDmS"),
    "physical_host": ("SOFTWARE", _GUEST),
    "vm_name": ("SOFTWARE", _GUEST),
}
"""Facts of a machine that it may well not have, with hive and key: null says so, where the key was seen whole."""

_NOT_TOLD = ("not_tried", "not_examined")

COMPARED = (
    Compared(
        "machine",
        (),
        _IDENTITY,
        lambda r: r.computer_name or "(unnamed)",
        frozenset(_IDENTITY) - FACTS_OF_KEYS.keys(),
    ),
    Compared(
        "secret",
        ("name", "generation"),
        ("outcome", "fingerprint", "set_at"),
        lambda r: f"{r.name}, {r.generation}",
    ),
    Compared(
        "master_key",
        ("owner_sid", "half", "guid"),
        # Not the time of change, which a copy does not keep.
        ("outcome", "unlocked_by", "preferred"),
        lambda r: f"{r.guid} of {r.owner_sid}",
        frozenset(("preferred",)),
    ),
    Compared(
        "key_file",
        ("kind", "scope", "owner_sid", "file_name"),
        ("outcome", "size", "sha256", "public_key_sha256", "master_key_guid", "acl", "guid_is_current"),
        lambda r: f"{r.path} (container {r.container or '?'})",
        frozenset(("sha256", "public_key_sha256", "master_key_guid", "acl", "guid_is_current")),
    ),
    Compared(
        "certificate",
        ("store_scope", "owner_sid", "service", "store", "thumbprint"),
        ("container", "provider", "key_flags", "key_spec", "archived", "friendly_name"),
        lambda r: f"{r.subject or r.thumbprint}, store {r.store} ({r.store_scope}), {r.thumbprint}",
    ),
    Compared("service", ("name",), ("start", "delayed", "account", "image_path"), lambda r: str(r.name)),
    Compared("folder_acl", ("path",), ("owner", "acl"), lambda r: str(r.path), frozenset(("owner", "acl"))),
    Compared("provider", ("kind", "name"), ("image", "type"), lambda r: f"{r.name} ({r.kind})"),
    Compared(
        "guardian",
        ("origin", "store", "thumbprint", "source_path"),
        ("verdict", "has_key_file"),
        lambda r: f"{r.subject or r.source_path}, {r.thumbprint}",
        frozenset(("has_key_file",)),
    ),
    Compared(
        "vm",
        ("vm_id", "is_checkpoint"),
        ("name", "outcome", "vtpm", "key_protector", "needs", "starts_here"),
        lambda r: r.name or r.vm_id or r.source_path,
    ),
)


Place = Callable[[str], str]
"""Makes paths of two sources alike: one may hold the system drive in a folder."""


def differences(
    compared: Compared,
    before: Iterable[Row],
    after: Iterable[Row],
    old_place: Place,
    new_place: Place,
    old_paths: WindowsPaths,
    new_paths: WindowsPaths,
) -> list[Difference]:
    """Compare the rows of one table of one machine; rows of one identity are compared in their order.

    Args:
        compared: What is compared.
        before: Rows before.
        after: Rows after.
        old_place: Applied to paths before.
        new_place: Applied to paths after.
        old_paths: Writes paths before as Windows does.
        new_paths: Writes paths after as Windows does.
    """
    old, new = _by_identity(compared, before, old_place), _by_identity(compared, after, new_place)
    found = []
    for identity in [*old, *(key for key in new if key not in old)]:
        was, now = old.get(identity), new.get(identity)
        if was is None:
            assert now is not None
            found.append(Difference(compared.table, "added", *_told(compared, now, new_paths), after=now))
        elif now is None:
            found.append(Difference(compared.table, "removed", *_told(compared, was, old_paths), before=was))
        elif columns := _changed(compared, was, now):
            found.append(Difference(compared.table, "changed", *_told(compared, now, new_paths), columns, was, now))
    return found


def _told(compared: Compared, row: Row, paths: WindowsPaths) -> tuple[str, str]:
    """Return what to call a row, and its path as Windows writes it."""
    path = paths.of(row.machine_id, getattr(row, "path", None)) or ""
    return compared.label(replace(row, path=path) if path else row), path  # type: ignore[call-arg]


def _by_identity(compared: Compared, rows: Iterable[Row], place: Place) -> dict[tuple[Any, ...], Row]:
    sorted_rows: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        key = tuple(
            place(getattr(row, column)) if column in ("path", "source_path") else _folded(getattr(row, column))
            for column in compared.identity
        )
        count = 0
        while (*key, count) in sorted_rows:
            count += 1
        sorted_rows[(*key, count)] = row
    return sorted_rows


def _folded(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _changed(compared: Compared, was: Row, now: Row) -> tuple[tuple[str, Any, Any], ...]:
    if "not_examined" in (getattr(was, "outcome", ""), getattr(now, "outcome", "")):
        return ()
    pairs = ((column, getattr(was, column), getattr(now, column)) for column in compared.columns)
    return tuple(pair for pair in pairs if pair[1] != pair[2] and _both_told(compared, *pair))


def _both_told(compared: Compared, column: str, was: object, now: object) -> bool:
    """A value that one source did not tell has not changed."""
    if column in compared.unknown and None in (was, now):
        return False
    return was not in _NOT_TOLD and now not in _NOT_TOLD
