"""The tables of the report: certificates, key files, master keys, events; to be sorted and filtered in the page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import field
from datetime import datetime
from typing import Any

from markupsafe import Markup

from forensics.case_tables import CaseTables
from forensics.language import _, standing, told
from forensics.late_methods import dataclass
from forensics.report.facts import Facts
from forensics.report.html.chains import ChainViews, group_of
from forensics.report.html.packed import PAGE, packed
from forensics.report.uses import account_of
from forensics.tables.certificate import CertificateRow, KeyFileRow
from forensics.tables.key_chain import REQUEST, KeyChainRow
from forensics.tables.secrets import MasterKeyRow
from forensics.tables.timestamps import told_day
from forensics.tables.use import CertificateUseRow

MOST = 20_000
"""Display: rows of one table, which the page shows a few at a time."""

VERDICTS = {
    "dead": "dead",
    "undecided": "undecided",
    "open": "open to everybody",
    "usable": "usable",
    "daily": "made anew within days",
    "": "–",
}
OPENS = {"usable": "opens", "unusable": "does not open", "unknown": "unknown"}
_OPENS_STATES = {"usable": "usable", "unusable": "dead", "unknown": "undecided"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell.

    Attributes:
        text: What stands in it.
        kind: Empty, ``code`` for identifiers and paths, ``state-...`` for a coloured word.
        anchor: Where the page tells more.
        below: An identifier or a path under it.
    """

    text: str
    kind: str = ""
    anchor: str | None = None
    below: str = ""


@dataclass(slots=True)
class TableView:
    """One table of the page.

    Attributes:
        name: Identity in the page.
        title: Heading.
        columns: Headings of its columns.
        rows: Cells by row.
        choices: Column to choose by, and what there is to choose.
        more: Rows left out.
    """

    name: str
    title: str
    columns: list[str]
    rows: list[list[Cell]] = field(default_factory=list)
    choice_column: int = 0
    more: int = 0

    @property
    def drawn(self) -> list[list[Cell]]:
        """Rows that the page shows at first."""
        return self.rows[:PAGE]

    @property
    def packed(self) -> Markup:
        """The other rows, as ``lists.js`` draws them; empty where there are none."""
        return packed([_as_data(row) for row in self.rows[PAGE:]]) if self.rows[PAGE:] else Markup()

    @property
    def choices(self) -> list[str]:
        """Values to choose by, each once."""
        found = dict.fromkeys(row[self.choice_column].text for row in self.rows)
        return sorted(found) if 1 < len(found) <= 12 else []


