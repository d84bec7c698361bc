"""The files of a new rule, of which lint tells line by line what is still to be filled in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from forensics.disk.evidence_files import EvidenceFiles
from forensics.engine.beside import EXAMPLES, file_beside
from forensics.engine.rule import LANGUAGES, Presence, Problem, Rule, named_conditions
from forensics.engine.rule_source import Mapping, Node, Text
from forensics.outputs import new_files

FILL_IN = "FILL IN "
"""Marks what the author has yet to write."""

_RULE = """\
format: 1
id: ID
title: FILL IN what is the matter, as a short sentence
for: key_chain
severity: high
confidence: likely
when:
  all:
    - FILL IN what must be true, as a statement: this.thumbprint IS NOT NULL
    - {verdict: unusable}
because: |
  FILL IN what is true of {{ count: # certificate, # certificates }}, and what users see:
  - {{ each.subject }}
remedy: |
  FILL IN what repairs it, and what does not:
    @show-certificate scope={{ each.store_scope }} store={{ each.store }} thumbprint={{ each.thumbprint }}
references:
  - https://FILL IN where these facts can be read
"""
_EXAMPLES = """\
- expect: match
  because: FILL IN what is true of 1 certificate
  rows:
    key_chain: [{thumbprint: AA, subject: CN=web.contoso.test, store: MY, verdict: unusable}]
- expect: miss
  rows:
    key_chain: [{thumbprint: AA, subject: FILL IN rows with which all is well, verdict: usable}]
- expect: unknown
  rows:
    key_chain: [{thumbprint: AA, subject: FILL IN rows that leave it open, verdict: unknown}]
"""
_TRANSLATION = """\
title: FILL IN the title
because: |
  FILL IN the same, with the same values: {{ count }}
  - {{ each.subject }}
remedy: |
  FILL IN the same, with the same commands:
    @show-certificate scope={{ each.store_scope }} store={{ each.store }} thumbprint={{ each.thumbprint }}
"""


def write_skeleton(path: Path) -> list[Path]:
    """Write a rule that is valid, its examples, which come out as they say, and its translations.

    Args:
        path: Folder of the pack, which is made if need be, and id of the rule.

    Returns:
        The files.

    Raises:
        FileExistsError: One of them is there; nothing was written.
        OSError: They cannot be written.
    """
    rule = path.with_name(f"{path.name}.yaml")
    texts = {rule: _RULE, file_beside(rule, EXAMPLES): _EXAMPLES}
    texts |= {file_beside(rule, language): _TRANSLATION for language in LANGUAGES}
    with new_files(path.parent, EvidenceFiles()) as file_of:
        for file, text in texts.items():
            file_of(file.name).write_text(text.replace("id: ID", f"id: {path.name}"), encoding="utf-8")
    return list(texts)


def unfilled(rule: Rule) -> Iterator[Problem]:
    """Yield what a rule, its examples and its translations still have to say."""
    texts = [(rule.path, rule.line("title"), rule.title)]
    texts += [(rule.path, text.line, str(text)) for text in (rule.because, rule.remedy, *rule.references)]
    for condition in (*named_conditions(rule.when), *rule.corroboration):
        sql = condition.where if isinstance(condition, Presence) else condition.sql
        texts += [(rule.path, condition.line, condition.name), (rule.path, condition.line, sql)]
    examples = file_beside(rule.path, EXAMPLES)
    texts += [(examples, text.line, str(text)) for example in rule.examples for text in _texts(example)]
    for other in rule.translations.values():
        texts += [(other.path, text.line, str(text)) for text in (other.title, other.because, other.remedy)]
    for path, first, text in texts:
        for line, written in enumerate(text.split("\n"), first):
            if FILL_IN in written:
                yield Problem(path, line, f"still to be filled in: {written.partition(FILL_IN)[2]}")


def _texts(node: Node) -> Iterator[Text]:
    if isinstance(node, Text):
        yield node
        return
    for inner in node.values() if isinstance(node, Mapping) else node:
        yield from _texts(inner)
