"""One chain link by link: each value, and where the fact was read."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from forensics.case_tables import CaseTables
from forensics.language import _, joined, listed, sentence, told
from forensics.language.folding import columns, padded
from forensics.late_methods import dataclass
from forensics.report.facts import Facts, label
from forensics.report.folded_lines import fold
from forensics.report.key_history import history_lines
from forensics.report.reason import reason_of
from forensics.report.users_secret import secret_of_user
from forensics.report.uses import told_use, uses_of
from forensics.report.words import LINKS, word
from forensics.tables.certificate import CertificateRow, KeyFileRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.machine import ServiceRow
from forensics.tables.row import Row
from forensics.tables.sanitise import sanitise
from forensics.tables.secrets import SecretRow
from forensics.tables.timestamps import told_time

MAX_USES = 50
"""Display: uses of one key that are told one by one."""
MAX_HISTORY = 50
"""Display: what became of one key's files that is told one by one."""
_NAMES = 12
"""Columns of the names of links, at least."""
_LONGEST_DETAIL = 1_000
"""Display: characters of one link's values, of which one may name several secrets of a user that are missing."""
_STARTS = {
    2: sentence("KeyIso automatic"),
    3: sentence("KeyIso manual"),
    4: sentence("KeyIso disabled"),
}
SHORTEST_PREFIX = 6
"""Hex digits of a thumbprint that are enough to name a certificate."""


class UnknownSubjectError(KeyError):
    """Nothing in a case is called that."""


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
    ways = dict.fromkeys((case.present, case))
    return next(filter(None, (_found(way, is_prefix, digits, file, facts) for way in ways)), [])


def chains_that_name(case: CaseTables, wanted: str) -> list[KeyChainRow]:
    """Return the chains that lead through a key container, or a master key by its GUID, which need not be there."""
    name = wanted.strip().lower()
    chains: list[KeyChainRow] = case.rows("key_chain")
    return [c for c in chains if name and name in ((c.container or "").lower(), (c.master_key_guid or "").lower())]


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
        has_link = sentence("names no key")
        if certificate and certificate.has_key_link:
            has_link = sentence("names a key")
        yield Link("claim", has_link, joined(_claimed(chain, certificate), ", "), certificate)
    kind = word(chain.provider_kind) if chain.provider_kind else sentence("none")
    yield Link("provider", kind, chain.provider or "", certificate or key_file)
    yield Link("key_file", word(chain.key_file), facts.path(chain.machine_id, chain.key_file_path), key_file)
    yield Link("public_key", word(chain.public_key), _public_halves(certificate, key_file), key_file or certificate)
    yield Link("access", word(chain.access), (key_file.acl if key_file else None) or "", key_file)
    named = chain.master_key_guid or ""
    if chain.master_key_copy is not None:
        copy = facts.path(chain.machine_id, chain.master_key_copy)
        named = sentence("{guid}; a file of it lies in {path}", guid=named, path=copy)
    yield Link("master_key", word(chain.master_key), named, master_key or key_file)
    unlocked = sentence("unlocked by {what}", what=word(chain.unlocked_by))
    if key_file is not None and key_file.scope == "user":
        yield Link("secret", unlocked, secret_of_user(master_key, facts), master_key)
    else:
        secret = facts.secret(chain, "previous" if chain.unlocked_by == "previous" else "current")
        yield Link("secret", unlocked, joined(_of_machine(chain, facts, secret), "; "), secret)
    exportable = sentence("exportable {answer}", answer=word(chain.exportable))
    yield Link("private_key", word(chain.private_key), exportable, key_file)
    service = facts.service(chain, "KeyIso")
    yield Link("service", _started(service), sentence("only CNG keys need it"), service)


def _claimed(chain: KeyChainRow, certificate: CertificateRow | None) -> Iterator[str]:
    """Yield what a certificate says of its key."""
    if chain.container:
        yield sentence("container {name}", name=chain.container)
    else:
        yield sentence("no container")
    if certificate and certificate.key_flags is not None:
        yield sentence("flags {flags}", flags=f"{certificate.key_flags:#x}")
    if certificate and certificate.key_spec is not None:
        yield sentence("key spec {spec}", spec=certificate.key_spec)


def _of_machine(chain: KeyChainRow, facts: Facts, secret: SecretRow | None) -> Iterator[str]:
    """Yield which DPAPI_SYSTEM is that of the machine, and which one opened a master key."""
    if secret is not None and secret.set_at is not None:
        generation = word(secret.generation)
        yield sentence("DPAPI_SYSTEM {generation}, set {time}", generation=generation, time=told_time(secret.set_at))
    if (older := chain.shadow_hives or chain.backup_hives) is not None:
        yield sentence("opened with that of {path}", path=facts.path(chain.machine_id, older))


