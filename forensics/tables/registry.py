"""Every table by name, and what its columns hold."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import cache
from typing import Literal, get_args

from forensics.late_methods import dataclass
from forensics.tables.authority import CaEkListEntryRow, CaEkListRow, CaRow
from forensics.tables.certificate import CertificateRow, KeyFileRow
from forensics.tables.efs_agent import EfsAgentRow
from forensics.tables.event import EventRow, PackageRow, SetupEventRow
from forensics.tables.former_windows import FormerWindowsRow
from forensics.tables.history import KeyHistoryRow
from forensics.tables.hyperv import BitLockerRow, GuardianRow, GuardianTraceRow, VmGuardianRow, VmRow
from forensics.tables.identity import SharedIdentityRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.key_folder import KeyFolderRow
from forensics.tables.machine import MachineRow, ServiceRow, UserRow
from forensics.tables.record import CoverageRow, ProblemRow
from forensics.tables.row import Row, columns
from forensics.tables.secrets import MasterKeyRow, SecretRow
from forensics.tables.secure_boot import SecureBootRow
from forensics.tables.shadow_copy import ShadowCopyRow
from forensics.tables.shared_key import SharedKeyRow
from forensics.tables.tpm import TpmRow
from forensics.tables.use import CertificateUseRow, FolderAclRow, PolicyRow, ProviderRow, TemplateRow

_CLASSES: tuple[type[Row], ...] = (
    MachineRow,
    CertificateRow,
    KeyFileRow,
    KeyFolderRow,
    MasterKeyRow,
    SecretRow,
    KeyChainRow,
    KeyHistoryRow,
    ShadowCopyRow,
    ServiceRow,
    EventRow,
    SetupEventRow,
    PackageRow,
    UserRow,
    CertificateUseRow,
    TemplateRow,
    PolicyRow,
    FolderAclRow,
    ProviderRow,
    SecureBootRow,
    SharedIdentityRow,
    SharedKeyRow,
    FormerWindowsRow,
    EfsAgentRow,
    TpmRow,
    CaRow,
    CaEkListRow,
    CaEkListEntryRow,
    GuardianRow,
    VmRow,
    VmGuardianRow,
    GuardianTraceRow,
    BitLockerRow,
    ProblemRow,
    CoverageRow,
)

ROW_CLASSES: dict[str, type[Row]] = {row_class.table: row_class for row_class in _CLASSES}

CONTRACT_TABLES = (
    "machine",
    "certificate",
    "key_file",
    "key_folder",
    "master_key",
    "secret",
    "key_chain",
    "key_history",
    "shadow_copy",
    "service",
    "event",
    "setup_event",
    "package",
    "certificate_use",
    "template",
    "policy",
    "folder_acl",
    "provider",
    "secure_boot",
    "shared_identity",
    "shared_key",
    "former_windows",
    "efs_agent",
    "user",
    "tpm",
    "ca",
    "ca_eklist",
    "ca_eklist_entry",
    "guardian",
    "vm",
    "vm_guardian",
    "guardian_trace",
    "bitlocker",
    "problem",
    "coverage",
)
"""Every table a reader of the JSON document may rely on, filled by this version or not."""

Kind = Literal["text", "integer", "boolean", "datetime", "list"]
_KINDS: dict[str, Kind] = {
    "str": "text",
    "int": "integer",
    "bool": "boolean",
    "datetime": "datetime",
    "list": "list",
}


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """One column as documentation, databases and data frames need it.

    Attributes:
        name: Column name.
        kind: What a cell holds.
        nullable: A cell may be None.
        doc: One line.
        possible_values: The words that a cell, or an item of a list, is one of; empty for a column without vocabulary.
    """

    name: str
    kind: Kind
    nullable: bool
    doc: str
    possible_values: tuple[str, ...] = ()

    @property
    def meaning(self) -> str:
        """What the column means, with its words."""
        *first, last = self.possible_values or ("",)
        return f"{', '.join(first)} or {last}: {self.doc}" if first else self.doc


@cache
def column_specs(table: str) -> tuple[ColumnSpec, ...]:
    """Return the columns of a table in their documented order; none for a table that this version never fills.

    Raises:
        TypeError: A column has a type that no case file can hold.
    """
    if table not in ROW_CLASSES:
        return ()
    row_class = ROW_CLASSES[table]
    return tuple(_spec(row_class, f.name, str(f.type), f.metadata["doc"]) for f in columns(row_class))


def _spec(row_class: type[Row], name: str, hint: str, doc: str) -> ColumnSpec:
    # Annotations are text here; typing.get_type_hints takes longer than all the rest of a table, at every start.
    bare = hint.removesuffix(" | None")
    kind = _KINDS.get(bare.partition("[")[0], "text")
    inner = bare.removeprefix("list[").removesuffix("]")
    words = () if inner in _KINDS else get_args(vars(sys.modules[row_class.__module__]).get(inner))
    if inner not in _KINDS and not words:
        raise TypeError(f"column {row_class.table}.{name} has a type no case file can hold: {hint}")
    return ColumnSpec(name, kind, bare != hint, doc, words)


def by_table(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Sort rows into their tables; every table is there, filled or not."""
    tables: dict[str, list[Row]] = {name: [] for name in CONTRACT_TABLES}
    for row in rows:
        tables.setdefault(row.table, []).append(row)
    return tables
