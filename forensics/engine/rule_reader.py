"""Makes a rule of a mapping, and tells everything that is wrong with it, each with its line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from forensics.engine.beside import PARTS, file_beside
from forensics.engine.condition_reader import ConditionReader
from forensics.engine.rule import (
    FORMAT,
    SECTIONS,
    Condition,
    Level,
    Named,
    Problem,
    Rule,
    Sql,
    named_conditions,
)
from forensics.engine.rule_source import Mapping, Node, Sequence, Text
from forensics.engine.sql_text import SqlTextError, check_expression, put_values
from forensics.engine.subjects import default_subject
from forensics.engine.templates import BUILT_IN, check_template
from forensics.tables.finding import CONFIDENCES, SEVERITIES
from forensics.tables.registry import ROW_CLASSES, column_specs

KEYS = (
    "format",
    "id",
    "title",
    "for",
    "with",
    "severity",
    "confidence",
    "when",
    "corroboration",
    "group",
    "values",
    "subject",
    "because",
    "remedy",
    "explains",
    "covers",
    "references",
    "report-unknown",
    "in-parts",
    "across",
)
MOST_VALUES = 100
"""Format: values of one rule."""
MOST_JOINS = 10
"""Format: tables that one rule joins to its own."""
MOST_CONDITIONS = 200
"""Format: named conditions of one rule."""
ACROSS = "machines"
_REQUIRED = ("id", "title", "for", "severity", "confidence", "when", "because")
_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_NOTHING = Text("")


class RuleReader:
    """Reads one rule.

    Args:
        path: Its file, for messages and for the pack's name.
        root: What the file holds, which is to be a mapping.
        built_in: It came with keymortem.
        trusted: What SQLite will check anyway need not be checked now.

    Attributes:
        problems: Everything that was wrong.
    """

    def __init__(self, path: Path, root: Node | None, built_in: bool = False, trusted: bool = False) -> None:
        self.path = path
        self.root = root if isinstance(root, Mapping) else Mapping()
        self.built_in = built_in
        self.trusted = trusted
        self.problems: list[Problem] = []
        if self.root is not root:
            self.tell(root.line if root is not None else 1, "a rule is a mapping: begin with 'format: 1'")

    def tell(self, line: int, message: str) -> None:
        """Take down that something is wrong."""
        self.problems.append(Problem(self.path, line, message))

    def rule(self) -> Rule | None:
        """Return the rule, or None when anything is wrong."""
        if self.problems:
            return None
        found = self.root.get(Text("format"))
        if found != str(FORMAT):
            # Of an unknown format nothing else can be judged.
            what = f"format {found}" if isinstance(found, Text) else "a rule without 'format'"
            line = found.line if found is not None else 1
            self.tell(line, f"{what} is not known to this version, which reads format {FORMAT}")
            return None
        self._check_keys()
        table = self._text("for")
        if table and table not in ROW_CLASSES:
            self.tell(table.line, f"there is no table '{table}'; there are {', '.join(ROW_CLASSES)}")
        if table not in ROW_CLASSES:
            return None
        rule = self._of_table(table)
        return None if self.problems else rule

    def _check_keys(self) -> None:
        for key in self.root:
            if key in PARTS:
                self.tell(key.line, f"'{key}' stands beside the rule, in {file_beside(self.path, key).name}")
            elif key not in KEYS:
                self.tell(key.line, f"a rule has no '{key}'; its keys are {', '.join(KEYS)}")
        for wanted in _REQUIRED:
            if wanted not in self.root:
                self.tell(1, f"the rule lacks '{wanted}'")

    def _of_table(self, table: Text) -> Rule | None:
        joins, values = self._sql_by_name("with", table), self._sql_by_name("values", table)
        self._check_values(values)
        reader = ConditionReader(table, self.tell)
        when = self._when(reader)
        subject_id, subject_label = self._subject(table)
        because, remedy = self._text("because"), self._text("remedy")
        self._check_texts((because, remedy), table, joins, values)
        if when is None:
            return None
        corroboration = self._corroboration(reader)
        if len(list(named_conditions(when))) + len(corroboration) > MOST_CONDITIONS:
            self.tell(1, f"the rule has more than {MOST_CONDITIONS} conditions")
            return None
        return Rule(
            path=self.path,
            pack=self.path.parent.name,
            id=self._id(),
            title=str(self._text("title")),
            table=str(table),
            severity=self._levels("severity", SEVERITIES),
            confidence=self._levels("confidence", CONFIDENCES),
            when=when,
            because=because,
            remedy=remedy,
            subject_id=subject_id,
            subject_label=subject_label,
            joins=joins,
            corroboration=corroboration,
            group=tuple(Sql(str(key), key.line) for key in self._texts("group")),
            values=values,
            explains=tuple(self._texts("explains")),
            covers=self._covers(),
            references=tuple(self._texts("references")),
            report_unknown=self._flag("report-unknown"),
            in_parts=self._flag("in-parts"),
            spans_machines=self._across(),
            built_in=self.built_in,
            lines={str(key): key.line for key in self.root},
        )

    def _text(self, key: str) -> Text:
        value = self.root.get(Text(key), _NOTHING)
        if isinstance(value, Text):
            if value is not _NOTHING and not value.strip():
                self.tell(value.line, f"'{key}' is empty")
            return value
        self.tell(value.line, f"'{key}' is text")
        return _NOTHING

    def _texts(self, key: str) -> list[Text]:
        value = self.root.get(Text(key), Sequence())
        items: list[Node] = [value] if isinstance(value, Text) else list(value) if isinstance(value, Sequence) else []
        texts = [item for item in items if isinstance(item, Text)]
        if isinstance(value, Mapping) or len(texts) != len(items):
            self.tell(value.line, f"'{key}' is a list of texts")
        return texts

    def _id(self) -> Text:
        text = self._text("id")
        if text and not is_rule_id(text):
            self.tell(text.line, f"the id '{text}' is not made of lower-case words with '-' between them")
        return text

    def _flag(self, key: str) -> bool:
        text = self._text(key)
        if text not in ("", "true", "false"):
            self.tell(text.line, f"'{key}' is true or false")
        return text == "true"

    def _across(self) -> bool:
        text = self._text("across")
        if text not in ("", ACROSS):
            self.tell(text.line, f"'across' is {ACROSS}, or is left out")
        return text == ACROSS

    def _covers(self) -> tuple[str, ...]:
        texts = self._texts("covers")
        for text in texts:
            if text not in SECTIONS:
                self.tell(text.line, f"the report has no section '{text}'; it has {', '.join(SECTIONS)}")
        return tuple(map(str, texts))

    def _sql_by_name(self, key: str, table: Text) -> dict[str, Sql]:
        node = self.root.get(Text(key))
        if node is None:
            return {}
        if not isinstance(node, Mapping):
            self.tell(node.line, f"'{key}' is a mapping of names to SQL")
            return {}
        if len(node) > (most := MOST_JOINS if key == "with" else MOST_VALUES):
            self.tell(node.line, f"'{key}' names more than {most}")
            return {}
        result: dict[str, Sql] = {}
        for name, text in node.items():
            if not isinstance(text, Text):
                self.tell(name.line, f"'{name}' is SQL, written as text")
            elif key == "with" and name not in ROW_CLASSES:
                self.tell(name.line, f"there is no table '{name}'; there are {', '.join(ROW_CLASSES)}")
            elif key == "values" and (not _NAME.fullmatch(name) or name in BUILT_IN):
                self.tell(name.line, f"a value cannot be called '{name}'")
            elif key == "values" and name in {spec.name for spec in column_specs(table)}:
                self.tell(name.line, f"'{name}' is a column of {table}; give the value a name of its own")
            else:
                result[str(name)] = Sql(str(text), text.line)
        return result

    def _check_values(self, values: dict[str, Sql]) -> None:
        if self.trusted:
            return  # what the tests have seen; every start of the program would pay for seeing it again
        known: dict[str, str] = {}
        for name, sql in list(values.items()):
            try:
                check_expression(sql.text)
                known[name] = put_values(sql.text, known)
            except SqlTextError as error:
                self.tell(sql.line, str(error))
                # What uses it shall not be blamed too.
                known[name] = "NULL"
                values[name] = Sql("NULL", sql.line)

    def _when(self, reader: ConditionReader) -> Condition | None:
        node = self.root.get(Text("when"))
        return reader.tree(node) if node is not None else None

    def _corroboration(self, reader: ConditionReader) -> tuple[Named, ...]:
        node = self.root.get(Text("corroboration"))
        if node is None:
            return ()
        if not isinstance(node, Sequence):
            self.tell(node.line, "'corroboration' is a list of named conditions")
            return ()
        return tuple(named for item in node for named in reader.named(item))

    def _levels(self, key: str, words: tuple[str, ...]) -> tuple[Level, ...]:
        node = self.root.get(Text(key))
        items: list[Node] = list(node) if isinstance(node, Sequence) else [node] if node is not None else []
        levels = [level for item in items if (level := self._level(key, words, item)) is not None]
        defaults = [number for number, level in enumerate(levels) if level.when is None]
        if node is not None and len(levels) == len(items) and defaults != [len(levels) - 1]:
            self.tell(
                node.line, f"a list of '{key}' ends with the one that applies otherwise, alone and without 'when'"
            )
        return tuple(levels) or (Level(None, words[-1], 1),)

    def _level(self, key: str, words: tuple[str, ...], node: Node) -> Level | None:
        when: Node | None = None
        value: Node | None = node
        if isinstance(node, Mapping):
            when, value = node.get(Text("when")), node.get(Text(key))
            if node.keys() != {"when", key} or not isinstance(when, Text):
                self.tell(node.line, f"write {{when: SQL, {key}: {words[0]}}}")
                return None
        if not isinstance(value, Text) or value not in words:
            self.tell(node.line, f"'{key}' is one of {', '.join(words)}")
            return None
        return Level(str(when) if isinstance(when, Text) else None, str(value), node.line)

    def _subject(self, table: Text) -> tuple[Sql, Sql]:
        identity, label = default_subject(table)
        subject = [Sql(identity, table.line), Sql(label, table.line)]
        node = self.root.get(Text("subject"))
        if node is not None and not isinstance(node, Mapping):
            self.tell(node.line, "'subject' is a mapping of id and label to SQL")
        elif node is not None:
            for name, text in node.items():
                if name not in ("id", "label") or not isinstance(text, Text):
                    self.tell(name.line, "'subject' is a mapping of id and label to SQL")
                else:
                    subject[name == "label"] = Sql(str(text), text.line)
        return subject[0], subject[1]

    def _check_texts(self, texts: tuple[Text, ...], table: Text, joins: dict[str, Sql], values: dict[str, Sql]) -> None:
        if self.trusted:
            return
        names = names_of(table, joins, values)
        for text in texts:
            for problem in check_template(text, names):
                self.tell(text.line + problem.line, problem.message)


def is_rule_id(text: str) -> bool:
    """Tell whether a rule can be called so."""
    return _ID.fullmatch(text) is not None


def names_of(table: str, joins: Iterable[str], values: Iterable[str]) -> set[str]:
    """Return every name that the texts of a rule may use."""
    names = {spec.name for spec in column_specs(table)} | set(values)
    return names.union(*({f"{joined}.{spec.name}" for spec in column_specs(joined)} for joined in joins))
