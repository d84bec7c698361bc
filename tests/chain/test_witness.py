"""What the second opinion leaves behind: a problem for each disagreement, and one line that counts."""

from __future__ import annotations

from forensics.chain.witness import Witness
from forensics.dpapi.dpapi import OpenedBlob
from forensics.formats.dpapi_blob import parse_dpapi_blob
from testdata.builder.dpapi import TDES_SHA1, make_blob, make_master_key
from tests.collectors.virtual import installation, problems

PREKEY = b"p" * 20
MASTER_KEY = make_master_key("witness", "S-1-5-18", PREKEY, rounds=2)
BLOB = parse_dpapi_blob(make_blob("witness", MASTER_KEY, b"clear"))
OPENED = OpenedBlob(True, b"clear", b"clear" + b"\x0b" * 11)
PATH = "Protect/key"


def witness() -> Witness:
    return Witness(installation({PATH: MASTER_KEY.file}))


def counts(asked: Witness) -> tuple[int, int, list[tuple[str, str]]]:
    return asked.asked, asked.agreed, problems(asked._installation)


def test_agreement_leaves_no_problem() -> None:
    asked = witness()
    asked.master_key(PATH, PREKEY, MASTER_KEY.key)
    asked.master_key(PATH, b"q" * 20, None)
    asked.blob("f", BLOB, MASTER_KEY.key, b"", OPENED)
    asked.blob("f", BLOB, bytes(64), b"", OpenedBlob(False, None, b""))
    assert counts(asked) == (4, 4, [])


def test_disagreement_is_a_problem_of_the_file() -> None:
    asked = witness()
    asked.master_key(PATH, PREKEY, None)
    asked.blob("f", BLOB, MASTER_KEY.key, b"", OpenedBlob(True, b"other", b""))
    # What did not open does not count as opened, whatever its bytes are.
    asked.blob("g", BLOB, MASTER_KEY.key, b"", OpenedBlob(False, b"clear", b""))
    assert counts(asked) == (3, 0, [(PATH, "second_opinion"), ("f", "second_opinion"), ("g", "second_opinion")])
    assert [row.message for row in asked._installation.problems] == [
        "impacket disagrees about this master key",
        "impacket disagrees about this DPAPI blob",
        "impacket disagrees about this DPAPI blob",
    ]


def test_what_impacket_cannot_judge_is_neither() -> None:
    asked = witness()
    sha1 = parse_dpapi_blob(make_blob("witness", MASTER_KEY, b"clear", suite=TDES_SHA1, entropy=b"e"))
    asked.blob("f", sha1, MASTER_KEY.key, b"e", OPENED)
    asked.master_key(PATH, PREKEY, MASTER_KEY.key)
    assert counts(asked) == (2, 1, [])


def test_the_report_counts() -> None:
    asked = witness()
    asked.master_key(PATH, PREKEY, MASTER_KEY.key)
    asked.master_key(PATH, PREKEY, None)
    asked.report()
    [row] = [row for row in asked._installation.coverage if row.area == "proof"]
    assert (row.name, row.outcome, row.source_path) == ("second opinion", "present", "impacket")
    assert row.detail == "impacket agrees with 1 of 2 openings; what it cannot judge counts as neither"
