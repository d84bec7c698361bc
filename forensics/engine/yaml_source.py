"""Reads the YAML of rules: text, lists and mappings with line numbers, and nothing else YAML can do.

Every scalar is text. Anchors, aliases, tags, duplicate keys and several documents are refused, size and depth are
bounded, because rule packs come from strangers.

References:
    https://yaml.org/spec/1.2.2/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

LARGEST_FILE = 256 * 1024
DEEPEST = 24
MOST_NODES = 20_000

_Loader: Any = getattr(yaml, "CLoader", yaml.Loader)  # only its scanner and parser are used, which make events


class RuleYamlError(Exception):
    """The file is no YAML of the permitted kind.

    Attributes:
        line: Line number, from 1.
        message: One sentence.
    """

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line
        self.message = message


class Text(str):
    """A scalar.

    Attributes:
        line: Line on which it begins, from 1. Of a block scalar: its first line of content.
        plain: Written without quotes.
    """

    __slots__ = ("line", "plain")

    line: int
    plain: bool

    def __new__(cls, value: str, line: int = 1, plain: bool = True) -> Text:
        """Make a scalar of a known line."""
        text = super().__new__(cls, value)
        text.line = line
        text.plain = plain
        return text


class Sequence(list["Node"]):
    """A list, with the line on which it begins."""

    line: int = 1


class Mapping(dict[Text, "Node"]):
    """A mapping, with the line on which it begins; the keys carry their own."""

    line: int = 1


Node = Text | Sequence | Mapping


def read_yaml(source: str, skip: str | None = None) -> Mapping:
    """Read one document, whose root must be a mapping.

    Args:
        source: The file's text.
        skip: Key of the root whose value is not wanted: it is not even parsed, and not in the result.

    Raises:
        RuleYamlError: Not the YAML that rules are written in.
    """
    if len(source) > LARGEST_FILE:
        raise RuleYamlError(1, f"the file has more than {LARGEST_FILE // 1024} KiB")
    if skip is not None:
        source = _without(source, skip)
    try:
        root = _Reader(iter(yaml.parse(source, Loader=_Loader))).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise RuleYamlError(mark.line + 1 if mark else 1, f"no YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise RuleYamlError(1, "no YAML: it holds a character that text cannot hold") from error
    if not isinstance(root, Mapping):
        raise RuleYamlError(getattr(root, "line", 1), "a rule is a mapping: begin with 'format: 1'")
    return root


def _without(source: str, key: str) -> str:
    """Blank the block of a root key; in YAML every line of a value in a mapping is indented, or a list item."""
    lines, skipping = source.split("\n"), False
    for number, line in enumerate(lines):
        if line and line[0] not in " \t-#":
            skipping = line.startswith(f"{key}:")
        if skipping:
            lines[number] = ""
    return "\n".join(lines)


class _Reader:
    """Turns parser events into nodes."""

    def __init__(self, events: Iterator[Any]) -> None:
        self.events: Iterator[Any] = events
        self.nodes = 0

    def document(self) -> Node | None:
        root: Node | None = None
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    line = event.start_mark.line + 1 if event.start_mark else 1
                    raise RuleYamlError(line, "a file holds one rule; begin no second document")
                root = self._node(next(self.events), 1)
        return root

    def _node(self, event: Any, depth: int) -> Node:
        line = event.start_mark.line + 1
        self.nodes += 1
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise RuleYamlError(line, "anchors and aliases (& and *) are not permitted; quote text that begins so")
        if event.tag is not None:
            raise RuleYamlError(line, "tags (!) are not permitted; quote text that begins so")
        if depth > DEEPEST:
            raise RuleYamlError(line, f"nested more than {DEEPEST} levels deep")
        if self.nodes > MOST_NODES:
            raise RuleYamlError(line, f"more than {MOST_NODES} values in one file")
        if isinstance(event, yaml.ScalarEvent):
            first = line + 1 if event.style in ("|", ">") else line
            return Text(event.value, first, event.style is None or event.style == "")
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(line, depth)
        return self._mapping(line, depth)

    def _sequence(self, line: int, depth: int) -> Sequence:
        result = Sequence()
        result.line = line
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            result.append(self._node(event, depth + 1))
        return result

    def _mapping(self, line: int, depth: int) -> Mapping:
        result = Mapping()
        result.line = line
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            if not isinstance(key, Text):
                raise RuleYamlError(event.start_mark.line + 1, "a key is text, not a list or a mapping")
            if key in result:
                raise RuleYamlError(key.line, f"the key '{key}' stands twice in one mapping")
            result[key] = self._node(next(self.events), depth + 1)
        return result
