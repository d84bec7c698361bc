"""``keymortem attest`` over the forged authorities and devices."""

from __future__ import annotations

import base64
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from forensics.cli.main import cli
from testdata.builder.scenarios import attestation
from tests.paths import IMAGES

CA, BARE = (str(IMAGES / f"{name}.vhdx.xz") for name in ("attest-ca", "attest-ca-bare"))
LAPTOP, REPLACED = (str(IMAGES / f"{name}.vhdx.xz") for name in ("tpm-laptop", "tpm-replaced"))
# SHA-256 of the PKCS#1 form of the RSA key 2048-20, and of the BCRYPT blob of 2048-21.
LISTED = "e8325727bbb9836aa7981c51ad5e685596239eba76fc16190de1c7a3f0656b4c"
NEARLY = "fbae2f78ff3ce486ecd20790818a685de613ebb89bc95f310b5e1a49ed6db1d2"


def _attest(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["attest", *arguments, "--as-of", "2026-11-22"])


def test_one_device_is_accepted_by_list_and_by_certificate() -> None:
    result = _attest("--ca", CA, "--device", LAPTOP)
    assert result.exit_code == 0
    for said in (
        "Attestation of TPM keys by Contoso Issuing CA 1 on CA01, as of 2026-11-22",
        "EKCA holds certificates of CN=Other Maker Root, which is in neither EKROOT nor EKCA: their chains break",
        "LAP-77: accepted by the list of endorsement keys",
        f"C:\\EKList holds {LISTED}, the SHA-256 of EKPub as PKCS#1",
        "The chain holds, by names, dates and signatures: CN=TPM EK LAP-77 < CN=TPM Maker CA 7 in EKCA < "
        "CN=TPM Maker Root in EKROOT",
        "AttestedWrong: required, by list of endorsement keys; excluded by other settings: the private key may be",
    ):
        assert said in result.stdout


def test_a_certificate_signed_by_another_key_of_that_name_is_not_accepted(tmp_path: Path) -> None:
    case = tmp_path / "laptop.sqlite"
    arguments = ["examine", LAPTOP, "--case", str(case), "--as-of", "2026-11-22"]
    CliRunner().invoke(cli, arguments)
    forged = attestation.ek_certificate("LAP-77", attestation.EK_LAPTOP, signer="2048-24")
    with closing(sqlite3.connect(case)) as database:
        row = "UPDATE certificate SET der = ? WHERE store = 'EKCertStore'"
        assert database.execute(row, [base64.b64encode(forged.der).decode()]).rowcount == 1
        database.commit()
    result = _attest("--ca", CA, "--device", str(case), "--format", "json")
    trust = json.loads(result.stdout)["devices"][0]["trusts"][1]
    assert (trust["model"], trust["answer"]) == ("ek_certificate", "no")


def test_several_devices_as_json() -> None:
    result = _attest("--ca", CA, "--device", LAPTOP, REPLACED, "--format", "json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert document["ca"]["computer"] == "CA01"
    assert document["ca"]["type"] == "enterprise_subordinate"
    assert document["ca"]["missing_issuers"] == ["CN=Other Maker Root"]
    assert [(d["name"], d["accepted"], d["by"]) for d in document["devices"]] == [
        ("LAP-77", "yes", "endorsement_key"),
        ("VM-12", "no", None),
    ]
    assert [(t["model"], t["answer"]) for t in document["devices"][0]["trusts"]] == [
        ("endorsement_key", "yes"),
        ("ek_certificate", "yes"),
        ("on_use", "no"),
    ]
    assert document["devices"][1]["trusts"][0]["missing"] == [f"rename it to {NEARLY}"]
    assert [(t["name"], t["models"], len(t["faults"])) for t in document["templates"]] == [
        ("AttestedVPN", ["endorsement_key", "ek_certificate"], 0),
        ("AttestedWrong", ["endorsement_key"], 3),
    ]


def test_a_list_on_a_share_cannot_be_told() -> None:
    result = _attest("--ca", BARE, "--device", LAPTOP)
    assert result.exit_code == 1
    assert "LAP-77: cannot be told" in result.stdout
    assert "\\\\nas01\\eklist$ (a share of the network is not on this disk)" in result.stdout
    assert "its store EKROOT is empty" in result.stdout


def test_a_device_that_could_not_be_examined_is_none_that_is_accepted() -> None:
    result = _attest("--ca", CA, "--device", LAPTOP, "lost.vhdx")
    assert result.exit_code == 1
    assert "LAP-77: accepted by the list of endorsement keys" in result.stdout
    assert "lost.vhdx does not exist" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--ca", LAPTOP, "--device", CA), 3, "no certification authority is configured on what --ca names"),
        (("--ca", CA), 2, "name the disk of at least one device"),
        (("--device", LAPTOP), 2, "Missing option '--ca'"),
        (("--ca", CA, "--device", str(IMAGES / "nothing.vhdx")), 3, "no Windows was found in what --device names"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], code: int, said: str) -> None:
    result = _attest(*arguments)
    assert result.exit_code == code
    assert said in result.stderr


def test_output_goes_to_a_file(tmp_path: Path) -> None:
    out = tmp_path / "answer.txt"
    assert _attest("--ca", CA, "--device", LAPTOP, "-o", str(out)).exit_code == 0
    assert out.read_text().startswith("Attestation of TPM keys by Contoso Issuing CA 1")