def _started(service: ServiceRow | None) -> str:
    """Say how the service KeyIso is started."""
    if service is None:
        return sentence("KeyIso not examined")
    return _STARTS.get(service.start or 0, sentence("KeyIso start {number}", number=str(service.start)))


def _public_halves(certificate: CertificateRow | None, key_file: KeyFileRow | None) -> str:
    named = []
    if key_file is not None and key_file.public_key_sha256:
        named.append(sentence("key file SHA-256 {digest}", digest=key_file.public_key_sha256))
    if key_file is not None and key_file.second_public_key_sha256:
        named.append(sentence("its signature slot SHA-256 {digest}", digest=key_file.second_public_key_sha256))
    if certificate is not None and certificate.public_key_sha256:
        named.append(sentence("certificate SHA-256 {digest}", digest=certificate.public_key_sha256))
    return joined(named, ", ")


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
    yield from fold(sanitise(told(label(chain))), width)
    where = [
        told(facts.on(chain.machine_id)),
        _("store {store}", store=chain.store or sentence("none")),
        _("thumbprint {thumbprint}", thumbprint=chain.thumbprint or sentence("none: no certificate names this key")),
    ]
    yield f"  {sanitise(listed(where))}"
    row = facts.machine(chain.machine_id)
    if row is not None and row.kind == "former":
        former = _("of a former Windows, which is not in use: what follows is how that Windows itself would open it")
        yield f"  {former}"
    yield f"  {_verdict(chain)}"
    reason = reason_of(chain, facts) if with_reason else ""
    if reason:
        yield from fold(sanitise(told(reason), _LONGEST_DETAIL), width, "  ", "  ")
    if chain.recoverable_from:
        yield from fold(sanitise(facts.told_found(chain)), width, "  ", "  ")
    if copy := facts.told_copy(chain):
        yield from fold(sanitise(copy), width, "  ", "  ")
    if chain.recoverable is None and chain.recovery_doubt:
        doubt = _("whether the key can be had is not known: {why}", why=told(chain.recovery_doubt))
        yield from fold(sanitise(doubt, _LONGEST_DETAIL), width, "  ", "  ")
    yield ""
    for link in links_of(chain, facts):
        yield from _link_lines(link, chain, facts, width)
    history = list(history_lines(facts.case, chain))
    if history:
        yield ""
        yield f"  {_('what became of its files')}"
    for line in history[:MAX_HISTORY]:
        yield from fold(sanitise(line), width, "  - ", "    ")
    if len(history) > MAX_HISTORY:
        yield f"  - {_('and {count} more: see --format json', count=len(history) - MAX_HISTORY)}"
    uses = list(uses_of(facts.case, chain))
    if uses:
        yield ""
        yield f"  {_('used by')}"
    for use in uses[:MAX_USES]:
        yield from fold(sanitise(told(told_use(use))), width, "  - ", "    ")
    if len(uses) > MAX_USES:
        yield f"  - {_('and {count} more: see --format json', count=len(uses) - MAX_USES)}"


def _verdict(chain: KeyChainRow) -> str:
    recoverable = {True: word("yes"), False: word("no"), None: sentence("not told")}[chain.recoverable]
    known_by = word(chain.known_by)
    if chain.verdict == "unknown" and not chain.broken_at:
        return _(
            "verdict: unknown; known by {known_by}; recoverable: {recoverable}",
            known_by=known_by,
            recoverable=recoverable,
        )
    if chain.broken_at:
        return _(
            "verdict: {verdict}, broken at {link}; known by {known_by}; recoverable: {recoverable}",
            verdict=word(chain.verdict),
            link=word(chain.broken_at),
            known_by=known_by,
            recoverable=recoverable,
        )
    return _(
        "verdict: {verdict}; known by {known_by}; recoverable: {recoverable}",
        verdict=word(chain.verdict),
        known_by=known_by,
        recoverable=recoverable,
    )


def _link_lines(link: Link, chain: KeyChainRow, facts: Facts, width: int | None) -> Iterator[str]:
    mark = "X" if link.name == chain.broken_at else " "
    said = listed(told(part) for part in (link.value, link.detail) if part)
    widest = max(_NAMES, *(columns(told(word(name))) for name in LINKS))
    indent = " " * (widest + 4)
    begin = f"{mark} {padded(told(word(link.name)), widest)}  "
    yield from fold(sanitise(said, _LONGEST_DETAIL), width, begin, indent)
    if link.read_from is not None:
        path, time = facts.read_in(link.read_from), link.read_from.source_time
        read = _("read in {path}", path=path)
        if time is not None:
            read = _("read in {path}, written {time}", path=path, time=told_time(time))
        yield from fold(sanitise(read), width, indent, indent)
