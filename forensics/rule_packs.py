"""What can be done with rule packs: list, show, check, test and begin their rules, and ask them of a case."""

from __future__ import annotations

from collections import Counter
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from forensics.disk.evidence_files import EvidenceFiles, recording
from forensics.engine.loader import load_packs
from forensics.engine.rule import Packs, Problem, Rule
from forensics.language import _, _n, listed, sentence
from forensics.late_methods import dataclass
from forensics.report.result import Result
from forensics.sources.given_paths import Paths, given_paths

if TYPE_CHECKING:
    from forensics.case import Case
    from forensics.commands.command import Command


class UnknownRuleError(KeyError):
    """No rule has that id."""


@dataclass(frozen=True, repr=False)
class RuleList(Result):
    """What :func:`list_rules` returns; ``markdown`` is a reference with conditions and references.

    Attributes:
        rules: The rules, pack by pack.
        read: The files of rules.
    """

    formats = ("text", "markdown")

    rules: tuple[Rule, ...]
    read: EvidenceFiles = field(default_factory=EvidenceFiles, compare=False)

    @property
    def evidence(self) -> EvidenceFiles:
        return self.read

    def _render(self, format: str, width: int | None) -> str:
        from forensics.report.rules import render_list, render_markdown

        packs = Packs(self.rules)
        return render_markdown(packs) if format == "markdown" else render_list(packs)


@dataclass(frozen=True, repr=False)
class RuleDescription(Result):
    """What :func:`show_rule` returns.

    Attributes:
        rule: The rule.
        read: The files of rules.
    """

    rule: Rule
    read: EvidenceFiles = field(default_factory=EvidenceFiles, compare=False)

    @property
    def evidence(self) -> EvidenceFiles:
        return self.read

    def _render(self, format: str, width: int | None) -> str:
        from forensics.report.rules import render_rule

        return render_rule(self.rule)


@dataclass(frozen=True, repr=False)
class CommandList(Result):
    """What :func:`list_commands` returns; ``markdown`` is a reference.

    Attributes:
        commands: What the texts of rules can ask to be typed, by subject.
    """

    formats = ("text", "markdown")

    commands: tuple[Command, ...]

    def _render(self, format: str, width: int | None) -> str:
        from forensics.report.commands import render_commands, render_commands_markdown

        return render_commands_markdown(self.commands) if format == "markdown" else render_commands(self.commands)


@dataclass(frozen=True, repr=False)
class LintResult(Result):
    """What :func:`lint_rules` returns.

    Attributes:
        rules: The rules that were judged; they are valid.
        problems: What could be better about them, with a recommendation in each message.
        read: The files of rules.
    """

    rules: tuple[Rule, ...]
    problems: tuple[Problem, ...]
    read: EvidenceFiles = field(default_factory=EvidenceFiles, compare=False)

    @property
    def evidence(self) -> EvidenceFiles:
        return self.read

    def _render(self, format: str, width: int | None) -> str:
        valid = _n("{count} rule is valid", "{count} rules are valid", len(self.rules))
        advice = _n("{count} recommendation", "{count} recommendations", len(self.problems))
        told = _("{valid}; {advice}", valid=valid, advice=advice if self.problems else _("no recommendations"))
        return "".join(f"{line}\n" for line in (*(problem.printable() for problem in self.problems), told))


@dataclass(frozen=True, repr=False)
class ExamplesResult(Result):
    """What :func:`test_rules` returns.

    Attributes:
        rules: The rules whose examples were run.
        run: How many examples of each expectation were run.
        problems: Those that failed, and those that are written wrongly.
        read: The files of rules.
    """

    rules: tuple[Rule, ...]
    run: Counter[str]
    problems: tuple[Problem, ...]
    read: EvidenceFiles = field(default_factory=EvidenceFiles, compare=False)

    @property
    def evidence(self) -> EvidenceFiles:
        return self.read

    def _render(self, format: str, width: int | None) -> str:
        kinds = listed(f"{count} {kind}" for kind, count in sorted(self.run.items()))
        problems = _n("{count} problem", "{count} problems", len(self.problems))
        rules = _n("{count} rule", "{count} rules", len(self.rules))
        examples = _n("{count} example", "{count} examples", self.run.total())
        told = _(
            "{rules}, {examples} ({kinds}); {outcome}",
            rules=rules,
            examples=examples,
            kinds=kinds,
            outcome=problems if self.problems else _("all come out as they say"),
        )
        return "".join(f"{line}\n" for line in (*(problem.printable() for problem in self.problems), told))


@dataclass(frozen=True, repr=False)
class RuleFiles(Result):
    """What :func:`new_rule` returns.

    Attributes:
        files: The rule's file, and those beside it.
    """

    files: tuple[Path, ...]

    def _render(self, format: str, width: int | None) -> str:
        told = _("what is to be filled in: keymortem rules lint {file}", file=self.files[0])
        return "".join(f"{line}\n" for line in (*self.files, told))


def list_rules(rules: Paths = ()) -> RuleList:
    """List the built-in rules.

    Args:
        rules: Folders of rule packs to list beside them; one path, or several.

    Raises:
        RulePackError: A rule pack is invalid.

    Examples:
        >>> import forensics
        >>> "key-file-missing" in forensics.list_rules().render()
        True
    """
    with recording(read := EvidenceFiles()):
        return RuleList(load_packs(given_paths(rules)).rules, read)


