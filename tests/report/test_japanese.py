"""What people read of a case is Japanese where they ask for it: word for word, in 25 lines, without English words."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

import forensics
from forensics.engine.loader import load_packs
from forensics.language import speaking
from forensics.language.folding import columns
from forensics.report.first_screen.screen import LINES
from forensics.report.first_screen.steps import first_step
from forensics.report.rules import render_list, render_rule
from forensics.report.runbook.script import script
from forensics.report.runbook.script_texts import script_texts
from tests.examined import examined
from tests.first_screens import COLUMNS
from tests.japanese import KEPT, TEXTS, english_words, explained, of_image, rendered, translated
from tests.language.translations import translated as translated_messages
from tests.ordinary import ROLES, Role, of_role
from tests.paths import PROJECT
from tests.test_images import NAMES

COMMANDS = {"keymortem", "recover", "explain", "examine", "json", "certlm", "certutil", "takeown"}
"""Of this program and of Windows, which stay as they are."""
KINDS = {"truncated", "empty"}
"""Of problems, as table ``problem`` has them."""
PATHS = {"and", "shadow", "copy", "of", "default", "deleted", "file", "record"}
"""In ``C:\\Documents and Settings``, in a path of a shadow copy or of a deleted file, and in the default value of a
registry key."""
VALUES = {"capi", "cng", "tpm", "consumer", "store", "agent", "federation", "earlier", "generation", "https"}
"""Kinds of providers, columns and values of conditions, and references."""
NAMES_THERE = {"frank", "localhost", "office", "on"}
"""Of a user, the address of a service, a role of a machine, and of a machine on a disk (``shared_key.holders``)."""
FIELDS = {"container", "name", "parameters", "property", "value"}
"""Of formats, by their names in the parsers: 「property value」."""
ANSWERED = ("0x80090016", "0x8009000B", "0x8009030D", "event 1057", "Schannel 36870", "0xC000A002", "0x80070057")


@pytest.mark.parametrize("name", KEPT)
def test_texts_are_kept_word_for_word(name: str) -> None:
    assert (TEXTS / name).read_bytes() == KEPT[name]().encode()


def fits(case: forensics.Case) -> tuple[bool, list[str]]:
    """Tell whether a first screen has few enough lines, and which of them are wider than a terminal.

    Commands may be: they are never cut.
    """
    lines = rendered(case, "screen", COLUMNS).splitlines()
    commands = {block.text for finding in case.finding_list for block in finding.remedy if block.kind == "command"}
    height = sum(max(1, -(-columns(line) // COLUMNS)) for line in lines)
    return height <= LINES, [line for line in lines if columns(line) > COLUMNS and line.strip() not in commands]


@pytest.mark.parametrize("name", NAMES)
def test_first_screen_of_an_image_fits_a_terminal(name: str) -> None:
    assert fits(of_image(name)) == (True, [])


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.__name__)
def test_first_screen_of_an_ordinary_machine_fits_a_terminal(role: Role) -> None:
    assert fits(translated(of_role(role, True)[1])) == (True, [])


def words_of(case: forensics.Case) -> set[str]:
    sections = "".join(rendered(case, only=name) for name in forensics.SECTIONS)
    texts = [rendered(case), rendered(case, "screen"), sections, rendered(forensics.expiring(case, timedelta(400)))]
    return (
        {word for text in texts for word in english_words(text, case)} - COMMANDS - KINDS - NAMES_THERE - FIELDS - PATHS
    )


@pytest.mark.parametrize("name", NAMES)
def test_text_of_an_image_has_no_english_words_of_its_own(name: str) -> None:
    assert words_of(of_image(name)) <= set(forensics.SECTIONS)


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.__name__)
def test_text_of_an_ordinary_machine_has_no_english_words_of_its_own(role: Role) -> None:
    assert words_of(translated(of_role(role, True)[1])) <= set(forensics.SECTIONS)


@pytest.mark.parametrize("name", ["sample", "web-server", "hyperv-target", "tpm-laptop", "laptop", "copies-sysprep"])
def test_answers_have_no_english_words_of_their_own(name: str) -> None:
    case = of_image(name)
    answers = "".join(rendered(forensics.explain_symptom(case, symptom)) for symptom in ANSWERED)
    words = {*english_words(answers, case), *english_words(explained(case), case)}
    assert words - COMMANDS - VALUES - NAMES_THERE - FIELDS - PATHS == set()


@pytest.mark.parametrize("name", ["sample", "web-server", "hyperv-target", "tpm-laptop", "broken-secrets", "laptop"])
def test_first_steps_are_those_of_the_english_findings_and_no_less_careful(name: str) -> None:
    told = []
    for finding, other in zip(examined(name).finding_list, of_image(name).finding_list, strict=True):
        subject = finding.subjects[0].id
        step = first_step([finding], subject)
        with speaking("ja"):
            said = first_step([other], subject)
        assert (step is None, step is not None and step.is_command) == (
            said is None,
            said is not None and said.is_command,
        )
        if step is not None and said is not None and step.is_command:
            told.append(finding.rule)
            assert said.text == step.text
            assert said.unless or not step.unless
    assert told


def test_strings_of_a_script_end_where_they_should() -> None:
    with speaking("ja"):
        texts = script_texts()
    strings = {name: text for name, text in texts.items() if not text.startswith("#")}
    assert [name for name, text in strings.items() if text[0] not in "'\"" or text[-1] != text[0]] == []
    assert [name for name, text in strings.items() if re.search('["\u201c\u201d\u201e`]', text[1:-1])] == []
    # A letter behind a name would belong to it.
    assert [name for name, text in strings.items() if re.search(r"\$[\w:]*[^\x00-\x7f]", text)] == []


def test_a_computer_named_like_a_place_in_the_script_stays_a_name() -> None:
    written = script((), None, (), "<<left>>")
    assert "if ($names.ComputerName -ne '<<left>>') {" in written


def test_rules_are_listed_and_shown_in_japanese() -> None:
    packs = load_packs([])
    rule = next(rule for rule in packs.rules if rule.id == "key-file-missing")
    with speaking("ja"):
        listed, shown = render_list(packs).splitlines(), render_rule(rule).splitlines()
    assert [line.split("  ")[1] for line in listed[1:4]] == ["高", "高", "高"]
    assert listed[1].endswith("  証明書はキーが TPM にあると示していますが、このディスクの内容と矛盾します")
    assert shown[0] == "証明書のキー ファイルがありません"
    assert shown[4:7] == [
        "一致する条件",
        "  すべて",
        "    証明書がキーを参照している: this.thumbprint IS NOT NULL AND this.provider_kind IS NOT NULL",
    ]


def test_the_first_steps_name_the_lines_of_the_screen_as_it_has_them() -> None:
    page = (PROJECT / "docs" / "start.ja.md").read_text(encoding="utf-8")
    named = [name for cell in re.findall(r"^\| (`.*?`) \|", page, re.MULTILINE) for name in re.findall("`(.*?)`", cell)]
    assert len(named) == 7
    said = "\n".join([rendered(of_image("sample"), "screen"), *translated_messages().values()])
    assert [name for name in named if name not in said] == []
