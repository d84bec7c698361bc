"""Whatever sentence a disk's rows hold can be said in another language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields

import pytest

from forensics.language import Sentence, speaking, told
from forensics.report.facts import Facts
from forensics.report.moments import moments
from forensics.report.reason import reason_of
from tests.examined import examined
from tests.test_images import NAMES

PROSE = {
    "ca_eklist": {"detail"},
    "certificate_use": {"breaks", "repair", "opens_reason", "fault"},
    "coverage": {"detail"},
    "key_chain": {"reason", "recovery_doubt", "lost_told", "lost_doubt"},
    "key_history": {"doubt"},
    "problem": {"message"},
    "shadow_copy": {"why"},
    "shared_identity": {"reason"},
    "source": {"error", "mixed"},
    "tpm": {"kind_because"},
    "vm": {"starts_because", "configuration_doubt", "key_protector_doubt"},
}
"""Columns whose texts are made by the program."""
_NAMES = re.compile(
    r"\(shadow copy [^()]+\)|\(deleted, file record \d+\)|netsh http \w+ sslcert|show sslcert"
    r"|container name|property value|parameters needs|CNG Key Isolation"
)
"""Words of paths, commands, fields of formats and services, which stay."""
_ENGLISH = re.compile(r"\b[a-z]{2,} [a-z]{2,}")


def _prose(name: str) -> Iterator[tuple[str, str]]:
    case = examined(name)
    for table, columns in PROSE.items():
        for row in case.sources if table == "source" else case.rows(table):
            for field in fields(row):
                value = getattr(row, field.name)
                if field.name in columns and value:
                    yield f"{table}.{field.name}", value


def test_the_columns_are_columns() -> None:
    case = examined("sample")
    for table, columns in PROSE.items():
        if rows := case.sources if table == "source" else case.rows(table):
            assert columns <= {field.name for field in fields(rows[0])}


@pytest.mark.parametrize("name", NAMES)
def test_every_text_of_a_prose_column_is_a_sentence(name: str) -> None:
    assert [(where, text) for where, text in _prose(name) if not isinstance(text, Sentence)] == []


@pytest.mark.parametrize("name", NAMES)
def test_no_english_is_left_in_japanese(name: str) -> None:
    with speaking("ja"):
        said = [(where, told(text)) for where, text in _prose(name)]
    assert [(where, text) for where, text in said if _ENGLISH.search(_NAMES.sub("", text))] == []


@pytest.mark.parametrize("name", NAMES)
def test_what_is_said_of_a_chain_ends_as_a_japanese_sentence(name: str) -> None:
    case = examined(name)
    facts = Facts(case)
    with speaking("ja"):
        reasons = [told(reason_of(row, facts)) for row in case.rows("key_chain")]
    assert [text for text in reasons if text and not text.endswith("。")] == []


@pytest.mark.parametrize("name", NAMES)
def test_what_a_time_line_says_is_a_sentence(name: str) -> None:
    told_of = [moment for moment in moments(examined(name)) if moment.kind not in ("event", "key")]
    assert [moment.text for moment in told_of if not isinstance(moment.text, Sentence)] == []
