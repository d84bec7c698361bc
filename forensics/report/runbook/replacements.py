"""A certificate that must come back, or another one in its place: how it is had, and how each service is given it.

References:
    Microsoft Learn, certreq -enroll; netsh http update sslcert; Set-WSManInstance; Win32_TSGeneralSetting.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from forensics.commands.bindings import NEW
from forensics.commands.refusal import Refused, refusal
from forensics.engine.new_certificate_words import IN_A_LIST, IN_A_LIST_JA
from forensics.language import joined, sentence, spoken_language
from forensics.report.facts import Facts
from forensics.report.outages.services import Fault
from forensics.report.runbook.kinds import Act, Lost, Need
from forensics.report.runbook.lines import line, lines, told
from forensics.report.runbook.restarts import restart
from forensics.tables.certificate import CertificateRow, NewBy
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.use import CertificateUseRow

_SYSTEM = "S-1-5-18"
_MY = "MY"
_BY_HAND = frozenset({"AD FS"})
"""Owners of bindings that set the certificate for more than this computer."""
_NO_FILE_HAS_IT = frozenset({"tpm", "smart_card", "other"})
_NEVER_IN_A_FILE: frozenset[NewBy] = frozenset({"mdm", "program", "policy"})
MOST_NAMES = 20
"""Display: names of the old certificate that the new one must have."""


def lost(
    title: str,
    uses: Sequence[CertificateUseRow],
    fault: Fault,
    chain: KeyChainRow | None,
    certificate: CertificateRow | None,
    facts: Facts,
) -> Lost | Need:
    """Return the step for services whose certificate, or its key, cannot be had from the disk.

    Args:
        title: What they are called.
        uses: Those services that are down with it.
        fault: What stops them.
        chain: The chain of the certificate.
        certificate: The certificate.
        facts: Rows by what is looked for.
    """
    acts, rest = _acts(uses)
    by_hand = [] if all(use.stays for use in uses) else _by_hand(rest)
    imported = _imported(uses, fault, chain, certificate)
    old = next((use.thumbprint for use in uses if use.thumbprint), None)
    needs: list[str] = []
    if imported:
        needs.append(
            sentence("A PFX file of it: -PfxFolder FOLDER, with the file {thumbprint}.pfx in it.", thumbprint=str(old))
        )
    needs += still_on_disk(chain, facts)
    if acts or by_hand:
        needs.append(_another(str(old) if acts else None, is_second=bool(imported)))
    if acts or by_hand:
        needs += new_one(certificate)
        needs += dict.fromkeys(text for use in uses for text in _reads_it(use))
    needs += [joined([need.title, text], ": ") for need in by_hand for text in need.needs]
    if not imported and all(use.stays for use in uses):
        needs += dict.fromkeys(_stopped(use.repair) for use in uses if use.repair)
    if old is None or not (acts or imported):
        return Need(title, tuple(dict.fromkeys(needs)) or (sentence("What ends this is not known."),))
    successor = certificate.successor if acts and certificate is not None else None
    replaced: tuple[Act | Need, ...] = (*acts, *by_hand) if acts else ()
    return Lost(title, old, tuple(dict.fromkeys(needs)), replaced, imported, successor)


def _another(old: str | None, is_second: bool) -> str:
    """Say that another certificate does as well.

    Args:
        old: Thumbprint of the one of today, where a command sets the other one.
        is_second: Something else was named before.
    """
    if old is None and is_second:
        return sentence("Else another certificate, which no command sets.")
    if old is None:
        return sentence("Another certificate, which no command sets.")
    option = f"-NewCertificate @{{ '{old}' = 'NEW' }}"
    if is_second:
        return sentence("Else another certificate: {option}.", option=option)
    return sentence("Another certificate: {option}.", option=option)


def _stopped(text: str) -> str:
    """Return a text of a row with a full stop."""
    return sentence("{text}.", text=text)


def _acts(uses: Sequence[CertificateUseRow]) -> tuple[list[Act], list[tuple[CertificateUseRow, str]]]:
    """Return what gives services another certificate, and the services that are given none so, with the reason."""
    acts: dict[tuple[str, ...], Act] = {}
    names: set[str | None] = set()
    rest: list[tuple[CertificateUseRow, str]] = []
    for use in uses:
        try:
            act = _set(use)
        except Refused as refused:
            rest.append((use, refusal(refused, spoken_language())))
            continue
        if act is None:
            rest.append((use, ""))
        elif acts.setdefault(act.lines, act) is not None:
            names |= {use.consumer, use.binding_owner} - {None, "other", "http.sys"}
    # The binding of a listener, or the listener of a binding: one command sets both.
    return list(acts.values()), [(use, why) for use, why in rest if not names & {use.consumer, use.binding_owner}]


def _by_hand(rest: Sequence[tuple[CertificateUseRow, str]]) -> list[Need]:
    """Return what is said of services that no step sets, together where one thing is said of them."""
    said: dict[tuple[str, ...], list[str]] = {}
    for use, why in rest:
        texts = tuple(filter(None, (why, _stopped(use.repair) if use.repair else "")))
        said.setdefault(texts, []).append(_name(use))
    return [
        Need(sentence("{names}, by hand", names=joined(names, ", ")), texts) for texts, names in said.items() if texts
    ]


def _set(use: CertificateUseRow) -> Act | None:
    """Return the step that gives a service another certificate; None where no script takes it."""
    if not use.set_with or use.binding_owner in _BY_HAND or use.thumbprint is None:
        return None
    has, has_new = _has(use, use.thumbprint), _has(use, NEW)
    if has is None or has_new is None:
        return None
    store = use.store if use.endpoint is not None else _MY
    return Act(
        title=sentence("{name}: set the other certificate", name=_name(use)),
        checks=(has, *lines("has-new-certificate", store=store)),
        lines=lines(use.set_with, endpoint=use.endpoint, store=store, app_id=use.app_id, listener=use.listener),
        notes=(*_reads_it(use), *_restarts(use)),
        asks=joined(_reads_it(use)),
        goal=(has_new, *lines("has-new-certificate", store=store)),
    )


def _restarts(use: CertificateUseRow) -> Iterable[str]:
    """Say what is restarted when a service is given another certificate."""
    if use.set_with == "set-sstp-certificate":
        yield sentence("This restarts RemoteAccess: open tunnels end, also yours.")
    else:
        yield from restart(use)


def _has(use: CertificateUseRow, thumbprint: str) -> str | None:
    """Return the check that a service has a certificate; None where there is none."""
    if use.endpoint is not None:
        return line("binding-has", endpoint=use.endpoint, thumbprint=thumbprint)
    if use.set_with == "set-winrm-listener":
        return line("winrm-listener-has", listener=use.listener, thumbprint=thumbprint)
    if use.set_with == "set-rdp-certificate":
        return line("rdp-listener-has", listener=use.listener, thumbprint=thumbprint)
    return None


def _imported(
    uses: Sequence[CertificateUseRow], fault: Fault, chain: KeyChainRow | None, certificate: CertificateRow | None
) -> tuple[Act, ...]:
    """Return the steps that bring a certificate back with its key; none where no file has it, or it has ended."""
    use = uses[0]
    store = chain.store if chain is not None else use.store
    if fault == "ended" or use.thumbprint is None or use.owner_sid not in (None, _SYSTEM):
        return ()
    # A store of a service has the service's name before its own.
    if not store or "\\" in store:
        return ()
    if use.opens_broken_at == "kind" or (chain is not None and not may_be_imported(chain, certificate)):
        return ()
    opens_not = chain is None or is_seen_to_open_once_imported(chain)
    return import_of(store, use.thumbprint, certificate is not None, opens_not, uses)


def is_seen_to_open_once_imported(chain: KeyChainRow) -> bool:
    """Tell whether a key does not open for an administrator today, so that its opening shows what was imported."""
    return chain.verdict == "unusable" and chain.broken_at != "access"


def may_be_imported(chain: KeyChainRow, certificate: CertificateRow | None) -> bool:
    """Tell whether a PFX file may hold the key of a certificate, and is imported like any other."""
    if chain.store_scope != "machine" or chain.provider_kind in _NO_FILE_HAS_IT or chain.is_request:
        return False
    if chain.broken_at == "provider":
        return False
    if certificate is None:
        return True
    return not certificate.kept and certificate.import_with != "" and certificate.new_by not in _NEVER_IN_A_FILE


def import_of(
    store: str, thumbprint: str, is_there: bool, opens_not: bool, uses: Sequence[CertificateUseRow] = ()
) -> tuple[Act, ...]:
    """Return the step that imports a PFX file into the store in which its certificate is, or is looked for.

    Args:
        store: A store of the computer.
        thumbprint: Of the certificate.
        is_there: It is in the store.
        opens_not: Its key does not open for an administrator, so that it is imported where it opens.
        uses: Services that wait for it.
    """
    try:
        return (
            Act(
                title=sentence(
                    "Import {thumbprint} with its key into store {store}", thumbprint=thumbprint, store=store
                ),
                checks=lines(
                    "has-certificate" if is_there else "has-no-certificate", store=store, thumbprint=thumbprint
                ),
                lines=lines("import-pfx", scope="machine", store=store),
                shows=lines("verify-certificate", scope="machine", store=store, thumbprint=thumbprint),
                notes=tuple(dict.fromkeys(note for use in uses for note in (*_reads_it(use), *restart(use)))),
                goal=lines("key-opens", store=store, thumbprint=thumbprint) if opens_not else (),
            ),
        )
    except Refused:
        return ()


def still_on_disk(chain: KeyChainRow | None, facts: Facts) -> Iterable[str]:
    """Say where a key lies that Windows does not open, if it can be had."""
    if chain is not None and chain.verdict == "unusable" and chain.recoverable:
        place = facts.found_in(chain) or facts.path(chain.machine_id, chain.key_file_path)
        if chain.hangs_on == "deleted_file":
            yield sentence(
                "Its key can still be had by way of a deleted file, as long as nothing writes to this disk: see the "
                "finding key-recoverable before anything is done."
            )
            return
        if chain.hangs_on == "shadow_copy":
            yield sentence(
                "Its key can still be had by way of a shadow copy, as long as Windows keeps that: see the finding "
                "key-recoverable before anything is done."
            )
            return
        yield sentence(
            "Its key can still be had from this disk ({place}): keep it, see the finding key-recoverable.", place=place
        )


def new_one(certificate: CertificateRow | None) -> Iterable[str]:
    """Say how another certificate is had, and what must be in it."""
    if certificate is None:
        yield sentence(
            "This disk does not hold the old one: whoever set it up knows who issued it, and for which names."
        )
        return
    if certificate.successor is not None:
        yield sentence(
            "On this disk {thumbprint} can stand in for it: it has its names, and its key opens.",
            thumbprint=certificate.successor,
        )
        return
    yield _how(certificate)
    names = [name for name in certificate.san if not name.startswith("registered_id")][:MOST_NAMES]
    if names or certificate.subject:
        yield sentence("Its names: {names}.", names=joined(filter(None, (certificate.subject, *names)), ", "))


def _how(certificate: CertificateRow) -> str:
    if certificate.new_with:
        try:
            command = told(
                certificate.new_with,
                scope=certificate.store_scope,
                serial=certificate.serial,
                template=certificate.template_name,
                valid="1",
                enabled="1",
            )
        except Refused as refused:
            return refusal(refused, spoken_language())
        return sentence("It is had with: {command}", command=command)
    source = certificate.template_name if certificate.new_by == "names" else certificate.issuer
    words = IN_A_LIST_JA if spoken_language() == "ja" else IN_A_LIST
    way = words[certificate.new_by]
    if source:
        return sentence("A new one: {way} ({source}).", way=way, source=source)
    return sentence("A new one: {way}.", way=way)


def _reads_it(use: CertificateUseRow) -> Iterable[str]:
    """Say which account must be able to read a key that comes."""
    if use.account is not None and use.account != _SYSTEM:
        who = f"{use.account_name} ({use.account})" if use.account_name else use.account
        yield sentence(
            "{account} must be able to read its key: certlm.msc, All Tasks, Manage Private Keys.", account=who
        )


def _name(use: CertificateUseRow) -> str:
    return use.label or use.consumer
