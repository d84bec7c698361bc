"""When a key lost its file, in words: by rows made by hand, in English and as rules say it in Japanese."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from forensics.engine.forms import WORDINGS, formed
from forensics.facts.loss_told import loss_told, with_loss_told
from forensics.language import speaking
from forensics.language import told as say
from forensics.report.key_history import loss_beside
from forensics.tables.history import WITNESSES, HistoryWitness
from tests.hand_made import chain

SEEN, WENT = datetime(2026, 11, 3, 2, tzinfo=UTC), datetime(2026, 11, 7, 9, 14, 22, tzinfo=UTC)
COPY = {"lost_after": SEEN, "lost_after_witness": "shadow_copy"}
CLEAN_UP = {
    "lost_by": "deleted",
    "lost_at": WENT,
    "lost_together": 212,
    "lost_seconds": 3,
    "lost_folder": "P/MachineKeys",
}
TOLD: list[tuple[dict[str, Any], str, str]] = [
    (
        CLEAN_UP | {"lost_after": SEEN, "lost_after_witness": "change_journal"},
        "was deleted at 2026-11-07 09:14:22 UTC (change journal), together with 212 other files of MachineKeys within "
        "3 seconds",
        "削除: 2026-11-07 09:14:22 UTC (変更ジャーナル)、同時に削除されたほかのファイル: 212 個、"
        "フォルダー: MachineKeys、3 秒以内",
    ),
    (
        COPY | {"lost_by": "moved", "lost_at": WENT, "lost_together": 0, "lost_doubt": "the clock was set"},
        "existed at 2026-11-03 02:00:00 UTC (shadow copy), and was moved away at 2026-11-07 09:14:22 UTC (change "
        "journal), though something speaks against this time",
        "最後の確認: 2026-11-03 02:00:00 UTC (シャドウ コピー)、移動: 2026-11-07 09:14:22 UTC (変更ジャーナル)。"
        "ただし、この時刻と矛盾する記録があります",
    ),
    (
        {"lost_by": "renamed", "lost_together": 0},
        "was renamed at a time that is not told (change journal)",
        "名前の変更: 時刻不明 (変更ジャーナル)",
    ),
    (
        CLEAN_UP | {"lost_together": 1, "lost_seconds": 1, "lost_folder": None},
        "was deleted at 2026-11-07 09:14:22 UTC (change journal), together with 1 other file of its folder within 1 "
        "second",
        "削除: 2026-11-07 09:14:22 UTC (変更ジャーナル)、同時に削除されたほかのファイル: 1 個、"
        "フォルダー: 同じフォルダー、1 秒以内",
    ),
    (
        COPY | {"lost_before": WENT, "lost_before_witness": "former_windows"},
        "existed at 2026-11-03 02:00:00 UTC (shadow copy), and was gone at 2026-11-07 09:14:22 UTC (Windows that Setup "
        "moved aside)",
        "最後の確認: 2026-11-03 02:00:00 UTC (シャドウ コピー)、次の時刻にはなし: 2026-11-07 09:14:22 UTC "
        "(セットアップが退避した以前の Windows)",
    ),
    (
        {"lost_before": WENT, "lost_before_witness": "file_times"},
        "was likely replaced at 2026-11-07 09:14:22 UTC (by the times of the file in its place)",
        "おそらく置き換え: 2026-11-07 09:14:22 UTC (現在そこにあるファイルの時刻から推定)",
    ),
    (
        {"lost_after": SEEN, "lost_after_witness": "deleted_record"},
        "existed at 2026-11-03 02:00:00 UTC (deleted file record), and no witness tells when it went",
        "最後の確認: 2026-11-03 02:00:00 UTC (削除されたファイルのレコード)、失われた時刻は不明",
    ),
]


@pytest.mark.parametrize(("lost", "english", "japanese"), TOLD)
def test_a_loss_in_words(lost: dict[str, Any], english: str, japanese: str) -> None:
    told = loss_told(chain(**lost))
    assert told == english
    assert formed(told, "words", "each.lost_told", WORDINGS["en"]) == f"; the file that it needs {english}"
    assert formed(told, "words", "lost_told", WORDINGS["ja"]) == f"。必要なファイル: {japanese}"


def test_no_loss_has_no_words() -> None:
    assert loss_told(chain()) is None


@pytest.mark.parametrize("name", [name for name in WITNESSES if name != "file_times"])
def test_each_witness_has_its_japanese_name_in_rules_and_on_the_page(name: HistoryWitness) -> None:
    told = loss_told(chain(lost_after=SEEN, lost_after_witness=name))
    assert told is not None
    said = formed(told, "words", "lost_told", WORDINGS["ja"])
    with speaking("ja"):
        assert f"({say(WITNESSES[name])})" in said
    assert not re.search(r"[a-z]{4}", said.replace("Windows", ""))


def test_what_speaks_against_a_loss_is_told_although_its_time_was() -> None:
    dead = chain(lost_told="was deleted at 9 UTC, though something speaks against this time", lost_doubt="the clock")
    assert loss_beside(dead, f"x; the file that it needs {dead.lost_told}.") == f"{dead.lost_told}: the clock"
    sure = chain(lost_told="was deleted at 9 UTC")
    assert loss_beside(sure, "the file that it needs was deleted at 9 UTC.") is None
    assert loss_beside(sure, "the key file is gone.") == "was deleted at 9 UTC"


def test_a_time_that_is_yet_to_come_is_doubted() -> None:
    seen = chain(**COPY, lost_before=WENT, lost_before_witness="shadow_copy")
    later = with_loss_told(seen, datetime(2026, 11, 5, tzinfo=UTC))
    assert later.lost_doubt == (
        "2026-11-07 09:14:22 UTC lies after the moment that this examination takes for now, 2026-11-05 00:00:00 UTC"
    )
    assert later.lost_told == (
        "existed at 2026-11-03 02:00:00 UTC (shadow copy), and was gone at 2026-11-07 09:14:22 UTC (shadow copy), "
        "though something speaks against this time"
    )
    assert with_loss_told(seen, datetime(2026, 11, 8, tzinfo=UTC)).lost_doubt is None
