"""How texts write values, in each language; facts have words for each value their column may hold."""

from __future__ import annotations

from typing import get_args

import pytest

from forensics.engine.forms import ENGLISH, WORDINGS
from forensics.engine.templates import LONGEST_NUMBER, check_template, fill, path_column
from forensics.tables.certificate import NewBy, Purpose, Superseded
from forensics.tables.finding import as_text

UNCHECKED = "    # as the rule pack has it, not checked\n"


def written(form: str, value: object, name: str = "x", language: str = "en") -> str:
    return as_text(
        fill(f"[{{{{ {name} | {form} }}}}]", [{name: value, path_column(name): value}], {}, WORDINGS[language])
    )


@pytest.mark.parametrize(
    ("form", "value", "expected"),
    [
        ("date", "2026-05-01T05:48:31Z", "[2026-05-01]"),
        ("date", None, "[(not known)]"),
        ("local", "2026-05-01T05:48:31Z", "[2026-05-01 05:48:31 by the clock of the machine]"),
        ("local", None, "[(not known)]"),
        ("path", "D:\\Windows\\System32\\x", "[D:\\Windows\\System32\\x]"),
        ("path", None, "[(not known)]"),
        ("list", '["a", "b, c"]', "[a, b, c]"),
        ("list", "[]", "[none]"),
        ("list", None, "[(not known)]"),
        ("list", '["\\u30b5\\u30fc\\u30d0\\u30fc"]', "[サーバー]"),
        ("list", "no list", "[no list]"),
        ("list", "17", "[17]"),
        ("words", '["IIS Default Web Site", "WinRM"]', "[IIS Default Web Site; WinRM]"),
        ("words", "[]", "[nothing that was found]"),
        ("words", None, "[(not known)]"),
    ],
)
def test_forms(form: str, value: object, expected: str) -> None:
    assert written(form, value) == expected


@pytest.mark.parametrize(
    ("name", "value", "english", "japanese"),
    [
        ("superseded", "no", "[]", "[]"),
        ("superseded", None, "[]", "[]"),
        ("certificate.superseded", "archived", "[, and archived]", "[。アーカイブ済みです]"),
        ("purpose", "efs", "[file encryption (EFS)]", "[ファイルの暗号化 (EFS)]"),
        ("purpose", None, "[(not known)]", "[(不明)]"),
        ("used_by", "[]", "[nothing known]", "[判明しているものなし]"),
        ("used_by", '["IIS", "RDP"]', "[IIS; RDP]", "[IIS、RDP]"),
        ("may_be_used_by", "[]", "[]", "[]"),
        ("may_be_used_by", None, "[]", "[]"),
        ("may_be_used_by", '["LDAPS"]', "[; may be chosen by: LDAPS]", "[。選択する可能性があるもの: LDAPS]"),
        ("uses", "[]", "[nothing that was found]", "[見つかったものなし]"),
    ],
)
def test_words_of_facts(name: str, value: object, english: str, japanese: str) -> None:
    assert (written("words", value, name), written("words", value, name, "ja")) == (english, japanese)


@pytest.mark.parametrize("wording", WORDINGS.values(), ids=WORDINGS)
@pytest.mark.parametrize(
    ("column", "vocabulary"),
    [("purpose", Purpose), ("superseded", Superseded), ("new_by", NewBy), ("instead", NewBy)],
)
def test_every_value_of_a_vocabulary_has_words(wording: object, column: str, vocabulary: object) -> None:
    assert isinstance(wording, type(ENGLISH))
    assert set(wording.facts[column]) - {""} == set(get_args(vocabulary))


def test_a_long_list_is_counted() -> None:
    items = ", ".join(f'"n{n}"' for n in range(22))
    assert written("list", f"[{items}]").endswith("n19 and 2 more]")


def test_what_a_list_from_the_disk_holds_is_safe_to_show_and_kept_out_of_commands() -> None:
    hostile = {"x": '["a\\u001b[2Jb\\u202e", "c & d"]'}
    assert as_text(fill("{{ x | list }}", [hostile], {})) == "a[2Jb, c & d"
    assert (
        as_text(fill("    cmd {{ x | list }}", [hostile], {}))
        == f"{UNCHECKED}    cmd (not shown: a shell would act on it)"
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1, "1 key is"), (2, "2 keys are"), (0, "0 keys are"), (None, "(not known) keys are"), (11, "11 keys are")],
)
def test_nouns_are_counted(value: object, expected: str) -> None:
    assert as_text(fill("{{ x: # key is, # keys are }} here", [{"x": value}], {})) == f"{expected} here"


