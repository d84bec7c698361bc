"""Everything about one subject: the chains of its key, and what each rule says of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field

from forensics.case_tables import CaseTables
from forensics.disk.evidence_files import EvidenceFiles, recording
from forensics.engine.answers import Judged, NamedSubject, RuleAnswer, Truth
from forensics.engine.database import RuleDatabase
from forensics.engine.rule import Packs
from forensics.engine.strangers_answers import AskedRules
from forensics.language import _, joined, message, sentence, spoken_language
from forensics.language import told as said
from forensics.language.folding import columns, padded
from forensics.late_methods import dataclass
from forensics.report.accounted import head_lines
from forensics.report.explain import UnknownSubjectError, chains_that_name, find_chains, render_explain
from forensics.report.facts import Facts, common_name
from forensics.report.findings import REMEDY, FindingIndex, text_lines
from forensics.report.folded_lines import fold
from forensics.report.named_machines import named_machines
from forensics.report.result import Result
from forensics.report.rule_words import title_of, told_condition
from forensics.sources.given_paths import Paths, given_paths
from forensics.tables.finding import Finding
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.sanitise import sanitise

_WORDS = {True: message("yes"), False: message("no"), None: message("unknown")}
_ANSWERS = 7
"""Columns of the answers to conditions."""
_CHAIN_SECTIONS = ("broken", "undecided", "too_open", "orphan")
_TREE_WORDS = {"all": message("all of"), "any": message("any of"), "not": message("not")}
_MATCHES = {True: message("MATCH"), None: message("UNKNOWN"), False: message("NEAR MISS")}


@dataclass(frozen=True, repr=False)
class Explanation(Result):
    """What :func:`explain` returns.

    Attributes:
        case: The case.
        chains: The chains of its key, in the order of the case.
        answers: What each rule says, by the identity of what it says it of; matches first.
        candidates: What an ambiguous name may mean; chains and answers are empty then.
        machines: Numbers of the machines that were chosen; None for all.
    """

    case: CaseTables
    chains: tuple[KeyChainRow, ...] = ()
    answers: Mapping[str, Sequence[RuleAnswer]] = field(default_factory=dict)
    candidates: tuple[NamedSubject, ...] = ()
    machines: frozenset[int] | None = None

    @property
    def evidence(self) -> EvidenceFiles:
        return self.case.evidence

    @property
    def has_findings(self) -> bool:
        """A key of it cannot be opened, or a rule finds more than information."""
        found = any(a.value and a.severity != "info" for answers in self.answers.values() for a in answers)
        present = {machine.machine_id for machine in self.case.present.rows("machine")}
        return found or any(chain.verdict == "unusable" for chain in self.chains if chain.machine_id in present)

    def _render(self, format: str, width: int | None) -> str:
        if self.candidates:
            return "\n".join(_list(self.case, self.candidates)) + "\n"
        return "\n".join(_blocks(self, width))


def explain(case: CaseTables, subject: str, rules: Paths = (), *, machine: str | None = None) -> Explanation:
    """Explain a key link by link, and then what each rule says of it, condition by condition.

    Args:
        case: The case.
        subject: A certificate's thumbprint (six digits are enough), a key file's name or path, or the name of anything
            that findings speak of, or a part of that name; else a key container, or the GUID of a master key.
        rules: Folders of rule packs to ask beside the built-in ones; one path, or several.
        machine: Of this machine alone: name of a computer, or of its disk.

    Raises:
        UnknownSubjectError: Nothing is called that; it is a KeyError.
        UnsuitableCaseError: No machine is called that.
        RulePackError: A rule pack is invalid.

    Examples:
        >>> import forensics
        >>> print(forensics.explain(forensics.open_case("case.sqlite"), "web.contoso"))
        CN=web.contoso.test
          on WEB01, store MY, thumbprint 5128463CB51FB4BFB5489BA043D6FCE174F6CA79
          verdict: unusable, broken at key_file; known by inference; recoverable: yes
        ...
    """
    from forensics.engine.loader import load_packs

    machines, spoken = named_machines(case, machine), spoken_language()
    filled = {name for name, rows in case.tables.items() if rows}
    with recording(case.evidence):
        packs = load_packs(given_paths(rules), language=None if spoken == "en" else spoken, tables=filled)
    return explain_subject(case, packs, subject, machines)


def subject_names(case: CaseTables) -> list[str]:
    """Return names by which :func:`explain` knows each key of a case, in the order of the case.

    Of a certificate the first common name and the thumbprint, of a key file without one its name.

    Args:
        case: The case.

    Examples:
        >>> import forensics
        >>> "web.contoso.test" in forensics.subject_names(forensics.open_case("case.sqlite"))
        True
    """
    names: dict[str, None] = {}
    for chain in case.rows("key_chain"):
        file = (chain.key_file_path or "").rpartition("/")[2] if not chain.thumbprint else ""
        for name in (common_name(chain.subject), chain.thumbprint, file):
            if name:
                names[sanitise(name)] = None
    return list(names)


def explain_subject(case: CaseTables, packs: Packs, wanted: str, machines: frozenset[int] | None = None) -> Explanation:
    """Explain a subject by rules that were read already.

    Args:
        case: The case.
        packs: The rules.
        wanted: As in :func:`explain`.
        machines: Numbers of the machines that are meant; None for all.

    Raises:
        UnknownSubjectError: Nothing is called that.
    """

    def is_meant(machine_id: int) -> bool:
        return machines is None or machine_id in machines

    chains = [chain for chain in find_chains(case, wanted) if is_meant(chain.machine_id)]
    with RuleDatabase(case.tables, case.as_of) as database:
        asked = AskedRules(case.tables, case.as_of, packs, database)
        subjects: list[NamedSubject] = []
        if not chains:
            subjects = [subject for subject in asked.subjects(wanted) if is_meant(subject.machine_id)]
            if len({s.id for s in subjects}) > 1:
                return Explanation(case, candidates=tuple(subjects))
            named = subjects[0].id if subjects else None
            rows = ([c for c in view.rows("key_chain") if is_meant(c.machine_id)] for view in (case.present, case))
            of_name = ([c for c in chains if named and _identity(c) == named] for chains in rows)
            chains = next(filter(None, of_name), [])
        if not chains and not subjects:
            chains = [chain for chain in chains_that_name(case, wanted) if is_meant(chain.machine_id)]
        identities = list(dict.fromkeys([*map(_identity, chains), *(s.id for s in subjects)]))
        if not identities:
            raise UnknownSubjectError(sentence("nothing in this case is called {name}", name=repr(wanted)))
        answers = asked.answers([identity for identity in identities if identity is not None], machines)
    return Explanation(case, tuple(chains), answers, machines=machines)


def _blocks(told: Explanation, width: int | None) -> Iterator[str]:
    """Yield the chains, then a block of rules for each thing they speak of."""
    head = [line for text in head_lines(told.case.sources) for line in fold(sanitise(said(text)), width)]
    if head:
        yield "\n".join(head) + "\n"
    index = FindingIndex(told.case)
    matching = {a.rule.id for answers in told.answers.values() for a in answers if a.value}
    told_below = {n for n, c in enumerate(told.chains) if any(index.covers(s, c, matching) for s in _CHAIN_SECTIONS)}
    if told.chains:
        yield render_explain(told.case, list(told.chains), width, told_below)
    for identity, answers in told.answers.items():
        meant = (f for f in told.case.finding_list if told.machines is None or f.machine_id in (0, *told.machines))
        texts = {f.rule: f for f in meant if any(s.id == identity for s in f.subjects)}
        yield "\n".join(_rules(identity, answers, texts, width, len(told.answers) > 1)) + "\n"


def _identity(chain: KeyChainRow) -> str | None:
    return chain.thumbprint or chain.key_file_path


def _list(case: CaseTables, subjects: Iterable[NamedSubject]) -> Iterator[str]:
    facts = Facts(case)
    for subject in subjects:
        name = subject.id if subject.label == subject.id else joined([subject.label, subject.id], ", ")
        where = facts.on(subject.machine_id)
        yield sanitise(_("{name} ({table}, {where})", name=name, table=subject.table, where=where))


def _rules(
    identity: str, answers: Sequence[RuleAnswer], texts: dict[str, Finding], width: int | None, several: bool
) -> Iterator[str]:
    of_it = _("What the rules say of it: {name}", name=identity) if several else _("What the rules say of it")
    yield from fold(sanitise(of_it), width)
    if not answers:
        yield f"  {_('No rule speaks of it.')}"
    far = [e for e in answers if _is_far(e)]
    for explanation in answers:
        if not _is_far(explanation):
            # Once for each rule: a certificate in two stores is two rows of one finding.
            finding = texts.pop(explanation.rule.id, None) if explanation.value else None
            yield from _explained(explanation, finding, width)
    if far:
        yield f"  {_('Not these, because of the conditions named:')}"
    for explanation in far:
        assert explanation.tree is not None
        names = (told_condition(c.name) for c in explanation.tree.conditions() if c.value is False)
        yield from fold(sanitise(f"{explanation.rule.id}: {'; '.join(names)}"), width, "    ", "      ")


def _is_far(answer: RuleAnswer) -> bool:
    return answer.value is False and not answer.is_near_miss


def _explained(explanation: RuleAnswer, finding: Finding | None, width: int | None) -> Iterator[str]:
    rule = explanation.rule
    title = finding.title if finding is not None else title_of(rule)
    yield from fold(sanitise(f"{_(_MATCHES[explanation.value])}: {title} [{rule.id}]"), width, "  ", "    ")
    if explanation.failed or explanation.tree is None:
        yield from fold(sanitise(said(explanation.failed)), width, "      ", "      ")
        return
    yield from _tree_lines(explanation.tree, width, "    ")
    for condition in explanation.corroboration:
        yield from _line(condition.value, f"{told_condition(condition.name)} {_('(does not decide)')}", width, "    ")
    if finding is not None:
        yield from text_lines(finding.because, width, "    ")
        yield from text_lines(finding.remedy, width, "    ", _(REMEDY))


def _tree_lines(node: Judged, width: int | None, indent: str, outermost: bool = True) -> Iterator[str]:
    if node.kind == "condition":
        yield from _line(node.value, told_condition(node.name), width, indent)
        return
    goes_without_saying = node.kind == "all" and outermost
    if not goes_without_saying:
        yield from _line(node.value, _(_TREE_WORDS[node.kind]), width, indent)
    for child in node.children:
        yield from _tree_lines(child, width, indent if goes_without_saying else indent + "  ", outermost=False)


def _line(value: Truth, name: str, width: int | None, indent: str) -> Iterator[str]:
    start = f"{indent}{padded(_(_WORDS[value]), _ANSWERS)}  "
    yield from fold(sanitise(name), width, start, " " * columns(start))
