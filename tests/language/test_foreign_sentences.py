"""Sentences that another process or a stranger's case file tells take no more than they are worth."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from forensics.contained.answers import loaded
from forensics.contained.failure import ContainedFailure
from forensics.language import Sentence, sentence, speaking, spoken, told
from forensics.language.sentences import MOST_NESTED, MOST_PARTS, Made, foreign_sentence
from forensics.tables.sentences import (
    MAX_SENTENCE,
    sentence_from_json,
    sentence_to_json,
    sentences_from_json,
    sentences_to_json,
)


@pytest.mark.parametrize(
    "message",
    ["{A.B}", "{a.__class__}", "{A[B]}", "{x:>4000000000}", "{x!r:>4000000000}", "{0}", "{x:{x}}", "{x", "{}", ""],
)
def test_a_message_of_a_stranger_is_no_template_for_python(message: str) -> None:
    values = {"A": "1", "a": "1", "x": "1"}
    odd = foreign_sentence("as it was", message, "", values, 0)
    with speaking("ja"):
        assert told(odd) == "as it was"


def test_sentences_within_sentences_do_not_multiply() -> None:
    text: str = "ha"
    for _level in range(MOST_NESTED):
        text = foreign_sentence("laugh", "{a}" * 50, "", {"a": text}, 0)
    assert isinstance(text, Sentence)
    with speaking("ja"):
        assert told(text) == "laugh"


def test_a_sentence_is_not_much_longer_than_its_english_text_and_message() -> None:
    long = foreign_sentence("short", "{a}", "", {"a": "x" * 100}, 0)
    near = foreign_sentence("short", "{a}", "", {"a": "x" * 64}, 0)
    with speaking("ja"):
        assert (told(long), told(near)) == ("short", "x" * 64)


@pytest.mark.parametrize(
    "made",
    [
        (1, "m", "", {}, 0),
        ("t", None, "", {}, 0),
        ("t", "m", "", [], 0),
        ("t", "m", "", {}, 1.5),
        ("t", "m", "", {"a": 1.5}, 0),
        ("t", "m", "", {"a": None}, 0),
        ("t", "m", "", {1: "a"}, 0),
    ],
)
def test_what_no_sentence_is_made_of_is_refused(made: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match="sentence"):
        foreign_sentence(*made)


def test_a_sentence_of_too_many_parts_stays_a_text() -> None:
    few = foreign_sentence("t", " ", "", {str(n): "x" for n in range(MOST_PARTS)}, 0)
    many = foreign_sentence("t", " ", "", {str(n): "x" for n in range(MOST_PARTS + 1)}, 0)
    assert (type(few), type(many), many) == (Sentence, str, "t")


def test_a_child_cannot_put_a_sentence_into_itself() -> None:
    # {}, its memo; a sentence with it, its memo; the sentence as a value of the dict.
    named = b"cforensics.contained.answers\n_made\n"
    plain = b"(S'Sentence'\n(lS't'\naS'm'\naS''\nag0\naI0\natR"
    again = loaded(b"(dp0\n0" + named + plain + b"p1\n0g0\nS'self'\ng1\ns0g1\n.", [])
    assert (again, again.made) == ("t", Made("m", "", {}))


def test_a_childs_sentence_of_odd_values_is_a_bad_answer() -> None:
    answer = b"cforensics.contained.answers\n_made\n(S'Sentence'\n(lS't'\naS'm'\naS''\naI5\naI0\natR."
    with pytest.raises(ContainedFailure, match="what it answered cannot be read"):
        loaded(answer, [])


def test_a_case_file_keeps_what_is_nested_too_deep_as_text() -> None:
    deep = sentence("end")
    for _level in range(MOST_NESTED):
        deep = sentence("so {why}", why=deep)
    again = sentence_from_json(sentence_to_json(deep))
    assert again == deep
    for _level in range(MOST_NESTED):
        assert isinstance(again, Sentence)
        again = str.__str__(again) if "why" not in again.made.values else again.made.values["why"]  # type: ignore[assignment]
    assert (type(again), again) == (str, "end")


def test_a_sentence_too_long_is_not_kept_and_not_read() -> None:
    assert list(sentences_to_json([sentence("{a}", a="x" * MAX_SENTENCE)])) == []
    with pytest.raises(ValueError, match="more than 1048576 characters"):
        sentence_from_json("[" * (MAX_SENTENCE + 1))


def test_only_what_can_be_said_again_is_known_by_its_text() -> None:
    deep = '["deep", "m", "", {"a": ' * MOST_NESTED + '"x"' + "}, 0]" * MOST_NESTED
    kept = sentences_to_json([sentence("so {why}", why=1)])
    known = sentences_from_json([*kept, deep, '["", "m", "", {}, 0]', '["header", "", "", {}, 0]'])
    assert {text: made.made.message for text, made in known.items()} == {"so 1": "so {why}", "deep": "m", "": "m"}


def test_where_translations_are_not_made_no_other_language_is_spoken(tmp_path: Path) -> None:
    with mock.patch.object(spoken, "HOME", tmp_path), mock.patch.object(spoken, "is_made", spoken.is_made.__wrapped__):
        with pytest.raises(ValueError, match="translations of language 'ja' are not made"), speaking("ja"):
            pass
        with speaking("en"):
            assert spoken.spoken_language() == "en"
