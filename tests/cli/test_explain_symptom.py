"""``keymortem explain SOURCE 0x80090016``: an error instead of a key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from forensics.cli.main import cli
from tests.examined import examined
from tests.hand_made import DEAD, case


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(a) for a in arguments], prog_name="keymortem")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "saved.sqlite"
    case().save(path)
    return path


@pytest.mark.parametrize("wanted", ["0x80090016", "-2146893802", "NTE_BAD_KEYSET", "Keyset does not exist", "80090016"])
def test_an_error_that_the_disk_produces(saved: Path, wanted: str) -> None:
    result = run("explain", saved, wanted)
    assert result.exit_code == 1
    assert result.stdout.startswith("0x80090016 NTE_BAD_KEYSET: Keyset does not exist.\n")
    assert DEAD in result.stdout


def test_a_code_below_zero_is_no_option_and_others_are(saved: Path) -> None:
    assert run("explain", saved, "--", "-2146893802").exit_code == 1
    assert "No such option" in run("explain", saved, "-21468").stderr


def test_json(saved: Path) -> None:
    result = run("explain", saved, "0x80090016", "--format", "json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["asked"]["name"] == "NTE_BAD_KEYSET"
    refused = run("explain", saved, DEAD, "--format", "json")
    assert refused.exit_code == 2
    assert f"a key is explained as text; keymortem examine {saved} --format json has every value" in refused.stderr


def test_an_error_that_the_disk_does_not_produce(tmp_path: Path) -> None:
    healthy = tmp_path / "healthy.sqlite"
    examined("healthy").save(healthy)
    result = run("explain", healthy, "0x80090006")
    assert result.exit_code == 0
    assert "Nothing of what is known to cause it was found." in result.stdout
    assert "needs: every key file that is there holds the key of its certificate.\n" in result.stdout


@pytest.mark.parametrize(("wanted", "called"), [("0x80091234", "0x80091234"), ("event 4242", "event 4242")])
def test_an_error_that_is_not_known(saved: Path, wanted: str, called: str) -> None:
    result = run("explain", saved, wanted)
    assert result.exit_code == 2
    assert result.stdout.startswith(f"{called}: not known here, so no cause can be found or ruled out.\n")
    assert f"'{wanted}' is no code or event of which a cause is known; see above for what has it" in result.stderr


def test_what_is_neither_key_nor_error(saved: Path) -> None:
    result = run("explain", saved, "4242")
    assert result.exit_code == 2
    assert f"nothing here is called '4242'; keymortem examine {saved} lists what there is" in result.stderr


def test_help_names_errors() -> None:
    assert 'keymortem explain disk.vhdx "Schannel 36870"' in run("explain", "--help").stdout


def test_what_findings_say_is_in_the_language_asked_for(tmp_path: Path) -> None:
    examined("sample").save(tmp_path / "saved.sqlite")
    for asked in ("0x80090016", "ldap.contoso"):
        told = run("explain", tmp_path / "saved.sqlite", asked, "--lang", "ja").output
        assert "証明書のキー ファイルがありません [key-file-missing]" in told
        assert "The key file of a certificate is gone" not in told