def show_rule(rule_id: str, rules: Paths = ()) -> RuleDescription:
    """Describe what a rule asks, what it says then, and where its facts can be read.

    Args:
        rule_id: Its id, such as ``key-file-missing``.
        rules: Folders of rule packs to look into beside the built-in ones; one path, or several.

    Raises:
        UnknownRuleError: No rule has that id; it is a KeyError.
        RulePackError: A rule pack is invalid.

    Examples:
        >>> import forensics
        >>> print(forensics.show_rule("key-file-missing"))
        The key file of a certificate is gone
        ...
    """
    with recording(read := EvidenceFiles()):
        rule = load_packs(given_paths(rules)).rule(rule_id)
    if rule is None:
        raise UnknownRuleError(f"there is no rule {rule_id!r}")
    return RuleDescription(rule, read)


def list_commands() -> CommandList:
    """List the commands that the texts of rules can ask to be typed, with what each needs to know.

    Examples:
        >>> import forensics
        >>> "start-on-demand" in forensics.list_commands().render()
        True
    """
    from forensics.commands.catalogue import CATALOGUE

    return CommandList(tuple(CATALOGUE.values()))


def lint_rules(folders: Paths = ()) -> LintResult:
    """Judge rules that are valid: where they could mislead, and what to do about it.

    Args:
        folders: Folders of rule packs; the built-in ones if none is given; one path, or several.

    Raises:
        RulePackError: A rule is invalid; it names everything that is wrong.

    Examples:
        >>> import forensics
        >>> forensics.lint_rules("our-policy").problems[0].message
        'still to be filled in: what is the matter, as a short sentence [not-filled-in]; write it, or take it out'
    """
    from forensics.engine.lint import lint_contained

    given = given_paths(folders)
    with recording(read := EvidenceFiles()):
        packs = load_packs(given, examples=True)
    places = [folder.resolve() for folder in given]
    own = tuple(rule for rule in packs.rules if not places or _lies_in(rule.path, places))
    return LintResult(own, tuple(lint_contained(packs, own)), read)


def test_rules(folders: Paths = ()) -> ExamplesResult:  # noqa: PT028
    """Run the examples of rules, and name each that does not come out as it says.

    Args:
        folders: Folders of rule packs; the built-in ones if none is given; one path, or several.

    Raises:
        RulePackError: A rule is invalid; it names everything that is wrong.

    Examples:
        >>> import forensics
        >>> forensics.test_rules().problems
        ()
    """
    from forensics.engine.examples import run_examples, run_examples_contained

    places = given_paths(folders)
    with recording(read := EvidenceFiles()):
        packs = load_packs(places, examples=True, built_in=not places)
    result = run_examples_contained(packs) if places else run_examples(packs)
    return ExamplesResult(packs.rules, result.run, tuple(result.problems), read)


def new_rule(path: str | Path) -> RuleFiles:
    """Begin a rule: write its files, of which :func:`lint_rules` says line by line what is to be filled in.

    Args:
        path: Folder of the pack, which is made if need be, and id of the rule.

    Raises:
        ValueError: A rule cannot have that id.
        OSError: A file cannot be written, or is there already; then none is written.

    Examples:
        >>> import forensics
        >>> [file.name for file in forensics.new_rule("our-policy/web-key-exportable").files]
        ['web-key-exportable.yaml', 'web-key-exportable.examples.yaml', 'web-key-exportable.ja.yaml']
    """
    from forensics.engine.rule_reader import is_rule_id
    from forensics.engine.skeleton import write_skeleton

    if not is_rule_id(Path(path).name):
        raise ValueError(
            sentence("the id '{id}' is not made of lower-case words with '-' between them", id=Path(path).name)
        )
    return RuleFiles(tuple(write_skeleton(Path(path))))


def apply_rules(case: Case, rules: Paths = ()) -> None:
    """Ask the rules of a case again, in place of what its findings were: after another date, or for other packs.

    Args:
        case: Its findings are replaced; a rule that cannot be asked becomes a row of table ``problem``.
        rules: Folders of rule packs to ask beside the built-in ones; one path, or several.

    Raises:
        RulePackError: A rule pack is invalid; the findings stay.

    Examples:
        >>> from datetime import UTC, datetime
        >>> import forensics
        >>> case = forensics.open_case("case.sqlite")
        >>> case.as_of = datetime(2027, 6, 1, tzinfo=UTC)
        >>> forensics.apply_rules(case)
        >>> "certificate-expired" in set(case.findings.rule)
        True
    """
    from forensics.asked_rules import ask_rules, refer_to

    with recording(case.evidence):
        packs = load_packs(given_paths(rules))
    refer_to(case)
    ask_rules(case, packs)
    case.forget_frames()


def translate_findings(case: Case, language: str, rules: Paths = ()) -> None:
    """Put the texts of a case's findings into another language, where their rules have it.

    Args:
        case: Its findings stay the same but for ``title``, ``because`` and ``remedy``.
        language: One of :data:`forensics.LANGUAGES`; English findings stay for what was not translated.
        rules: Folders of the rule packs that were asked beside the built-in ones; one path, or several.

    Raises:
        ValueError: There is no such language.
        RulePackError: A rule pack is invalid.

    Examples:
        >>> import forensics
        >>> case = forensics.open_case("case.sqlite")
        >>> forensics.translate_findings(case, "ja")
        >>> str(case.findings.title[0]).startswith("Windows が Sysprep で")
        True
    """
    from forensics.asked_rules import speak
    from forensics.language import LANGUAGES

    if language not in LANGUAGES:
        raise ValueError(f"there is no language {language!r}; there are {', '.join(LANGUAGES)}")
    with recording(case.evidence):
        packs = load_packs(given_paths(rules), language=language)
    speak(case, packs, language)
    case.forget_frames()


def _lies_in(path: Path, places: list[Path]) -> bool:
    whole = path.resolve()
    return any(whole == place or place in whole.parents for place in places)