def test_words_go_with_a_number_that_stands_elsewhere() -> None:
    template = "{{ count: # key, # keys }}: nothing needs {{ count: it, them }}.\n- {{ each.x: # file, # files }}"
    assert as_text(fill(template, [{"x": 1}, {"x": 3}], {"count": 1})) == (
        "1 key: nothing needs it.\n- 1 file\n- 3 files"
    )
    assert as_text(fill(template, [{"x": 1}], {"count": 2})).startswith("2 keys: nothing needs them.")


def test_what_is_counted_in_a_command_is_looked_at_as_other_values_are() -> None:
    words = "cmd {{ x: # key, # keys }}"
    shown = [as_text(fill(f"    {words}", [{"x": value}], {})) for value in (3, '1"; calc #')]
    assert shown == [f"{UNCHECKED}    cmd 3 keys", f"{UNCHECKED}    cmd (not shown: a shell would act on it)"]


def test_a_long_text_does_not_stand_whole_at_each_mark() -> None:
    assert as_text(fill("{{ x: one, ## }}", [{"x": "y" * 1000}], {})) == 2 * f"{'y' * LONGEST_NUMBER}..."


@pytest.mark.parametrize("name", ["subjects", "as_of"])
def test_words_do_not_hang_on_what_is_no_number(name: str) -> None:
    (problem,) = check_template(f"{{{{ {name}: # key, # keys }}}}", [])
    assert problem.message == f"'{name}' is no number, so no words can hang on it"


@pytest.mark.parametrize(
    "field", ["{{ x: # key }}", "{{ x: # key, # keys, none }}", "{{ x: , # keys }}", "{{ x: # key, }}"]
)
def test_a_number_has_two_wordings(field: str) -> None:
    (problem,) = check_template(field, ["x"])
    assert problem.message.startswith("braces hold a name")
    assert check_template("{{ x: # key, # keys }} {{ each.x : one , many }}", ["x"]) == []


def test_a_form_that_does_not_exist_is_refused() -> None:
    (problem,) = check_template("{{ x | upper }}", ["x"])
    assert problem.message.startswith("braces hold a name")


def test_a_command_for_which_there_is_nothing_to_do_is_left_out() -> None:
    rows: list[dict[str, object]] = [{"file": "a", "denials": ""}, {"file": "b", "denials": "*S-1-1-0"}]
    template = """Do:
    icacls {{ each.file }} /remove:d {{ each.denials }}
    dir {{ each.file }}
- {{ each.file }}: {{ each.denials }}"""
    assert as_text(fill(template, rows, {})).split("\n") == [
        "Do:",
        UNCHECKED.rstrip(),
        "    icacls b /remove:d *S-1-1-0",
        "    dir a",
        "    dir b",
        "- a: (not known)",
        "- b: *S-1-1-0",
    ]
    # What leads to commands of which none is left goes too.
    assert as_text(fill("Look.\n\nDo:\n    icacls {{ denials }}", rows[:1], {})) == "Look."
    assert as_text(fill("- Do:\n    icacls {{ each.denials }}\n\nLook.", rows[:1], {})) == "Look."
    assert (
        as_text(fill("Do:\n    icacls {{ denials }}", [{"denials": None}], {}))
        == f"Do:\n{UNCHECKED}    icacls (not known)"
    )


def test_an_item_is_left_out_where_all_its_values_are_empty() -> None:
    rows: list[dict[str, object]] = [{"way": "Restore it."}, {"way": ""}, {"way": None}]
    assert as_text(fill("Look:\n- {{ each.way }}\n- Else.", rows, {})) == "Look:\n- Restore it.\n- (not known)\n- Else."
    assert as_text(fill("Look:\n- Way: {{ way }}\n- Else.", rows[1:2], {})) == "Look:\n- Else."
