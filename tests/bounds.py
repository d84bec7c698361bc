"""Every bound of the program, read from its source, and the section of docs/limits.md that lists them.

``python -m tests.bounds`` writes that section anew.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

from tests.paths import PROJECT

PAGE = PROJECT / "docs" / "limits.md"
HEADING = "## Every bound\n"
KINDS = {
    "Evidence": "Beyond it, something of the source is not read, not searched or not kept. That is a row of table "
    "`problem`, and the place counts as seen in part (`partial` in table `coverage`, or the row says itself that it is "
    "in doubt): nothing is concluded from what was not found there.",
    "Format": "Beyond it, bytes are not what they claim to be, or not what Windows writes. The artefact is refused "
    "whole: a row of table `problem`, and it counts as unreadable, never as absent.",
    "Display": "What a text, a message or a column shows of something that is known in full.",
    "Work": "What is kept in memory, or how something is looked up; the result is the same, or errs on the side of "
    "telling.",
}
NAME = re.compile(
    r"_?(MAX|MOST|LARGEST|DEEPEST|LONGEST|MANY|LIMIT|LEAST|SECONDS|PATIENCE|NAMED|SIBLINGS)(_\w+)?"
    r"|\w+_(MAX|MOST|LIMIT|LONGEST|SECONDS)"
)
_DISPLAY = ("report/", "comparison/", "tables/", "case.py")
_SIGN = re.compile(rf"({'|'.join(KINDS)}): (.*)", re.DOTALL)


@dataclass(frozen=True)
class Bound:
    """One constant.

    Attributes:
        module: Its file, from the package's root.
        name: Its name.
        value: Its value.
        kind: One of :data:`KINDS`; None where its docstring does not begin with one.
        text: What is counted.
    """

    module: str
    name: str
    value: object
    kind: str | None
    text: str

    @property
    def shown(self) -> str:
        """The value as people say it."""
        if not isinstance(self.value, int):
            return f"{self.value:g}" if isinstance(self.value, float) else str(self.value)
        if self.text.lower().startswith("bytes") and self.value:
            for unit, size in (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
                if self.value % size == 0:
                    return f"{self.value // size:,} {unit}"
        return f"{self.value:,}"


@cache
def bounds(package: Path = PROJECT / "forensics") -> list[Bound]:
    """Return every constant that is named like a bound, or whose docstring says that it is one."""
    return [bound for path in sorted(package.rglob("*.py")) for bound in _of_module(path, package)]


def _of_module(path: Path, package: Path) -> Iterator[Bound]:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    module = path.relative_to(package).as_posix()
    for node, following in zip(body, [*body[1:], None], strict=False):
        names = list(_assigned(node))
        docstring = _text(following) if len(names) == 1 else ""
        said = _SIGN.fullmatch(docstring)
        kind, text = (said[1], said[2]) if said else (None, docstring)
        if kind is None and docstring and module.startswith(_DISPLAY):
            kind = "Display"
        for name in names:
            if said or NAME.fullmatch(name):
                value = getattr(import_module(".".join(path.relative_to(package.parent).with_suffix("").parts)), name)
                if isinstance(value, int | float):
                    yield Bound(module, name, value, kind, " ".join(text.split()))


def _assigned(node: ast.stmt) -> Iterator[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    for target in targets:
        for one in target.elts if isinstance(target, ast.Tuple) else [target]:
            if isinstance(one, ast.Name):
                yield one.id


def _text(node: ast.stmt | None) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return node.value.value.strip()
    return ""


def render() -> str:
    """Return the section."""
    lines = [HEADING, "This section is printed from the code by `make docs`."]
    found = bounds()
    for kind, meaning in KINDS.items():
        lines += ["", f"### {kind}", "", meaning, ""]
        lines += ["| what is counted | at most | constant |", "| --- | ---: | --- |"]
        for bound in found:
            if bound.kind == kind:
                counted = f"{bound.text[:1].upper()}{bound.text[1:].rstrip('.')}"
                lines.append(f"| {counted} | {bound.shown} | `{bound.module}` `{bound.name}` |")
    return "\n".join([*lines, ""])


def main() -> None:
    """Write the section anew, at the end of the page."""
    before, _, _ = PAGE.read_text(encoding="utf-8").partition(HEADING)
    PAGE.write_text(before + render(), encoding="utf-8")


if __name__ == "__main__":
    main()
