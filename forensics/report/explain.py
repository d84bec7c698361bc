"""One chain link by link: each value, and where the fact was read."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from forensics.case_tables import CaseTables
from forensics.late_methods import dataclass
from forensics.report.facts import Facts, label
from forensics.report.folded_lines import fold
from forensics.report.key_history import history_lines
from forensics.report.reason import reason_of
from forensics.report.users_secret import secret_of_user
from forensics.report.uses import told_use, uses_of
from forensics.tables.certificate import CertificateRow, KeyFileRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.row import Row
from forensics.tables.sanitise import sanitise
from forensics.tables.timestamps import told_time

MAX_USES = 50
"""Display: uses of one key that are told one by one."""
MAX_HISTORY = 50
"""Display: what became of one key's files that is told one by one."""
_LONGEST_DETAIL = 1_000
"""Display: characters of one link's values, of which one may name several secrets of a user that are missing."""
SHORTEST_PREFIX = 6
"""Hex digits of a thumbprint that are enough to name a certificate."""


@dataclass(frozen=True, slots=True)
class Link:
    """One link of a chain as it is told.

    Attributes:
        name: As in column ``broken_at``.
        value: What it was found to be.
        detail: The values behind it.
        read_from: The row the fact was read in, None where there is none.
    """

    name: str
    value: str
    detail: str = ""
    read_from: Row | None = None


def find_chains(case: CaseTables, wanted: str) -> list[KeyChainRow]:
    """Return the chains of a thumbprint (whole, or its first six digits or more), or of a key file (name or path).

    Thumbprints may be written with spaces, colons and the invisible mark that Windows' own dialog copies along.
    """
    digits = "".join(c for c in wanted if c.isalnum()).upper()
    is_prefix = len(digits) >= SHORTEST_PREFIX and all(c in "0123456789ABCDEF" for c in digits)
    file, facts = wanted.replace("\\", "/").lower().strip("/"), Facts(case)
    return _found(case.present, is_prefix, digits, file, facts) or _found(case, is_prefix, digits, file, facts)


def _found(case: CaseTables, is_prefix: bool, digits: str, file: str, facts: Facts) -> list[KeyChainRow]:
    chains: list[KeyChainRow] = case.rows("key_chain")
    return [c for c in chains if (is_prefix and (c.thumbprint or "").startswith(digits)) or _has_file(c, file, facts)]


def _has_file(chain: KeyChainRow, file: str, facts: Facts) -> bool:
    """Tell whether a chain is about a file: by its name, its path in the source, or as Windows writes it."""
    found_on = chain.recoverable_on or chain.machine_id
    on_windows = (facts.path(chain.machine_id, chain.key_file_path), facts.path(found_on, chain.recoverable_from))
    in_source = (chain.key_file_path, chain.recoverable_from, chain.key_copy)
    paths = ((path or "").replace("\\", "/").lower() for path in (*in_source, *on_windows))
    return bool(file) and any(path == file or path.endswith(f"/{file}") for path in paths)


def links_of(chain: KeyChainRow, facts: Facts) -> Iterator[Link]:
    """Yield the links of a chain in the order they are judged."""
    certificate, key_file, master_key = facts.certificate(chain), facts.key_file(chain), facts.master_key(chain)
    if chain.thumbprint:
        named = f"container {chain.container}" if chain.container else "no container"
        flags = f", flags {certificate.key_flags:#x}" if certificate and certificate.key_flags is not None else ""
        spec = f", key spec {certificate.key_spec}" if certificate and certificate.key_spec is not None else ""
        has_link = "names a key" if certificate and certificate.has_key_link else "names no key"
        yield Link("claim", has_link, named + flags + spec, certificate)
    yield Link("provider", chain.provider_kind or "none", chain.provider or "", certificate or key_file)
    yield Link("key_file", chain.key_file, facts.path(chain.machine_id, chain.key_file_path), key_file)
    yield Link("public_key", chain.public_key, _public_halves(certificate, key_file), key_file or certificate)
    yield Link("access", chain.access, (key_file.acl if key_file else None) or "", key_file)
    named = chain.master_key_guid or ""
    if chain.master_key_copy is not None:
        named = f"{named}; a file of it lies in {facts.path(chain.machine_id, chain.master_key_copy)}"
    yield Link("master_key", chain.master_key, named, master_key or key_file)
    if key_file is not None and key_file.scope == "user":
        yield Link("secret", f"unlocked by {chain.unlocked_by}", secret_of_user(master_key, facts), master_key)
    else:
        generation = "previous" if chain.unlocked_by == "previous" else "current"
        secret = facts.secret(chain, generation)
        detail = f"DPAPI_SYSTEM {generation}, set {told_time(secret.set_at)}" if secret and secret.set_at else ""
        if (older := chain.shadow_hives or chain.backup_hives) is not None:
            opened = f"opened with that of {facts.path(chain.machine_id, older)}"
            detail = f"{detail}; {opened}" if detail else opened
        yield Link("secret", f"unlocked by {chain.unlocked_by}", detail, secret)
    yield Link("private_key", chain.private_key, f"exportable {chain.exportable}", key_file)
    service = facts.service(chain, "KeyIso")
    starts = {2: "automatic", 3: "manual", 4: "disabled"}
    start = "not examined" if service is None else starts.get(service.start or 0, f"start {service.start}")
    yield Link("service", f"KeyIso {start}", "only CNG keys need it", service)


