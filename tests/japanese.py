"""What is told of a case in Japanese, and the English words in it that are not the disk's.

``python -m tests.japanese`` writes anew the texts that are kept word for word, in ``report/japanese``: read what
changed before it is committed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import forensics
from forensics.report.explain import find_chains
from forensics.report.first_screen.entries import short
from tests.examined import examined
from tests.first_screens import COLUMNS
from tests.paths import PROJECT

TEXTS = PROJECT / "tests" / "report" / "japanese"

WORD = re.compile(r"(?<![\w.\\/%$*{<@=-])[a-z]{2,}(?:'s)?(?![\w.\\/=(*]|-\w)")
"""A lower-case word of English: not a part of a path, an option, an id or a name."""
_IDS = re.compile(r"\[[a-z0-9-]+\]|[a-z_.]+ が [a-z_]+(?: または [a-z_]+)*")
"""Names of rules, and columns of tables with their values in shorthand conditions."""
SHORTEST = 4
"""Characters of a value that is taken out of a text."""
LONGEST_KEPT = 400
"""Characters of a text that a line has of a row at most."""
_VOCABULARY = re.compile(r"[a-z_]+")


def translated(case: forensics.Case) -> forensics.Case:
    """Return a case of the same rows with its findings in Japanese."""
    other = forensics.Case(
        [row for rows in case.tables.values() for row in rows],
        case.sources,
        case.as_of,
        tool_version=case.tool_version,
    )
    other.finding_list = list(case.finding_list)
    forensics.translate_findings(other, "ja")
    return other


@cache
def of_image(name: str) -> forensics.Case:
    """Return the case of an image with its findings in Japanese, which no test may change."""
    return translated(examined(name))


def rendered(result: Any, format: str = "text", width: int | None = None, **options: Any) -> str:
    """Return a result in Japanese, with paths of test images as they are from the project's folder."""
    text = forensics.render(result, format, language="ja", width=width, **options)
    return text.replace(f"{PROJECT}{os.sep}", "")


def explained(case: forensics.Case) -> str:
    """Return what is explained of the first keys of a case."""
    names = dict.fromkeys(chain.thumbprint or chain.key_file_path for chain in case.rows("key_chain")[:10])
    return "".join(rendered(forensics.explain(case, name)) for name in names if name and find_chains(case, name))


def english_words(text: str, case: forensics.Case) -> Iterator[str]:
    """Yield the lower-case English words of a text that are not of the disk, nor of a rule or a row."""
    for value in sorted(_values(case), key=len, reverse=True):
        if value[:LONGEST_KEPT] in text:
            text = text.replace(value, " ").replace(value[:LONGEST_KEPT], " ")
    yield from WORD.findall(_IDS.sub("", text))


def _values(case: forensics.Case) -> set[str]:
    """Return what rows, sources and findings say, of rows also with a capital and in pieces."""
    found: set[str] = set()
    rows: list[Any] = [*(row for rows in case.tables.values() for row in rows), *case.sources]
    for row in rows:
        for name in row.__dataclass_fields__:
            found.update(_texts(getattr(row, name)))
    found |= {f"{value[0].upper()}{value[1:]}" for value in found}
    for finding in case.finding_list:
        found |= {finding.title, *(block.text for block in (*finding.because, *finding.remedy))}
        found |= {subject.label for subject in finding.subjects}
    found |= {short(value) for value in found}
    names = {row.name for row in case.rows("user") if row.name} | {source.path for source in case.sources}
    return names | {value for value in found if len(value) >= SHORTEST and not _VOCABULARY.fullmatch(value)}


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str) and value:
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)


KEPT: dict[str, Callable[[], str]] = {
    "sample.screen.txt": lambda: rendered(of_image("sample"), "screen", COLUMNS),
    "web-server.screen.txt": lambda: rendered(of_image("web-server"), "screen", COLUMNS),
    "hyperv-target.screen.txt": lambda: rendered(of_image("hyperv-target"), "screen", COLUMNS),
    "sample.txt": lambda: rendered(of_image("sample"), "text", COLUMNS),
    "sample.explained.txt": lambda: rendered(
        forensics.explain(of_image("sample"), "CN=web.contoso.test"), width=COLUMNS
    ),
    "sample.symptom.txt": lambda: rendered(forensics.explain_symptom(of_image("sample"), "0x80090016"), width=COLUMNS),
    "web-server.ps1": lambda: rendered(of_image("web-server"), "runbook"),
}
"""What is kept word for word, by name of its file."""

if __name__ == "__main__":
    TEXTS.mkdir(exist_ok=True)
    for name, text in KEPT.items():
        (TEXTS / name).write_text(text(), encoding="utf-8", newline="")
