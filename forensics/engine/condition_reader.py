"""Reads the tree of conditions: ``all``, ``any``, ``not``, ``none-of``, ``some-of``, ``seen``, leaves and shorthand."""

from __future__ import annotations

from collections.abc import Callable

from forensics.engine.conditions import seen, shorthand
from forensics.engine.covered_names import never_written
from forensics.engine.rule import Condition, Covered, Either, Every, Leaf, Named, Negated, Presence
from forensics.engine.rule_source import Mapping, Node, Sequence, Text
from forensics.engine.sql_text import quoted
from forensics.tables.coverage_names import NAMES
from forensics.tables.registry import ROW_CLASSES, ColumnSpec, column_specs

Tell = Callable[[int, str], None]
"""Takes the line and the sentence of something wrong."""

TREE_KEYS = frozenset({"all", "any", "not", "none-of", "some-of", "seen"})
_COVERAGE_COLUMNS = ("area", "name", "source_path")
_BOOLEANS = {"true": "1", "yes": "1", "false": "0", "no": "0"}


class ConditionReader:
    """Reads conditions over one table.

    Args:
        table: Table of ``this``.
        tell: Told everything that is wrong.
    """

    def __init__(self, table: str, tell: Tell) -> None:
        self.columns = {spec.name: spec for spec in column_specs(table)}
        self.table = table
        self.tell = tell

    def tree(self, node: Node) -> Condition | None:
        """Read one node of the tree; None when it is wrong."""
        if isinstance(node, Text):
            self.tell(node.line, "a condition has a name: write 'name: SQL'")
            return None
        if isinstance(node, Sequence):
            self.tell(node.line, "say how these conditions belong together: all, any, not, none-of, some-of or seen")
            return None
        inner = [key for key in node if key in TREE_KEYS]
        if not inner:
            return _every(self.leaves(node))
        if len(node) > 1:
            self.tell(node.line, f"'{inner[0]}' stands alone in its mapping; put what belongs beside it into a list")
            return None
        [(key, value)] = node.items()
        if key in ("none-of", "some-of"):
            return self._presence(key, value)
        if key == "seen":
            return self._seen(key, value)
        if key == "not":
            child = self.tree(value)
            return Negated(child) if child is not None else None
        return self._several(key, value)

    def _several(self, key: Text, value: Node) -> Condition | None:
        if not isinstance(value, Sequence) or not value:
            self.tell(key.line, f"'{key}' takes a list of conditions")
            return None
        children = [child for child in map(self.tree, value) if child is not None]
        if key == "any":
            return Either(tuple(children)) if children else None
        # A shorthand of two columns is an "all" of its own; inside another it is simply two conditions more.
        flat = [leaf for c in children for leaf in (c.children if isinstance(c, Every) else (c,))]
        return Every(tuple(flat)) if flat else None

    def named(self, node: Node) -> list[Named]:
        """Read an item of a plain list of named conditions."""
        if isinstance(node, Mapping) and len(node) == 1:
            [(key, value)] = node.items()
            if key in ("none-of", "some-of", "seen"):
                one = self._seen(key, value) if key == "seen" else self._presence(key, value)
                return [one] if one is not None else []
        if not isinstance(node, Mapping) or any(key in TREE_KEYS for key in node):
            self.tell(node.line, "only named conditions, none-of, some-of and seen are permitted here")
            return []
        return list(self.leaves(node))

    def leaves(self, node: Mapping) -> list[Leaf]:
        """Read ``name: SQL``, or the shorthand ``column: value`` for one or more columns."""
        if not node:
            self.tell(node.line, "a condition is missing here")
        named = [key for key in node if key not in self.columns]
        if named and len(node) > 1:
            self.tell(
                named[0].line,
                f"'{named[0]}' is no column of {self.table}; a condition with a name stands alone in its mapping",
            )
            return []
        leaves = [self._named_leaf(k, v) if named else self._shorthand(k, v) for k, v in node.items()]
        return [leaf for leaf in leaves if leaf is not None]

    def _named_leaf(self, key: Text, value: Node) -> Leaf | None:
        if not isinstance(value, Text):
            self.tell(key.line, f"'{key}' is no column of {self.table}; the SQL of a named condition is text")
            return None
        return Leaf(str(key), str(value), value.line)

    def _shorthand(self, key: Text, value: Node) -> Leaf | None:
        if isinstance(value, Text) and value.plain and value == "null":
            return Leaf(f"{key} is empty", f"this.{key} IS NULL", key.line, shorthand=True)
        items = value if isinstance(value, Sequence) else [value]
        texts = [item for item in items if isinstance(item, Text)]
        if not texts or len(texts) != len(items):
            self.tell(key.line, f"'{key}' takes a value or a list of values")
            return None
        literals = [self._literal(self.columns[key], text) for text in texts]
        if any(literal is None for literal in literals):
            return None
        return shorthand(str(key), [str(t) for t in texts], [x for x in literals if x is not None], key.line)

    def _literal(self, spec: ColumnSpec, text: Text) -> str | None:
        if spec.kind == "boolean":
            if text not in _BOOLEANS:
                self.tell(text.line, f"'{spec.name}' is true or false, not '{text}'")
            return _BOOLEANS.get(text)
        if spec.kind == "integer":
            try:
                return str(int(text, 0))
            except ValueError:
                self.tell(text.line, f"'{spec.name}' is a number, not '{text}'")
                return None
        if spec.kind == "list":
            self.tell(text.line, f"'{spec.name}' is a list; write SQL, such as this.{spec.name} LIKE '%\"{text}\"%'")
            return None
        words = spec.possible_values
        if words and text not in words:
            self.tell(text.line, f"'{spec.name}' is never '{text}'; it is one of {', '.join(words)}")
            return None
        return quoted(text)

    def _presence(self, key: Text, value: Node) -> Presence | None:
        if not isinstance(value, Mapping):
            self.tell(key.line, f"'{key}' takes name, from, where and covered")
            return None
        texts: dict[str, Text] = {}
        for wanted in ("name", "from", "where"):
            text = value.get(Text(wanted))
            if isinstance(text, Text) and text:
                texts[wanted] = text
            else:
                self.tell(value.line, f"'{key}' lacks '{wanted}'")
        for extra in value.keys() - {"name", "from", "where", "covered"}:
            self.tell(extra.line, f"'{key}' knows no '{extra}', only name, from, where and covered")
        if "from" in texts and texts["from"] not in ROW_CLASSES:
            self.tell(texts["from"].line, f"there is no table '{texts['from']}'; there are {', '.join(ROW_CLASSES)}")
            return None
        covered = self._covered(key, value)
        if len(texts) < 3 or covered is None:
            return None
        where = texts["where"]
        return Presence(
            str(texts["name"]), str(texts["from"]), str(where), covered, key == "some-of", key.line, where.line
        )

    def _seen(self, key: Text, value: Node) -> Leaf | None:
        """Read ``seen``: true where all that is covered was examined, else unknown."""
        if not isinstance(value, Mapping) or value.keys() - {"name", "covered"}:
            self.tell(key.line, "'seen' takes name and covered")
            return None
        name, covered = value.get(Text("name")), self._covered(key, value)
        if not isinstance(name, Text) or not name:
            self.tell(value.line, "'seen' lacks 'name'")
            return None
        return seen(str(name), covered, key.line) if covered else None

    def _covered(self, key: Text, value: Mapping) -> tuple[Covered, ...] | None:
        node = value.get(Text("covered"))
        if node is None:
            self.tell(
                value.line,
                f"'{key}' lacks 'covered': what must have been examined, such as {{area: hive, name: SYSTEM}}, "
                "or 'always' for a table that is complete whenever there is a machine",
            )
            return None
        if isinstance(node, Text):
            if node == "always":
                return ()
            self.tell(node.line, "'covered' is a mapping, a list of them, or 'always'")
            return None
        nodes: list[Node] = [node] if isinstance(node, Mapping) else list(node)
        read = [self._covered_one(one) for one in nodes]
        return tuple(c for c in read if c is not None) if read and all(read) else None

    def _covered_one(self, node: Node) -> Covered | None:
        if not isinstance(node, Mapping) or not node:
            self.tell(node.line, f"'covered' maps {', '.join(_COVERAGE_COLUMNS)} of table coverage to values")
            return None
        columns: dict[str, list[str]] = {}
        for column, value in node.items():
            values = [value] if isinstance(value, Text) else value if isinstance(value, Sequence) else []
            texts = [str(text) for text in values if isinstance(text, Text)]
            if column not in _COVERAGE_COLUMNS:
                self.tell(column.line, f"'covered' knows {', '.join(_COVERAGE_COLUMNS)}, not '{column}'")
            elif not texts or len(texts) != len(values):
                self.tell(column.line, f"'{column}' takes a value or a list of values")
            else:
                columns[str(column)] = texts
        if len(columns) < len(node) or not self._is_ever_written(node):
            return None
        return Covered(columns, node.line)

    def _is_ever_written(self, node: Mapping) -> bool:
        """Tell whether coverage can hold what is asked for; a name without area is taken to be in any."""
        areas, names = _texts(node, "area"), _texts(node, "name")
        wrong = [area for area in areas if area not in NAMES]
        for area in wrong:
            self.tell(area.line, f"coverage has no area '{area}'; it has {', '.join(NAMES)}")
        told = [(name, never_written(areas or list(NAMES), name)) for name in ([] if wrong else names)]
        for name, why in told:
            if why:
                self.tell(name.line, why)
        return not wrong and not any(why for _, why in told)


def _texts(node: Mapping, key: str) -> list[Text]:
    value = node.get(Text(key), Sequence())
    return [item for item in (value if isinstance(value, Sequence) else [value]) if isinstance(item, Text)]


def _every(leaves: list[Leaf]) -> Condition | None:
    if len(leaves) == 1:
        return leaves[0]
    return Every(tuple(leaves)) if leaves else None
