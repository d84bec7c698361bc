"""The report in Japanese: every word of its own is there, and the sentences that other modules write are found."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import lxml.html
import pytest

import forensics
import forensics.report.html.chains as chains
import forensics.report.html.page as page
import forensics.report.html.tables as tables
import forensics.report.html.times as times
from forensics.chain.links import NO_FILE_THERE, UNREADABLE_FILE, foreign_suffix
from forensics.chain.undecided import REASONS as OPEN
from forensics.language import Sentence, sentence, speaking, standing, told
from forensics.rendering import render
from forensics.report.facts import Facts
from forensics.report.reason import reason_of
from forensics.tables.certificate import KeyFileRow
from forensics.tables.key_chain import KeyChainRow
from tests.examined import AS_OF
from tests.hand_made import NOW_GUID, OLD_GUID, case, chain, dead_chain
from tests.language.messages import counted, messages
from tests.language.translations import translated
from tests.paths import IMAGES

PACKAGE = Path(page.__file__).parent
PLACES = re.compile(r"\{([a-z_0-9]+)([^{}]*)\}")
NAMES = re.compile(
    r"CNG Key Isolation|netsh http \w+ sslcert|show sslcert|pip install|brew install|vgchange -ay"
    r"|wsusutil configuressl|zpool import|--offset search"
)
"""Names of services and commands, which stay."""
ENGLISH = re.compile(r"\b[a-z]{2,} [a-z]{2,}")


@pytest.fixture(autouse=True)
def japanese() -> Iterator[None]:
    with speaking("ja"):
        yield


def own_words() -> Iterator[str]:
    for template in PACKAGE.glob("*.j2"):
        yield from re.findall(r"\bt\('((?:[^'\\]|\\.)*)'", template.read_text(encoding="utf-8"))
    for module in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if called == "t":
                    yield str(node.args[0].value)
    for words in (chains._TITLES, chains._WORDS, tables.VERDICTS, tables.OPENS, times.LANES, page.GROUP_TITLES):
        yield from words.values()
    yield from (
        "critical",
        "high",
        "medium",
        "low",
        "info",
        "proved",
        "likely",
        "possible",
        "candidate",
        "yes",
        "no",
        "unknown",
    )


def test_every_word_of_the_report_is_translated() -> None:
    japanese = translated()
    missing = sorted({word for word in own_words() if word not in japanese and word != "–"})
    assert missing == []


SAID_IN = (
    "chain",
    "facts",
    "collectors/evidence.py",
    "collectors/uses",
    "hyperv/start.py",
    "hyperv/host.py",
    "sources",
)
"""Where the texts of rows that a page tells are made."""


def sentences_of_rows() -> Iterator[Sentence]:
    """Yield what the code there may say, with a name for each value."""
    several = {form for forms in counted() for form in forms}
    for text, place in messages().items():
        if place.startswith(SAID_IN) and text not in several:
            # Numbers and names alike: what is asked is only which words are left.
            values = {name: 7 if ":" in rest else "X1" for name, rest in PLACES.findall(text)}
            yield sentence(text, **values)


def test_what_rows_say_is_translated() -> None:
    """In one test: the whole source is read for it, and there are hundreds."""
    said = [NAMES.sub("", told(each)) for each in sentences_of_rows()]
    assert len(said) > 700
    assert [text for text in said if ENGLISH.search(text)] == []


REASONS = (
    foreign_suffix(OLD_GUID, NOW_GUID),
    NO_FILE_THERE,
    UNREADABLE_FILE,
    *sorted(OPEN),
)
"""Reasons as the chain makes them; those of disks are proved in tests/language/test_prose_columns.py."""


def chains_told() -> Iterator[KeyChainRow]:
    yield from (dead_chain(reason=reason) for reason in REASONS)
    yield dead_chain(reason="")
    yield chain(access="too_open")
    for values in (
        {"private_key": "needs_pin"},
        {"private_key": "needs_pin", "provider_kind": "smart_card"},
        {"private_key": "sealed_tpm"},
        {"private_key": "sealed_vbs"},
        {"provider_kind": "other"},
        {"key_file": "not_examined"},
        {"master_key": "not_examined"},
        {"unlocked_by": "not_tried"},
        {"unlocked_by": "not_tried", "key_file_path": "user"},
        {"unlocked_by": "nothing", "key_file_path": "user"},
        {"unlocked_by": "current"},
    ):
        yield chain(verdict="unknown", **values)


@pytest.mark.parametrize("row", list(chains_told()), ids=lambda row: row.reason or str(row.private_key))
def test_what_is_said_of_a_chain_is_translated(row: KeyChainRow) -> None:
    user = KeyFileRow(machine_id=1, source_path="user", path="user", file_name="user", kind="cng", scope="user")
    said = told(reason_of(row, Facts(case(user))))
    # Names stay as they are.
    assert not ENGLISH.search(said.replace("CNG Key Isolation", "")), said
    assert said.endswith("。")


def test_texts_that_are_no_sentences_stay() -> None:
    assert told(sentence("The previous {name} was set", name="DPAPI_SYSTEM")) == "以前の DPAPI_SYSTEM の設定"
    assert told(sentence("{name} in store {store}: ends", name="CN=a in store MY", store="MY")) == (
        "CN=a in store MY (ストア MY): 有効期間の終了"
    )
    assert told("The previous DPAPI_SYSTEM was set") == "The previous DPAPI_SYSTEM was set"


def test_a_reason_stands_alone_as_each_language_has_it() -> None:
    reason = standing(NO_FILE_THERE)
    assert reason == "There is no key file where the certificate's link leads."
    assert told(reason) == "証明書のリンク先にキー ファイルがありません。"
    assert told(standing("no sentence")) == "No sentence."
    assert told(standing(sentence("with no {translation}", translation=1))) == "With no 1."
    assert standing("") == ""


def test_page_in_japanese_holds_no_english_of_its_own() -> None:
    made = case(chain(verdict="unknown", private_key="sealed_tpm"))
    assert "WEB01 の秘密キー 3 個のうち 1 個を Windows は開けません" in page_without_english(made).xpath("string(//h1)")


def test_page_of_a_disk_in_japanese_holds_no_english_of_its_own() -> None:
    sample = forensics.examine(IMAGES / "sample.vhdx.xz", as_of=AS_OF)  # a case of its own: it is changed
    forensics.translate_findings(sample, "ja")
    page_without_english(sample)


def page_without_english(told_case: forensics.Case) -> lxml.html.HtmlElement:
    """Hold that no text of the page of a case is English, and return the page."""
    parsed = lxml.html.document_fromstring(render(told_case, "html", language="ja"))
    for element in parsed.xpath("//script | //style | //code | //pre | //title | //*[@class='problems']"):
        element.drop_tree()
    texts = [" ".join(str(text).split()) for text in parsed.xpath("//body//text() | //@aria-label | //@title")]
    known = re.compile(
        r"Windows Server 2019 Standard|Microsoft Enhanced Cryptographic Provider|Windows/|Remote Desktop|keymortem \w+"
    )
    assert [text for text in texts if ENGLISH.search(text) and not known.search(text)] == []
    return parsed
