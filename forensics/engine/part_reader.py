"""Reads what stands beside a rule, and tells everything that is wrong with it, each with its file and line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from forensics.engine.beside import EXAMPLES, file_beside
from forensics.engine.rule import Problem, Rule, Translation
from forensics.engine.rule_reader import names_of
from forensics.engine.rule_source import Mapping, Node, RuleYamlError, Sequence, Text, read_text
from forensics.engine.templates import check_template
from forensics.engine.yaml_source import read_yaml

_TEXTS = ("title", "because", "remedy")
_NOTHING = Text("")


def with_translation(rule: Rule, language: str, problems: list[Problem]) -> Rule:
    """Return the rule with its texts in another language; the same rule where it has none, or they are wrong."""
    reader = _PartReader(file_beside(rule.path, language), problems)
    if not reader.path.is_file():
        return rule
    translation = reader.translation(rule)
    if translation is None:
        return rule
    return replace(rule, translations={**rule.translations, language: translation})


def with_examples(rule: Rule, problems: list[Problem]) -> Rule:
    """Return the rule with its examples; the same rule where it has none, or they are wrong."""
    reader = _PartReader(file_beside(rule.path, EXAMPLES), problems)
    return replace(rule, examples=reader.examples()) if reader.path.is_file() else rule


class _PartReader:
    def __init__(self, path: Path, problems: list[Problem]) -> None:
        self.path = path
        self.problems = problems

    def tell(self, line: int, message: str) -> None:
        self.problems.append(Problem(self.path, line, message))

    def translation(self, rule: Rule) -> Translation | None:
        root = self._root()
        if not isinstance(root, Mapping):
            if root is not None:
                self.tell(root.line, f"a translation is a mapping of {', '.join((*_TEXTS, 'phrases'))}")
            return None
        for key in root:
            if key not in (*_TEXTS, "phrases"):
                self.tell(key.line, f"a translation has no '{key}'; it has {', '.join((*_TEXTS, 'phrases'))}")
        title, because, remedy = (self._text(root, key) for key in _TEXTS)
        names = names_of(rule.table, rule.joins, rule.values)
        for text in (because, remedy):
            for problem in check_template(text, names):
                self.tell(text.line + problem.line, problem.message)
        return Translation(self.path, title, because, remedy, self._phrases(root))

    def examples(self) -> tuple[Mapping, ...]:
        root = self._root()
        items = [item for item in root if isinstance(item, Mapping)] if isinstance(root, Sequence) else []
        if root is not None and (not isinstance(root, Sequence) or len(items) != len(root)):
            self.tell(root.line, "examples are a list of mappings: begin each with '- expect: '")
        return tuple(items)

    def _root(self) -> Node | None:
        try:
            root = read_yaml(read_text(self.path))
        except RuleYamlError as error:
            self.tell(error.line, error.message)
            return None
        if root is None:
            self.tell(1, "the file is empty")
        return root

    def _text(self, root: Mapping, key: str) -> Text:
        text = root.get(Text(key), _NOTHING)
        if not isinstance(text, Text) or (not text.strip() and (key != "remedy" or text is not _NOTHING)):
            self.tell(text.line, f"the translation lacks the text '{key}'")
            return _NOTHING
        return text

    def _phrases(self, root: Mapping) -> dict[Text, str]:
        phrases = root.get(Text("phrases"), Mapping())
        if not isinstance(phrases, Mapping) or not all(isinstance(text, Text) for text in phrases.values()):
            self.tell(phrases.line, "'phrases' is a mapping of English text to text")
            return {}
        return {key: str(text) for key, text in phrases.items()}
