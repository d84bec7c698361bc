"""How a text writes a value: ``{{ name | form }}``.

date        the day of a time
path        a path of the source as its Windows writes it (:mod:`forensics.tables.windows_path`), which the row's column
            already is: the drive is a fact of the row's machine
list        the items of a list column, with commas
words       a fact in the words of the language: who uses a certificate, what it is for, when a key lost its file
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from forensics.engine.fact_words import ANY, FACT_PHRASES, FACT_WORDS
from forensics.language import told
from forensics.tables.timestamps import told_times

MOST_ITEMS = 20
"""Display: items of a list that are written; the rest is counted."""


class Wording(NamedTuple):
    """The words that filling puts in by itself.

    Attributes:
        language: Whose words they are.
        unknown: For an empty value.
        withheld: For a value that is not put into a command.
        comma: Between values.
        between: Between facts, which may hold commas in English.
        last: Before the last value.
        more: After the first of many.
        and_so_on: After the first of many lines, with how many are left out.
        local: After a time by the clock of the machine.
        none: For an empty list.
        nothing: For an empty list of what was looked for.
        parts: Over the parts of a list, by the rank of what is in them (:func:`forensics.engine.subjects.rank`).
        facts: Words for the values of a column; those of no value under the empty name, of others under :data:`ANY`.
        phrases: Of a column whose values are sentences: their phrases, and what to say instead.
    """

    language: str
    unknown: str
    withheld: str
    comma: str
    between: str
    last: str
    more: str
    and_so_on: str
    local: str
    none: str
    nothing: str
    parts: tuple[str, ...]
    facts: Mapping[str, Mapping[str, str]]
    phrases: Mapping[str, Mapping[str, str]]


ENGLISH = Wording(
    "en",
    "(not known)",
    "(not shown: a shell would act on it)",
    ", ",
    "; ",
    " and ",
    " and {count} more",
    "(and {count} more)",
    " by the clock of the machine",
    "none",
    "nothing that was found",
    (
        "In use:",
        "In use, and ended:",
        "Not known to be in use:",
        "Ended, and not known to be in use:",
        "Replaced by a working certificate:",
        "Made anew each day:",
    ),
    FACT_WORDS["en"],
    FACT_PHRASES["en"],
)
WORDINGS = {
    "en": ENGLISH,
    "ja": Wording(
        "ja",
        "(不明)",
        "(シェルが解釈する文字を含むため表示しません)",
        "、",
        "、",
        "、",
        " ほか {count} 件",
        "(ほか {count} 件)",
        " (コンピューターの時計)",
        "なし",
        "見つかったものなし",
        (
            "使用中:",
            "使用中で、期限切れ:",
            "使用元が判明していないもの:",
            "使用元が判明しておらず、期限切れ:",
            "有効な証明書に置き換え済み:",
            "毎日新しく作成されるもの:",
        ),
        FACT_WORDS["ja"],
        FACT_PHRASES["ja"],
    ),
}


def formed(text: str, form: str | None, name: str, wording: Wording) -> str:
    """Write a value that is there.

    Args:
        text: The value as it stands on the disk.
        form: How.
        name: Its name in the rule; that of its column stands last.
        wording: The words of the language.
    """
    if form is None or form == "path":
        return told(text)
    if form == "date":
        return told_times(text)[:10]
    if form == "local":
        return text.replace("T", " ").removesuffix("Z") + wording.local
    if form == "list":
        return _items(text, ", ", wording) or wording.none
    column = name.rpartition(".")[2]
    facts = wording.facts.get(column, {})
    if text in facts:
        return facts[text]
    phrase = _items(text, wording.between, wording) or wording.nothing
    for english, other in wording.phrases.get(column, {}).items():
        phrase = phrase.replace(english, other)
    return facts.get(ANY, "{}").replace("{}", phrase)


def missing(form: str | None, name: str, wording: Wording) -> str:
    """Write a value that is not there."""
    words = wording.facts.get(name.rpartition(".")[2], {}) if form == "words" else {}
    return words.get("", wording.unknown)


def _items(text: str, between: str, wording: Wording) -> str:
    try:
        items = json.loads(text)
    except ValueError:
        return text
    if not isinstance(items, list):
        return text
    text = between.join(told(str(item)) for item in items[:MOST_ITEMS])
    return text + wording.more.format(count=len(items) - MOST_ITEMS) if len(items) > MOST_ITEMS else text
