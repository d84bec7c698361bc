"""Sentences are English texts that can be said in another language, wherever they went in between."""

from __future__ import annotations

import copy
import pickle
from gettext import GNUTranslations
from io import BytesIO
from pathlib import Path
from unittest import mock

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo

import forensics
from forensics.case_tables import CaseTables
from forensics.contained.answers import dumped, loaded
from forensics.language import Sentence, _, _n, joined, listed, renamed, sentence, sentence_n, speaking, spoken, told
from forensics.tables.record import ProblemRow
from tests.hand_made import AS_OF, machine

MESSAGES: dict[str | tuple[str, ...], str | list[str]] = {
    "master key {guid} is gone": "マスター キー {guid} がありません",
    "the chain ends: {why}": "経路が途切れています: {why}",
    ("{count} key", "{count} keys"): ["キー {count} 個"],
    "Nothing is missing.": "不足はありません。",
}


@pytest.fixture(autouse=True)
def few_translations() -> object:
    catalog = Catalog(locale="ja")
    for message, said in MESSAGES.items():
        catalog.add(message, said)
    write_mo(made := BytesIO(), catalog)
    made.seek(0)
    translations = GNUTranslations(made)
    with mock.patch.object(spoken, "_catalogue", return_value=translations):
        yield


GONE = sentence("master key {guid} is gone", guid="1234")
NESTED = sentence("the chain ends: {why}", why=GONE)


def test_a_sentence_is_an_english_text() -> None:
    assert (str(NESTED), f"{GONE}", GONE == "master key 1234 is gone") == (
        "the chain ends: master key 1234 is gone",
        "master key 1234 is gone",
        True,
    )


def test_a_sentence_is_said_in_the_spoken_language_with_the_sentences_in_it() -> None:
    assert told(NESTED) == "the chain ends: master key 1234 is gone"
    with speaking("ja"):
        assert told(NESTED) == "経路が途切れています: マスター キー 1234 がありません"


def test_counted_sentences() -> None:
    one, three = (sentence_n("{count} key", "{count} keys", n) for n in (1, 3))
    assert (one, three) == ("1 key", "3 keys")
    with speaking("ja"):
        assert [told(one), told(three), _n("{count} key", "{count} keys", 1)] == ["キー 1 個", "キー 3 個", "キー 1 個"]
    assert _n("{count} key", "{count} keys", 3) == "3 keys"


def test_joined_sentences() -> None:
    both = joined([GONE, "a name"], "; ")
    assert both == "master key 1234 is gone; a name"
    with speaking("ja"):
        assert told(both) == "マスター キー 1234 がありません。a name"
        assert told(joined(["a name", GONE], "; ")) == "a name、マスター キー 1234 がありません"
        assert listed(["a", "b"]) == "a、b"
    assert (joined([]), listed(["a", "b"])) == ("", "a, b")


def test_a_sentence_with_another_name_in_it_stays_a_sentence() -> None:
    other = renamed(sentence("the chain ends: {why}", why=GONE), "1234", "5678")
    assert other == "the chain ends: master key 5678 is gone"
    with speaking("ja"):
        assert told(other) == "経路が途切れています: マスター キー 5678 がありません"
    assert renamed("a/x", "a/", "") == "x"


def test_a_name_that_is_worded_like_a_message_stays() -> None:
    with speaking("ja"):
        assert (told("Nothing is missing."), _("Nothing is missing.")) == ("Nothing is missing.", "不足はありません。")


def test_what_no_catalogue_holds_stays_english() -> None:
    with speaking("ja"):
        assert (_("Not {this}.", this="so"), told(sentence("Not {this}.", this="so"))) == ("Not so.", "Not so.")


def test_the_language_is_spoken_only_while_it_lasts() -> None:
    with speaking("ja"), pytest.raises(ValueError, match="there is no language 'fr'; there are en, ja"), speaking("fr"):
        pass
    assert spoken.spoken_language() == "en"


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
def test_copies_of_a_sentence_know_what_it_was_made_of(copied: object) -> None:
    again = copied(NESTED)  # type: ignore[operator]
    assert (again, again.made, again.made.values["why"].made) == (NESTED, NESTED.made, GONE.made)


def test_a_contained_child_answers_with_sentences() -> None:
    [again, text] = loaded(dumped([NESTED, "text"], []), [])
    assert (again, again.made, again.made.values["why"].made, type(text)) == (NESTED, NESTED.made, GONE.made, str)


def test_a_case_file_keeps_what_sentences_were_made_of(tmp_path: Path) -> None:
    row = ProblemRow(machine_id=1, source_path="x", kind="parse_error", message=NESTED)
    CaseTables([machine(), row], [], AS_OF).save(tmp_path / "case.sqlite")
    [again] = CaseTables.opened(tmp_path / "case.sqlite").rows("problem")
    assert isinstance(again.message, Sentence)
    assert (again.message, again.message.made) == (NESTED, NESTED.made)
    why = again.message.made.values["why"]
    assert isinstance(why, Sentence)
    assert why.made == GONE.made


def test_a_text_that_went_through_a_database_is_told_by_the_sentences_of_its_case() -> None:
    with speaking("ja", {str(GONE): GONE}):
        assert told("master key 1234 is gone") == "マスター キー 1234 がありません"


def test_a_strangers_values_that_do_not_fit_leave_a_sentence_english() -> None:
    odd = Sentence("master key ? is gone", GONE.made._replace(values={"other": "{guid.__class__}"}))
    with speaking("ja"):
        assert told(odd) == "master key ? is gone"


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "ja_JP.UTF-8", "LC_MESSAGES": "C"}, "en"),
        ({"LANG": "C", "LC_ALL": "ja"}, "ja"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
    ],
)
def test_the_environment_asks_for_a_language(environment: dict[str, str], language: str) -> None:
    with mock.patch.dict("os.environ", environment, clear=True):
        assert spoken.language_of_environment() == language


def test_unknown_languages_of_the_api() -> None:
    with pytest.raises(ValueError, match="there is no language 'fr'"):
        forensics.render(CaseTables([], [], AS_OF), "text", language="fr")
