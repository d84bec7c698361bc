"""The steps that a case asks for: what is wrong with the machine, its services, its keys, and what is not known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

from forensics.case_tables import CaseTables
from forensics.commands.refusal import Refused, refusal
from forensics.facts.renewal import GUARDIANS
from forensics.language import joined, sentence, spoken_language, standing
from forensics.report.facts import Facts, day, label
from forensics.report.key_rights import SYSTEM
from forensics.report.named import named
from forensics.report.outages.keys import Keys
from forensics.report.outages.services import Doubt, Down, Fault, services
from forensics.report.runbook.key_repairs import KeyRepairs
from forensics.report.runbook.kinds import Act, Lost, Need, Part, Step
from forensics.report.runbook.lines import lines, told
from forensics.report.runbook.replacements import (
    import_of,
    is_seen_to_open_once_imported,
    lost,
    may_be_imported,
    still_on_disk,
)
from forensics.report.runbook.restarts import restart
from forensics.report.runbook.role_ways import has_own_way, own_way
from forensics.report.words import word
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.use import CertificateUseRow

_KEY_ISOLATION = "KeyIso"
_DISABLED = 4
MOST_NAMES = 5
"""Display: services of one fault that are named in a heading."""


def parts(case: CaseTables, facts: Facts) -> list[Part]:
    """Return what repairs a case, in the order in which it is done; nothing where nothing is down or broken.

    Args:
        case: The case, of one machine.
        facts: Its rows by what is looked for.
    """
    plan = _Plan(case, facts)
    found = plan.repairs()
    return [*found, *plan.doubts()] if found else []


class _Plan:
    """The parts of a script, from a case."""

    def __init__(self, case: CaseTables, facts: Facts) -> None:
        self._case, self._facts = case, facts
        self._keys = Keys(case)
        self._found = services(case, facts, self._keys)
        self._repairs = KeyRepairs(case, facts)

    def repairs(self) -> list[Part]:
        """Return the parts about what is down or broken."""
        found = [*self._services(), *self._unused_keys()]
        return [*self._key_isolation(), *sorted(found, key=_order)]

    def doubts(self) -> Iterator[Part]:
        """Yield the part about what is not known to work."""
        if self._found.doubtful:
            steps = tuple(_doubt(doubt) for doubt in self._found.doubtful)
            yield Part(sentence("Not known whether these work: nothing is done"), (), steps)

    def _key_isolation(self) -> Iterator[Part]:
        service = next((row for row in self._case.rows("service") if row.name.lower() == _KEY_ISOLATION.lower()), None)
        if service is None or service.start != _DISABLED:
            return
        broken = [*self._case.rows("key_chain"), *(use for down in self._found.down for use in down.uses)]
        causes = [cause for down in self._found.down for cause in down.causes if cause.subject_table != "key_chain"]
        is_asked = any(_is_broken_by_service(row) for row in broken) or any(
            _KEY_ISOLATION.lower() in cause.rule for cause in causes
        )
        if is_asked:
            act = Act(
                title=sentence("Let the service CNG Key Isolation start again"),
                checks=lines("service-is-disabled", service=_KEY_ISOLATION),
                lines=(
                    *lines("start-on-demand", service=_KEY_ISOLATION),
                    *lines("start-service", service=_KEY_ISOLATION),
                ),
                goal=lines("service-may-start", service=_KEY_ISOLATION),
            )
            yield Part(sentence("CNG Key Isolation is disabled: no program opens a key of CNG"), (), (act,))

    def _services(self) -> Iterator[Part]:
        groups: dict[tuple[str | None, ...], list[Down]] = defaultdict(list)
        for number, down in enumerate(self._found.down):
            use = down.uses[0] if down.uses else None
            if use is None or use.thumbprint is None:
                groups[str(number),].append(down)
            else:
                groups[use.thumbprint, (use.store or "").lower(), use.owner_sid].append(down)
        for together in groups.values():
            steps = list(self._steps(together))
            if steps:
                yield Part(_heading(together), tuple(self._remarks(together)), tuple(steps))

    def _steps(self, together: Sequence[Down]) -> Iterator[Step]:
        if not together[0].uses:
            yield from self._virtual_machine(together[0])
            return
        rest: list[tuple[Down, CertificateUseRow]] = []
        done: dict[Step, None] = {}
        for down, use in [(one, use) for one in together for use in one.uses]:
            try:
                acts = None
                if down.fault == "unusable":
                    acts = self._repairs.of_use(use, self._keys.of_use(use))
            except Refused as refused:
                done[
                    Need(
                        _name(use),
                        (standing(down.why), refusal(refused, spoken_language()), *own_way(use, "unusable")),
                    )
                ] = None
                continue
            if acts is None:
                rest.append((down, use))
            for act in acts or ():
                done[replace(act, notes=(*act.notes, *restart(use)))] = None
        yield from done
        if rest:
            yield self._lost(rest)

    def _lost(self, rest: Sequence[tuple[Down, CertificateUseRow]]) -> Step:
        down, use = rest[0]
        uses = [one for _, one in rest]
        title = joined([named(list(dict.fromkeys(_name(one) for one in uses)), MOST_NAMES), _wanted(rest)], ": ")
        chain = self._keys.of_use(use)
        certificate = self._facts.certificate(chain) if chain is not None else None
        fault = down.fault or "unusable"
        if has_own_way(uses, certificate):
            ways = dict.fromkeys(text for one in uses for text in own_way(one, fault))
            return Need(title, (standing(down.why), *ways, *_more(down)))
        step = lost(title, uses, fault, chain, certificate, self._facts)
        return replace(step, needs=(standing(down.why), *step.needs, *_more(down)))

    def _virtual_machine(self, down: Down) -> Iterator[Step]:
        """Yield what repairs the key of a guardian, else what no script does."""
        chain = self._keys.best(down.machine_id, down.thumbprints[::2])
        if chain is not None and chain.verdict == "unusable":
            with suppress(Refused):
                if acts := self._repairs.of_chain(chain):
                    yield from acts
                    return
        yield Need(
            down.names[0],
            (
                standing(down.why),
                _guardian_way(chain),
                *still_on_disk(chain, self._facts),
                *_more(down),
            ),
        )

    def _unused_keys(self) -> Iterator[Part]:
        """Yield the repair of keys that somebody may miss, of certificates that nothing is known to use."""
        told = {name for down in self._found.down for name in down.thumbprints}
        for chain in self._case.rows("key_chain"):
            if chain.thumbprint in told or not self._is_missed(chain):
                continue
            step = self._of_key(chain)
            if step is not None:
                told.add(chain.thumbprint)
                yield Part(
                    sentence(
                        "{certificate}: its key does not open, and nothing on this disk is known to use it",
                        certificate=label(chain),
                    ),
                    (
                        sentence(
                            "Certificate {thumbprint}, store {store}.",
                            thumbprint=str(chain.thumbprint),
                            store=str(chain.store),
                        ),
                        chain.reason,
                    ),
                    step,
                )

    def _is_missed(self, chain: KeyChainRow) -> bool:
        if chain.verdict != "unusable" or chain.thumbprint is None or chain.store_scope != "machine":
            return False
        certificate = self._facts.certificate(chain)
        return (
            chain.is_missed
            and not chain.is_request
            and chain.is_in_force(self._case.as_of)
            and certificate is not None
            and certificate.superseded == "no"
            and not certificate.kept
            and (chain.store or "").lower() != GUARDIANS
        )

    def _of_key(self, chain: KeyChainRow) -> tuple[Step, ...] | None:
        title = sentence("{certificate}: its key", certificate=label(chain))
        try:
            acts = self._repairs.of_chain(chain)
        except Refused as refused:
            return (Need(title, (refusal(refused, spoken_language()),)),)
        if acts is not None:
            return acts or None
        imported: tuple[Act, ...] = ()
        if chain.thumbprint is not None and may_be_imported(chain, self._facts.certificate(chain)):
            opens_not = is_seen_to_open_once_imported(chain)
            imported = import_of(chain.store or "", chain.thumbprint, is_there=True, opens_not=opens_not)
        if chain.thumbprint is None or not imported:
            return (Need(title, (standing(chain.reason), *still_on_disk(chain, self._facts))),)
        needs = (
            standing(chain.reason),
            sentence(
                "A PFX file of it: -PfxFolder FOLDER, with the file {thumbprint}.pfx in it.",
                thumbprint=chain.thumbprint,
            ),
            *still_on_disk(chain, self._facts),
            sentence("If something uses it after all, another certificate does as well."),
        )
        return (Lost(title, chain.thumbprint, needs, imported=imported),)

    def _remarks(self, together: Sequence[Down]) -> Iterator[str]:
        for down in together:
            remark = joined(filter(None, (down.why, down.since)), ", ")
            if down.confidence != "proved":
                remark = sentence("{remark} ({confidence})", remark=remark, confidence=word(down.confidence))
            yield remark
        chain = self._keys.of_use(together[0].uses[0]) if together[0].uses else None
        if chain is not None and chain.thumbprint is not None:
            yield sentence("{certificate}; {key}", certificate=_certificate(chain), key=together[0].key)


def _certificate(chain: KeyChainRow) -> str:
    values = {"name": label(chain), "thumbprint": str(chain.thumbprint), "store": str(chain.store)}
    if chain.not_after is None:
        return sentence("Certificate {name}, {thumbprint}, store {store}", **values)
    date = day(chain.not_after)
    return sentence("Certificate {name}, {thumbprint}, store {store}, until {date}", date=date, **values)


def _guardian_way(chain: KeyChainRow | None) -> str:
    """Say how the guardian of a virtual machine comes into the store in which Hyper-V looks for it."""
    store = chain.store if chain is not None and chain.store_scope == "machine" else None
    if chain is not None and chain.verdict == "usable" and store and store.lower() != GUARDIANS:
        return sentence(
            "Move both certificates of the guardian from the store {store} of this computer into its store "
            "'Shielded VM Local Certificates'; their keys stay where they are.",
            store=store,
        )
    return sentence(
        "Bring both certificates of a guardian that it names, with their keys, from the host that has them "
        "into the store 'Shielded VM Local Certificates' of this one; keymortem migrate plans that."
    )


def _wanted(rest: Sequence[tuple[Down, CertificateUseRow]]) -> str:
    fault = rest[0][0].fault or "unusable"
    return _WANTED[fault if rest[0][1].thumbprint else "unusable"]


_WANTED: dict[Fault, str] = {
    "missing": sentence("its certificate"),
    "unusable": sentence("its key"),
    "ended": sentence("another certificate"),
}


def _order(part: Part) -> int:
    """Return where a part stands: what the disk decides, what needs a file, a certificate, somebody."""
    places = [_place(step) for step in part.steps]
    return max(places) if places else 0


def _place(step: Step) -> int:
    if isinstance(step, Act):
        return 0
    if isinstance(step, Need):
        return 3
    return 2 if step.replaced else 1


def _is_broken_by_service(row: KeyChainRow | CertificateUseRow) -> bool:
    if isinstance(row, KeyChainRow):
        return row.broken_at == "service" and row.verdict == "unusable"
    return row.opens_broken_at == "service"


def _more(down: Down) -> Iterator[str]:
    rules = dict.fromkeys(finding.rule for finding in (*down.causes, *down.findings))
    if rules:
        yield sentence("More: {rules} in keymortem examine SOURCE -v.", rules=joined(rules, ", "))


def _doubt(doubt: Doubt) -> Need:
    use = doubt.use
    needs = [standing(doubt.reason)]
    if use is not None and use.thumbprint and use.store and use.owner_sid in (None, SYSTEM):
        with suppress(Refused):
            look = told("verify-certificate", scope="machine", store=use.store, thumbprint=use.thumbprint)
            needs.append(sentence("See on the computer whether its key opens: {command}", command=look))
    return Need(doubt.name, tuple(needs))


def _heading(together: Sequence[Down]) -> str:
    return named(list(dict.fromkeys(name for down in together for name in down.names)), MOST_NAMES)


def _name(use: CertificateUseRow) -> str:
    return use.label or use.consumer
