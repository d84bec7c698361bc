"""The report in Japanese: every word of its own is there, and the sentences that other modules write are found."""

from __future__ import annotations

import ast
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lxml.html
import pytest

import forensics.report.html.chains as chains
import forensics.report.html.page as page
import forensics.report.html.tables as tables
import forensics.report.html.times as times
from forensics.report.facts import Facts
from forensics.report.html.catalogue import Catalogue
from forensics.report.html.page import render_html
from forensics.report.words import words_for
from tests.hand_made import case, chain, dead_chain

PACKAGE = Path(page.__file__).parent
ENTRIES: dict[str, dict[str, str]] = json.loads((PACKAGE / "ja.json").read_text(encoding="utf-8"))
JAPANESE = {**ENTRIES["words"], **ENTRIES["sentences"]}
VALUES = re.compile(r"\{[a-z_]+\}")
ENGLISH = re.compile(r"\b[a-z]{2,} [a-z]{2,}")


def own_words() -> Iterator[str]:
    for template in PACKAGE.glob("*.j2"):
        yield from re.findall(r"\bt\('((?:[^'\\]|\\.)*)'", template.read_text(encoding="utf-8"))
    for module in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if called == "t":
                    yield str(node.args[0].value)
    for words in (chains._TITLES, chains._WORDS, tables.VERDICTS, times.LANES, page.GROUP_TITLES):
        yield from words.values()
    yield from ("critical", "high", "medium", "low", "info", "proved", "likely", "possible", "yes", "no", "unknown")


def test_every_word_of_the_report_is_translated() -> None:
    missing = sorted({word for word in own_words() if word not in JAPANESE and word != "–"})
    assert missing == []


def test_translations_put_in_the_same_values() -> None:
    for english, japanese in JAPANESE.items():
        assert sorted(VALUES.findall(english)) == sorted(VALUES.findall(japanese)), english


def test_sentences_of_hostile_names_do_not_take_long() -> None:
    assert max(len(VALUES.findall(english)) for english in ENTRIES["sentences"]) <= 4
    ja = Catalogue("ja")
    begin = time.process_time()
    for n in range(20):
        ja.sentence(f"{n} in store : ends, flags , key spec (set " * 9)
    assert time.process_time() - begin < 2


def broken() -> Iterator[dict[str, Any]]:
    for recoverable in (True, False, None):
        for at in ("claim", "provider", "public_key", "access", "service"):
            yield {"broken_at": at, "recoverable": recoverable}
        for file in ("other_machine_guid", "absent", "unreadable"):
            yield {"broken_at": "key_file", "key_file": file, "recoverable": recoverable}
            yield {"broken_at": "key_file", "key_file": file, "unlocked_by": "previous", "provider_kind": "tpm"}
        for state in ("absent", "unreadable"):
            yield {"broken_at": "master_key", "master_key": state, "recoverable": recoverable}
        for opened in ("previous", "nothing"):
            yield {"broken_at": "secret", "unlocked_by": opened, "recoverable": recoverable}
        for key in ("damaged", "sealed_vbs"):
            yield {"broken_at": "private_key", "private_key": key, "recoverable": recoverable}
    unknown: dict[str, Any] = {"broken_at": None, "verdict": "unknown"}
    for key in ("needs_pin", "sealed_tpm", "sealed_vbs"):
        yield unknown | {"private_key": key}
    yield unknown | {"private_key": "needs_pin", "provider_kind": "smart_card"}
    yield unknown | {"provider_kind": "other"}
    yield unknown | {"key_file": "not_examined"}
    yield unknown | {"master_key": "not_examined"}
    yield unknown | {"unlocked_by": "not_tried"}
    yield unknown | {"unlocked_by": "nothing"}
    yield unknown | {"unlocked_by": "current"}
    yield {"broken_at": None, "verdict": "usable"}
    yield {"broken_at": None, "verdict": "usable", "access": "too_open"}


@pytest.mark.parametrize("values", list(broken()), ids=lambda v: " ".join(map(str, v.values())))
def test_what_is_said_of_a_chain_is_translated(values: dict[str, Any]) -> None:
    words = words_for(dead_chain(**values), Facts(case()))
    for text in (words.why, words.do):
        said = Catalogue("ja").sentence(text)
        # Commands and names stay as they are.
        rest = re.sub(r'"[^"]*"|「[^」]*」|certutil \S+|sc config .*demand|icacls \S+|CNG Key Isolation', "", said)
        assert not ENGLISH.search(rest), said


def test_sentences_with_values() -> None:
    ja = Catalogue("ja").sentence
    assert ja("The previous DPAPI_SYSTEM was set") == "以前の DPAPI_SYSTEM の設定"
    assert ja("CN=a in store MY in store MY: ends") == "CN=a (ストア MY in store MY): 有効期間の終了"
    assert ja("vm1: undecided; no Hyper-V host was examined with it") == (
        "vm1: 判定不能。Hyper-V ホストが一緒に調査されていません"
    )
    assert ja("Nobody ever wrote this. It stays.") == "Nobody ever wrote this. It stays."
    assert Catalogue("en").sentence("It stays.") == "It stays."


def test_page_in_japanese_holds_no_english_of_its_own() -> None:
    parsed = lxml.html.document_fromstring(render_html(case(chain(verdict="unknown", private_key="sealed_tpm")), "ja"))
    for element in parsed.xpath("//script | //style | //code | //pre | //title | //*[@class='problems']"):
        element.drop_tree()
    texts = [" ".join(str(text).split()) for text in parsed.xpath("//body//text() | //@aria-label | //@title")]
    known = re.compile(
        r"Windows Server 2019 Standard|Microsoft Enhanced Cryptographic Provider|Windows/|key spec|flags"
    )
    assert [text for text in texts if ENGLISH.search(text) and not known.search(text)] == []
    assert "WEB01 の秘密キー 4 個のうち 1 個を Windows は開けません" in parsed.xpath("string(//h1)")
