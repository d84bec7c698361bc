"""Each chain drawn as links: what each was found to be, where it breaks, and where each fact was read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field, replace
from typing import Any

from markupsafe import Markup

from forensics.case_tables import CaseTables
from forensics.language import _, joined, message, sentence, told
from forensics.late_methods import dataclass
from forensics.report.ending import when
from forensics.report.explain import Link, links_of
from forensics.report.facts import Facts, day, label
from forensics.report.html.packed import packed
from forensics.report.reason import reason_of
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.row import Row
from forensics.tables.timestamps import told_time

MOST = 20_000
"""Display: chains on the page, which draws so many of a group at a time as :data:`DRAWN` says."""
DRAWN = 50
"""Display: chains of a group that are drawn at a time."""

_TITLES = {
    "certificate": "Certificate",
    "claim": "Container",
    "key_file": "Key file",
    "access": "Access list",
    "blob": "DPAPI blob",
    "master_key": "Master key",
    "secret": "DPAPI_SYSTEM",
    "private_key": "Private key",
    "public_key": "Public match",
    "service": "KeyIso",
}
_KNOWN_BY = {
    "decryption": message("by decryption"),
    "public_key": message("by public key"),
    "inference": message("by inference"),
}
_WORDS = {
    "present": "there",
    "other_machine_guid": "another MachineGuid",
    "absent": "gone",
    "unreadable": "unreadable",
    "not_examined": "not examined",
    "not_applicable": "none on a disk",
    "match": "same key",
    "mismatch": "another key",
    "not_stored": "not stored",
    "ok": "readable",
    "denied": "shut out",
    "too_open": "open to everybody",
    "current": "current opens it",
    "previous": "previous only",
    "password": "password opens it",
    "domain_key": "domain key opens it",
    "nothing": "nothing opens it",
    "not_tried": "not tried",
    "proved": "proved",
    "damaged": "damaged",
    "locked": "locked",
    "sealed_tpm": "sealed by the TPM",
    "sealed_vbs": "sealed by VBS",
    "needs_pin": "needs its PIN",
    "names a key": "named",
    "names no key": "not named",
}
_GOOD = frozenset({"present", "match", "ok", "current", "password", "domain_key", "proved", "names a key"})
_BAD = frozenset(
    {"other_machine_guid", "absent", "unreadable", "mismatch", "denied", "previous", "nothing", "damaged", "locked"}
    | {"names no key"}
)
GROUPS = ("dead", "undecided", "open", "usable", "daily", "orphan")
"""Groups of chains, in the order they are drawn."""


@dataclass(frozen=True, slots=True)
class LinkView:
    """One link as it is drawn.

    Attributes:
        name: Word of column ``broken_at``, or ``certificate`` or ``blob``.
        title: What it is.
        value: What it was found to be, in a word or two.
        state: good, bad, broken (the first bad one), warn, unknown or none (does not apply).
        detail: The values behind it.
        path: Where the fact was read.
        time: When that was last written.
        same: Number of an earlier link that was read in the same place, from 1; 0 if none was.
    """

    name: str
    title: str
    value: str
    state: str
    detail: str
    path: str
    time: str
    same: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """A finding that says why a chain is as it is, and where it stands."""

    title: str
    anchor: str


@dataclass(slots=True)
class ChainView:
    """One chain as it is drawn; the texts are in the reader's language."""

    anchor: str
    group: str
    label: str
    store: str
    validity: str
    is_expired: bool
    thumbprint: str
    machine: str
    why: str
    recoverable: str
    found_in: str
    known_by: str
    links: list[LinkView] = field(default_factory=list)
    causes: list[Told] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ChainGroup:
    """Chains of one kind.

    Attributes:
        name: One of :data:`GROUPS`.
        views: All of them.
    """

    name: str
    views: Sequence[ChainView]

    @property
    def drawn(self) -> Sequence[ChainView]:
        """Those that the page draws at first."""
        return self.views[:DRAWN]

    @property
    def packed(self) -> Markup:
        """The others, as ``report.js`` draws them; empty where there are none."""
        return packed([_as_data(view) for view in self.views[DRAWN:]]) if self.views[DRAWN:] else Markup()


