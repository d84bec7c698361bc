"""Reads the YAML of rules: text, lists and mappings with line numbers, and nothing else YAML can do.

Every scalar is text. Anchors, aliases, tags, duplicate keys and several documents are refused, size and depth are
bounded, because rule packs come from strangers.

References:
    https://yaml.org/spec/1.2.2/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from forensics.engine.rule_source import LARGEST_FILE, Mapping, Node, RuleYamlError, Sequence, Text

DEEPEST = 24
"""Format: levels of one rule file."""
_UNCLOSED = 8 * DEEPEST
"""Brackets open at once, those in texts counted too, beyond which the library is not even asked: it looks ahead."""
MOST_NODES = 20_000
"""Format: nodes of one rule file."""

_TOO_DEEP = f"nested more than {DEEPEST} levels deep"
_BRACKETS = re.compile(r"[\[\]{}]")
_MANY_ITEMS = re.compile(r"\s*(?:[-?]\s+){" + str(_UNCLOSED) + "}")

_Loader: Any = getattr(yaml, "CLoader", yaml.Loader)  # only its scanner and parser are used, which make events


def read_yaml(source: str) -> Node | None:
    """Read one document; an empty one is None.

    Raises:
        RuleYamlError: Not the YAML that rules are written in.
    """
    if len(source) > LARGEST_FILE:
        raise RuleYamlError(1, f"the file has more than {LARGEST_FILE // 1024} KiB")
    _bound_depth(source)
    try:
        return _Reader(_events(source)).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise RuleYamlError(mark.line + 1 if mark else 1, f"no YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise RuleYamlError(1, "no YAML: it holds a character that text cannot hold") from error


def _bound_depth(source: str) -> None:
    """Refuse what nests so deeply that the library would stop with words of its own, before :class:`_Reader` counts.

    Raises:
        RuleYamlError: More brackets are open at once, or more items begin on one line, than any rule needs.
    """
    unclosed = 0
    for number, line in enumerate(source.split("\n"), 1):
        for bracket in _BRACKETS.findall(line):
            unclosed = unclosed + 1 if bracket in "[{" else max(unclosed - 1, 0)
            if unclosed > _UNCLOSED:
                raise RuleYamlError(number, _TOO_DEEP)
        if _MANY_ITEMS.match(line):
            raise RuleYamlError(number, _TOO_DEEP)


def _events(source: str) -> Iterator[Any]:
    """Yield parser events; yaml.parse does the same, at twice the cost."""
    parser = _Loader(source)
    return iter(parser.get_event, None)


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
                    raise RuleYamlError(_line(event), "a file holds one document; begin no second")
                root = self._node(next(self.events), 1)
        return root

    def _node(self, event: Any, depth: int) -> Node:
        self.nodes += 1
        kind = event.__class__
        if kind is yaml.AliasEvent or event.anchor is not None or event.tag is not None:
            raise RuleYamlError(_line(event), _refusal(event))
        if depth > DEEPEST:
            raise RuleYamlError(_line(event), _TOO_DEEP)
        if self.nodes > MOST_NODES:
            raise RuleYamlError(_line(event), f"more than {MOST_NODES} values in one file")
        if kind is yaml.ScalarEvent:
            return _text(event)
        return self._sequence(event, depth) if kind is yaml.SequenceStartEvent else self._mapping(event, depth)

    def _sequence(self, start: Any, depth: int) -> Sequence:
        result = Sequence()
        result.line = _line(start)
        while (event := next(self.events)).__class__ is not yaml.SequenceEndEvent:
            result.append(self._node(event, depth + 1))
        return result

    def _mapping(self, start: Any, depth: int) -> Mapping:
        result = Mapping()
        result.line = _line(start)
        while (event := next(self.events)).__class__ is not yaml.MappingEndEvent:
            key = self._node(event, depth + 1)
            if not isinstance(key, Text):
                raise RuleYamlError(_line(event), "a key is text, not a list or a mapping")
            if key in result:
                raise RuleYamlError(key.line, f"the key '{key}' stands twice in one mapping")
            result[key] = self._node(next(self.events), depth + 1)
        return result


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _text(event: Any) -> Text:
    text = Text(event.value)
    style = event.style
    text.plain = not style
    text.line = event.start_mark.line + (2 if style in ("|", ">") else 1)
    return text


def _refusal(event: Any) -> str:
    if event.__class__ is yaml.AliasEvent or event.anchor is not None:
        return "anchors and aliases (& and *) are not permitted; quote text that begins so"
    return "tags (!) are not permitted; quote text that begins so"