def _public_halves(certificate: CertificateRow | None, key_file: KeyFileRow | None) -> str:
    named = {
        "key file": key_file.public_key_sha256 if key_file else None,
        "its signature slot": key_file.second_public_key_sha256 if key_file else None,
        "certificate": certificate.public_key_sha256 if certificate else None,
    }
    return ", ".join(f"{name} SHA-256 {digest}" for name, digest in named.items() if digest)


def render_explain(
    case: CaseTables, chains: list[KeyChainRow], width: int | None = None, told_elsewhere: Collection[int] = ()
) -> str:
    """Write the chains, one after the other.

    Args:
        case: The case.
        chains: Chains of it.
        width: Columns to fold to; None for a pipe.
        told_elsewhere: Numbers of the chains of which a rule says what their reason would.
    """
    facts = Facts(case)
    blocks = ["\n".join(_block(chain, facts, width, n not in told_elsewhere)) for n, chain in enumerate(chains)]
    return "\n\n".join(blocks) + "\n"


def _block(chain: KeyChainRow, facts: Facts, width: int | None, with_reason: bool) -> Iterator[str]:
    yield from fold(sanitise(label(chain)), width)
    where, store = sanitise(facts.on(chain.machine_id)), sanitise(chain.store or "none")
    yield f"  {where}, store {store}, thumbprint {chain.thumbprint or 'none: no certificate names this key'}"
    row = facts.machine(chain.machine_id)
    if row is not None and row.kind == "former":
        yield "  of a former Windows, which is not in use: what follows is how that Windows itself would open it"
    recoverable = {True: "yes", False: "no", None: "not told"}[chain.recoverable]
    at = f", broken at {chain.broken_at}" if chain.broken_at else ""
    yield f"  verdict: {chain.verdict}{at}; known by {chain.known_by}; recoverable: {recoverable}"
    reason = reason_of(chain, facts) if with_reason else ""
    if reason:
        yield from fold(sanitise(reason, _LONGEST_DETAIL), width, "  ", "  ")
    if chain.recoverable_from:
        found = f"key found in {facts.found_in(chain)}{facts.opened_by(chain)}"
        yield from fold(sanitise(found), width, "  ", "  ")
    if copy := facts.copy_of(chain):
        yield from fold(sanitise(f"a file with its public key, which did not open: {copy}"), width, "  ", "  ")
    if chain.recoverable is None and chain.recovery_doubt:
        told = f"whether the key can be had is not known: {chain.recovery_doubt}"
        yield from fold(sanitise(told, _LONGEST_DETAIL), width, "  ", "  ")
    yield ""
    for link in links_of(chain, facts):
        yield from _link_lines(link, chain, facts, width)
    history = list(history_lines(facts.case, chain))
    if history:
        yield ""
        yield "  what became of its files"
    for line in history[:MAX_HISTORY]:
        yield from fold(sanitise(line), width, "  - ", "    ")
    if len(history) > MAX_HISTORY:
        yield f"  - and {len(history) - MAX_HISTORY} more: see --format json"
    uses = list(uses_of(facts.case, chain))
    if uses:
        yield ""
        yield "  used by"
    for use in uses[:MAX_USES]:
        yield from fold(sanitise(told_use(use)), width, "  - ", "    ")
    if len(uses) > MAX_USES:
        yield f"  - and {len(uses) - MAX_USES} more: see --format json"


def _link_lines(link: Link, chain: KeyChainRow, facts: Facts, width: int | None) -> Iterator[str]:
    mark = "X" if link.name == chain.broken_at else " "
    detail = f", {link.detail}" if link.detail else ""
    indent = " " * 16
    yield from fold(sanitise(f"{link.value}{detail}", _LONGEST_DETAIL), width, f"{mark} {link.name:<12}  ", indent)
    if link.read_from is not None:
        when = f", written {told_time(link.read_from.source_time)}" if link.read_from.source_time else ""
        yield from fold(sanitise(f"read in {facts.read_in(link.read_from)}{when}"), width, indent, indent)