class ChainViews:
    """The chains of a case, the broken ones first.

    Args:
        case: The case.
    """

    def __init__(self, case: CaseTables) -> None:
        self.case = case
        self.facts = Facts(case)
        self._names = {(u.machine_id, u.sid): u.name for u in case.rows("user") if u.name}
        self._several = len(case.rows("machine")) > 1
        chains: list[KeyChainRow] = case.rows("key_chain")
        ordered = sorted(chains, key=lambda c: (GROUPS.index(group_of(c)), c.rank(case.as_of), -rank(c, case)))
        self.left_out = max(0, len(ordered) - MOST)
        self.all = [self._view(chain, number) for number, chain in enumerate(ordered[:MOST], 1)]
        drawn = zip(ordered, self.all, strict=False)
        self._drawn = {id(chain): view for chain, view in drawn}
        self._by_identity: dict[tuple[int, str | None], str] = {}
        for name in ("thumbprint", "key_file_path"):
            for chain in ordered[:MOST]:
                self._by_identity.setdefault((chain.machine_id, getattr(chain, name)), self._drawn[id(chain)].anchor)

    def anchor(self, chain: KeyChainRow) -> str | None:
        """Return where a chain is drawn."""
        view = self._drawn.get(id(chain))
        return view.anchor if view else None

    def tell(self, chain: KeyChainRow, told: Told) -> None:
        """Note with a chain, where it is drawn, a finding that says why it is as it is."""
        view = self._drawn.get(id(chain))
        if view is not None and told not in view.causes:
            view.causes.append(told)

    def anchor_of(self, machine_id: int, identity: str | None) -> str | None:
        """Return where the chain of a thumbprint or key file is drawn."""
        return self._by_identity.get((machine_id, identity)) if identity else None

    def grouped(self) -> list[ChainGroup]:
        """Return the groups that are not empty."""
        groups = {name: [view for view in self.all if view.group == name] for name in GROUPS}
        return [ChainGroup(name, views) for name, views in groups.items() if views]

    def store(self, chain: KeyChainRow) -> str:
        """Say in which store of whom a certificate lies."""
        if chain.thumbprint is None:
            return _("no certificate names this key")
        scope = chain.store_scope or ""
        if scope in ("machine", "enterprise", "policy"):
            whose = _({"machine": "computer", "enterprise": "enterprise", "policy": "set by policy"}[scope])
        else:
            owner = self._names.get((chain.machine_id, chain.owner_sid)) or chain.owner_sid or _("unknown")
            whose = _("service {name}" if scope == "service" else "user {name}", name=owner)
        return _("store {store} ({whose})", store=chain.store or "?", whose=whose)

    def validity(self, chain: KeyChainRow) -> str:
        """Say until when a certificate is valid."""
        if chain.is_request:
            return ""
        if chain.not_after is None:
            return "" if chain.thumbprint is None else _("last day not read")
        if self.is_expired(chain):
            return _("expired {date}", date=day(chain.not_after))
        return _("until {when}", when=when(chain, self.case.as_of))

    def is_expired(self, chain: KeyChainRow) -> bool:
        """Tell whether a certificate's last day is past."""
        return chain.ends is not None and chain.ends < self.case.as_of

    def _view(self, chain: KeyChainRow, number: int) -> ChainView:
        recoverable = {True: _("yes"), False: _("no"), None: ""}[chain.recoverable]
        found = self.facts.found_in(chain) if chain.recoverable_from != chain.key_file_path else None
        return ChainView(
            anchor=f"c{number}",
            group=group_of(chain),
            label=told(label(chain)),
            store=self.store(chain),
            validity=self.validity(chain),
            is_expired=self.is_expired(chain),
            thumbprint=chain.thumbprint or "",
            machine=self.facts.machine_name(chain.machine_id) if self._several else "",
            why=told(reason_of(chain, self.facts)),
            recoverable=recoverable,
            found_in=found or "",
            known_by=_(_KNOWN_BY[chain.known_by]),
            links=_without_repetition(self._links(chain)),
        )

    def _links(self, chain: KeyChainRow) -> Iterator[LinkView]:
        links = {link.name: link for link in links_of(chain, self.facts)}
        certificate, key_file = self.facts.certificate(chain), self.facts.key_file(chain)
        if chain.thumbprint:
            yield self._certificate(chain, certificate)
            yield self._claim(chain, links["claim"], links["provider"])
        yield self._link(chain, links["key_file"])
        yield self._link(chain, links["access"])
        yield self._blob(chain, key_file)
        yield self._link(chain, links["master_key"])
        yield self._secret(chain, links["secret"])
        yield self._link(chain, links["private_key"])
        if chain.thumbprint:
            yield self._link(chain, links["public_key"])
        if chain.provider_kind == "cng":
            yield self._service(chain, links["service"])

    def _certificate(self, chain: KeyChainRow, row: Row | None) -> LinkView:
        state = "warn" if self.is_expired(chain) else "good"
        value = _("expired") if state == "warn" else _("valid") if chain.not_after else _("not read")
        detail = f"{day(chain.not_before)} – {day(chain.not_after)}"
        return self._made("certificate", value, state, detail, row or chain)

    def _claim(self, chain: KeyChainRow, claim: Link, provider: Link) -> LinkView:
        broken = chain.broken_at in ("claim", "provider")
        if chain.broken_at == "provider":
            value = _("provider not installed")
        elif broken and claim.value == "names a key":
            value = _("leads nowhere")
        else:
            value = self._word(claim.value)
        state = "broken" if broken else _state(claim.value)
        detail = joined(filter(None, (claim.detail, provider.detail, provider.value)), ", ")
        return self._made("claim", value, state, detail, claim.read_from or provider.read_from)

    def _blob(self, chain: KeyChainRow, key_file: Row | None) -> LinkView:
        if chain.master_key_guid:
            flags = getattr(key_file, "blob_flags", None)
            said = [sentence("names master key {guid}", guid=chain.master_key_guid)]
            said += [sentence("flags {flags}", flags=f"{flags:#x}")] if flags is not None else []
            detail = joined(said, ", ")
            return self._made("blob", _("there"), "good", detail, key_file)
        none = chain.key_file == "not_applicable" or chain.private_key == "sealed_tpm"
        value = _("none on a disk") if none else _("not examined")
        return self._made("blob", value, "none" if none else "unknown", "", key_file)

    def _secret(self, chain: KeyChainRow, link: Link) -> LinkView:
        value, state = chain.unlocked_by, _state(chain.unlocked_by)
        return self._made(
            "secret", self._word(value), self._broken(chain, "secret", state), link.detail, link.read_from
        )

    def _service(self, chain: KeyChainRow, link: Link) -> LinkView:
        start = link.value.removeprefix("KeyIso ")
        state = "unknown" if start == "not examined" else "bad" if start == "disabled" else "good"
        return self._made("service", _(start), self._broken(chain, "service", state), _(link.detail), link.read_from)

    def _link(self, chain: KeyChainRow, link: Link) -> LinkView:
        state = self._broken(chain, link.name, _state(link.value))
        return self._made(link.name, self._word(link.value), state, link.detail, link.read_from)

    def _broken(self, chain: KeyChainRow, name: str, state: str) -> str:
        return "broken" if chain.broken_at == name else state

    def _word(self, value: str) -> str:
        return _(_WORDS.get(value, value))

    def _made(self, name: str, value: str, state: str, detail: str, row: Row | None) -> LinkView:
        time = told_time(row.source_time) if row is not None and row.source_time else ""
        path = row.source_path if row is not None else ""
        title = _(_TITLES[name])
        if path and detail.endswith("\\" + path.replace("/", "\\")):
            detail = ""  # the file that was read, whose path stands there already
        return LinkView(name, title, value, state, told(detail), path, time)


