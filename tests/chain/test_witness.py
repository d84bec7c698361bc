"""What the second opinion leaves behind: a problem for each disagreement, and one line that counts."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from click.testing import CliRunner

import forensics
from forensics.chain.witness import Witness
from forensics.cli.main import cli
from forensics.dpapi.domain_backup import load_pvk
from forensics.dpapi.dpapi import OpenedBlob
from forensics.formats.dpapi_blob import parse_dpapi_blob
from forensics.formats.master_key import parse_master_key_file
from testdata.builder.dpapi import TDES_SHA1, domain_section_v3, make_blob, make_master_key, with_domain_section
from testdata.builder.keys import pvk, rsa_key
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


def test_a_domain_section_is_asked_of_impacket_where_it_can_read_it() -> None:
    user = "S-1-5-21-1-2-3-1104"
    made = make_master_key("witness", user, PREKEY, rounds=1, flags=0, domain=True)
    key = load_pvk(pvk(rsa_key("domain-backup")))
    second = parse_master_key_file(made.file)
    third = parse_master_key_file(with_domain_section(made.file, domain_section_v3(made.key, user, "witness")))
    asked = witness()
    asked.domain_section(PATH, second, key, made.key)
    asked.domain_section(PATH, third, key, made.key)
    assert counts(asked) == (2, 1, [])
    asked.domain_section(PATH, second, key, bytes(64))
    assert counts(asked) == (3, 1, [(PATH, "second_opinion")])


@pytest.fixture
def without_impacket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.chain.witness.find_spec", lambda name: None)


NEEDED = "the second opinion is impacket's, which is not installed: pip install 'keymortem[second-opinion]'"


@pytest.mark.usefixtures("without_impacket")
def test_without_impacket_nothing_is_examined_and_what_to_install_is_told(tmp_path: Path) -> None:
    with pytest.raises(forensics.SourceError) as caught:
        forensics.examine(tmp_path / "disk.vhdx", second_opinion=True)
    assert (caught.value.kind, caught.value.message) == ("no_witness", NEEDED)
    told = CliRunner().invoke(cli, ["examine", str(tmp_path / "disk.vhdx"), "--second-opinion"], prog_name="keymortem")
    assert (told.exit_code, told.stdout) == (2, "")
    assert f"Error: {NEEDED}\n" in told.stderr


@pytest.mark.usefixtures("without_impacket")
def test_without_impacket_no_fleet_is_begun(tmp_path: Path) -> None:
    options = forensics.FleetOptions(second_opinion=True)
    with pytest.raises(forensics.SourceError, match="second-opinion"):
        forensics.fleet_run(tmp_path / "disks", dataset=tmp_path / "fleet", options=options)


def test_impacket_is_here_in_the_tests() -> None:
    assert importlib.util.find_spec("impacket") is not None