class Tables:
    """Makes the tables.

    Args:
        case: The case.
        chains: The chains as they are drawn, which cells lead to.
    """

    def __init__(self, case: CaseTables, chains: ChainViews) -> None:
        self.case, self.chains = case, chains
        self.facts: Facts = chains.facts
        self._several = len(case.rows("machine")) > 1
        self._chain_of: dict[tuple[Any, ...], KeyChainRow] = {}
        self._opens: dict[tuple[int, str], KeyChainRow] = {}
        for chain in case.rows("key_chain"):
            self._chain_of[_place(chain)] = chain
            if chain.key_file_path:
                self._opens.setdefault((chain.machine_id, chain.key_file_path.lower()), chain)

    def certificates(self) -> TableView:
        """Return the certificates of every store."""
        columns = [
            "Private key",
            "Subject, thumbprint",
            "Store",
            "Valid from",
            "Valid until",
            "Key",
            "Used by",
            "Issuer",
        ]
        rows = sorted(self.case.rows("certificate"), key=lambda r: (_place(r) not in self._chain_of, _end(r)))
        return self._table("certificates", "Certificates", columns, rows, self._certificate)

    def keys(self) -> TableView:
        """Return the key files."""
        columns = ["Opens", "Container, file", "Kind", "Algorithm", "MachineGuid", "Exportable", "Made", "Access list"]
        return self._table("keys", "Key files", columns, self.case.rows("key_file"), self._key)

    def master_keys(self) -> TableView:
        """Return the master keys."""
        columns = ["Opened by", "GUID, file", "Owner", "Half", "Preferred", "Backup", "Made", "Algorithms"]
        return self._table("masterkeys", "Master keys", columns, self.case.rows("master_key"), self._master_key)

    def uses(self) -> TableView:
        """Return who uses which key, as which account; those that it would not open first."""
        columns = ["Opens", "Used by", "Account", "Certainty", "Reason", "Certificate, key file"]
        first = ("unusable", "unknown", "usable")
        rows = sorted(self.case.rows("certificate_use"), key=lambda row: first.index(row.opens))
        return self._table("uses", "Who uses which key", columns, rows, self._use)

    def _table(
        self, name: str, title: str, columns: list[str], rows: list[Any], cells: Callable[[Any], Iterable[Cell]]
    ) -> TableView:
        headings = [*(["Machine"] if self._several else []), *columns]
        view = TableView(name, _(title), [_(heading) for heading in headings])
        view.choice_column = int(self._several)
        for row in rows[:MOST]:
            machine = [Cell(self.facts.machine_name(row.machine_id))] if self._several else []
            view.rows.append([*machine, *cells(row)])
        view.more = max(0, len(rows) - MOST)
        return view

    def _certificate(self, row: CertificateRow) -> Iterable[Cell]:
        chain = self._chain_of.get(_place(row))
        group = group_of(chain) if chain else ""
        yield Cell(_(VERDICTS[group]), f"state-{group or 'none'}", self.chains.anchor(chain) if chain else None)
        yield Cell(row.subject or _("(no subject)"), "name", below=row.thumbprint)
        yield Cell(f"{row.store}, {row.store_scope}")
        yield Cell(_day(row.not_before), "date")
        ended = row.store.upper() != REQUEST and row.not_after is not None and row.not_after < self.case.as_of
        yield Cell(_day(row.not_after), "date state-expired" if ended else "date")
        yield Cell(f"{row.key_algorithm or '?'} {row.key_bits or ''}", "short")
        yield Cell(", ".join(row.uses or ()))
        yield Cell(_("itself") if row.self_signed else row.issuer or "", "issuer")

    def _use(self, row: CertificateUseRow) -> Iterable[Cell]:
        anchor = self.chains.anchor_of(row.machine_id, row.thumbprint)
        yield Cell(_(OPENS[row.opens]), f"state-{_OPENS_STATES[row.opens]}", anchor)
        yield Cell(row.label or row.consumer, "name")
        yield Cell(account_of(row) or _("unknown"))
        yield Cell(_(row.certainty), "short")
        yield Cell(told(standing(row.opens_reason)))
        yield Cell(row.thumbprint or "", "code", below=self.facts.path(row.machine_id, row.key_file_path))

    def _key(self, row: KeyFileRow) -> Iterable[Cell]:
        chain = self._opens.get((row.machine_id, row.path.lower()))
        group = (group_of(chain) if chain else "") or ""
        if chain is not None and group == "orphan":
            group = {"usable": "usable", "unusable": "dead"}.get(chain.verdict, "undecided")
        yield Cell(_(VERDICTS[group]), f"state-{group or 'none'}", self.chains.anchor(chain) if chain else None)
        yield Cell(row.container or "?", "name", below=self.facts.path(row.machine_id, row.path))
        owner = f" {row.owner_sid}" if row.scope == "user" and row.owner_sid else ""
        yield Cell(f"{row.kind}, {row.scope}{owner}")
        yield Cell(" ".join(str(v) for v in (row.algorithm, row.bits) if v), "short")
        current = {True: "the present one", False: "another", None: "–"}[row.guid_is_current]
        yield Cell(_(current), "state-dead" if row.guid_is_current is False else "")
        yield Cell(_(row.exportable))
        yield Cell(_day(row.created), "date")
        yield Cell(row.acl or "", "code")

    def _master_key(self, row: MasterKeyRow) -> Iterable[Cell]:
        state = {"current": "usable", "previous": "dead", "nothing": "dead", "not_tried": "none"}
        word = (row.unlocked_by if row.outcome == "present" else row.outcome).replace("_", " ")
        other = {"unreadable": "dead", "not_examined": "undecided"}
        colour = other.get(row.outcome) or state.get(row.unlocked_by, "usable")
        yield Cell(_(word), f"state-{colour}")
        yield Cell(row.guid, "code name", below=self.facts.path(row.machine_id, row.path))
        yield Cell(row.owner_sid or "?", "code")
        yield Cell(_(row.half) if row.half else _("user's own"))
        yield Cell(f"{_('yes')} ({_day(row.preferred_until)})" if row.preferred else "")
        yield Cell(_({"yes": "sound", "no": "damaged"}.get(row.intact, "unknown")))
        yield Cell(_day(row.created), "date")
        yield Cell(" / ".join(str(v) for v in (row.cipher_algorithm, row.hash_algorithm, row.rounds) if v))


def _as_data(row: list[Cell]) -> list[Any]:
    """Return a row as the script knows it: the kinds of its cells, where the one that is a link leads, the texts."""
    kinds = "|".join(f"{cell.kind}@" if cell.anchor else cell.kind for cell in row)
    anchor = next((cell.anchor for cell in row if cell.anchor), "")
    return [kinds, anchor, *([cell.text, cell.below] if cell.below else cell.text for cell in row)]


def _place(row: CertificateRow | KeyChainRow) -> tuple[Any, ...]:
    return (row.machine_id, row.thumbprint, row.store, row.owner_sid)


def _end(row: CertificateRow) -> str:
    return _day(row.not_after) or "9999"


def _day(moment: datetime | None) -> str:
    return told_day(moment) if moment else ""