def _as_data(view: ChainView) -> list[Any]:
    """Return a chain as the script knows it, in the words that ``report.html.j2`` puts around its values."""
    is_explained = view.group != "usable"
    known = _("Known {how}", how=view.known_by)
    if view.recoverable:
        known += f" · {_('recoverable from this disk: {answer}', answer=view.recoverable)}"
    links = []
    for link in view.links:
        written = _(", written {time}", time=link.time) if link.time else ""
        where = view.links[link.same - 1].title if link.same else link.path
        links.append([link.state, link.title, link.value, link.detail, where, written, link.same])
    return [
        view.anchor,
        view.label,
        view.machine,
        view.store,
        view.validity,
        int(view.is_expired),
        view.thumbprint,
        view.why if is_explained and not view.causes else "",
        view.found_in if is_explained else "",
        known,
        [[told.title, told.anchor] for told in view.causes] if is_explained else [],
        links,
    ]


def group_of(chain: KeyChainRow) -> str:
    """Return the group a chain is drawn in."""
    if chain.thumbprint is None:
        return "orphan"
    if chain.standing == "daily":
        return "daily"
    if chain.verdict == "unusable":
        return "dead"
    if chain.verdict == "unknown":
        return "undecided"
    return "open" if chain.access == "too_open" else "usable"


def rank(chain: KeyChainRow, case: CaseTables) -> float:
    """Order chains of a group: dead orphans first, then valid certificates by their last day, expired ones last."""
    if chain.thumbprint is None:
        return chain.verdict == "unusable"
    if chain.ends is None:
        return -1e12
    days = (chain.ends - case.as_of).total_seconds() / 86400
    return -days if days >= 0 else -1e9 + days


def _without_repetition(links: Iterable[LinkView]) -> list[LinkView]:
    """Leave out a place that an earlier link named: most facts of a chain stand in its key file."""
    first: dict[tuple[str, str], int] = {}
    result = []
    for number, link in enumerate(links, 1):
        same = first.setdefault((link.path, link.time), number) if link.path else number
        result.append(link if same == number else replace(link, same=same))
    return result


def _state(value: str) -> str:
    if value in _GOOD:
        return "good"
    if value in _BAD:
        return "bad"
    if value in ("not_applicable", "not_stored"):
        return "none"
    return "warn" if value in ("too_open", "sealed_tpm", "sealed_vbs", "needs_pin") else "unknown"
