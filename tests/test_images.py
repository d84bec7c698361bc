"""Every forged disk, examined whole, gives exactly the rows its truth states."""

from __future__ import annotations

import json
import lzma
import re
import sys
from base64 import b64encode
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

import forensics
from forensics.case_tables import CaseTables
from forensics.chain.undecided import ANY_OTHER
from forensics.dpapi.second_opinion import second_master_key
from forensics.report.json import document
from tests.examined import examined as case_of
from tests.oracles import shared
from tests.paths import CONTRACT, IMAGES, PROJECT

NAMES = sorted(path.name.removesuffix(".truth.json") for path in IMAGES.glob("*.truth.json"))

_second_opinion = cache(second_master_key)
_NOT_COLUMNS = {"why", "unsettled", "with_passwords", "with_domain_key", "with_copies"}


def _truth(name: str) -> dict[str, Any]:
    truth: dict[str, Any] = json.loads((IMAGES / f"{name}.truth.json").read_text())
    return truth


def _image(name: str, folder: Path) -> Path:
    """Return what to examine: the packed image itself, or the leaf of a chain beside its unpacked parents."""
    truth = _truth(name)
    if len(truth["images"]) == 1:
        return IMAGES / f"{name}.vhdx.xz"
    for image in truth["images"]:
        (folder / image).write_bytes(lzma.decompress((IMAGES / f"{image}.xz").read_bytes()))
    return folder / str(truth["examine"])


@pytest.fixture(params=NAMES)
def examined(request: pytest.FixtureRequest) -> tuple[str, CaseTables]:
    """One image and its case, without passwords."""
    return request.param, case_of(request.param)


def test_there_are_images() -> None:
    assert {"healthy", "sample", "sysprepped", "broken-claim", "broken-files", "broken-secrets"} <= set(NAMES)


def _plain(value: Any) -> Any:
    return value.strftime("%Y-%m-%dT%H:%M:%SZ") if hasattr(value, "strftime") else value


def _identity(row: Any, get: Any) -> tuple[Any, ...]:
    if get(row, "thumbprint") is None:
        return (None, get(row, "key_file_path"))
    return (get(row, "thumbprint"), get(row, "store"), get(row, "owner_sid"))


def _compare(case: CaseTables, truth: dict[str, Any], given: str = "") -> None:
    machines = {m.computer_name: m.machine_id for m in case.rows("machine")}
    for stated in truth["machines"]:
        machine_id = machines[stated["machine"]["computer_name"]]
        rows = {_identity(r, getattr): r for r in case.rows("key_chain") if r.machine_id == machine_id}
        expected = {_identity(t, dict.__getitem__): t for t in stated["key_chain"]}
        assert rows.keys() == expected.keys()
        for key, row in expected.items():
            wanted = {**row, **row.get(given, {})}
            skipped = _NOT_COLUMNS | set(row.get("unsettled", ()))
            differences = {
                column: (_plain(getattr(rows[key], column)), value)
                for column, value in wanted.items()
                if column not in skipped and _plain(getattr(rows[key], column)) != value
            }
            assert not differences, f"{row['why']}: (ours, truth) {differences}"


def test_every_chain_is_judged_as_stated(examined: tuple[str, CaseTables]) -> None:
    name, case = examined
    _compare(case, _truth(name), "with_copies" if find_spec("pyvshadow") else "")


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("copies-")])
def test_without_the_library_what_shadow_copies_hold_is_not_known(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyvshadow", None)
    case = forensics.examine(IMAGES / f"{name}.vhdx.xz")
    _compare(case, _truth(name))
    told = [(row.outcome, row.detail) for row in case.rows("coverage") if row.name == "shadow copies"]
    why = "its blocks are put together by libvshadow, which is missing: pip install 'keymortem[shadow]'"
    missing = [] if name == "copies-healthy" else [("not_examined", f"2 shadow copies were not searched: {why}")]
    assert told == missing
    assert {(row.examined, row.why) for row in case.rows("shadow_copy")} == (
        {("not_examined", why)}
        if missing
        else {("not_examined", "shadow copies are searched only for what a broken key lacks")}
    )


def test_every_unknown_verdict_has_its_reason(examined: tuple[str, CaseTables]) -> None:
    _, case = examined
    unknown = [row for row in case.rows("key_chain") if row.verdict == "unknown"]
    assert [row for row in unknown if not row.reason or row.reason == ANY_OTHER] == []


def test_machine_facts_are_as_stated(examined: tuple[str, CaseTables]) -> None:
    name, case = examined
    rows = {m.computer_name: m for m in case.rows("machine")}
    columns = {
        "build": "build",
        "ubr": "ubr",
        "clone_tag": "clone_tag",
        "domain_sid": "domain_sid",
        "edition": "edition",
        "generalization_state": "generalization_state",
        "cleanup_state": "cleanup_state",
        "image_state": "image_state",
        "machine_guid": "machine_guid",
        "machine_sid": "machine_sid",
        "netbios_domain": "netbios_domain",
        "product_name": "product_name",
        "time_zone": "time_zone",
        "last_shutdown": "last_shutdown",
        "installed": "install_date",
        "dns_domain": "domain_name",
    }
    no_security = {"domain_sid", "netbios_domain"} if name == "no-security" else set()
    for stated in _truth(name)["machines"]:
        facts = stated["machine"]
        row = rows[facts["computer_name"]]
        ours = {fact: _plain(getattr(row, column)) for fact, column in columns.items() if fact not in no_security}
        assert ours == {fact: facts[fact] for fact in columns if fact not in no_security}


def test_no_structure_of_a_whole_volume_is_called_damaged(examined: tuple[str, CaseTables]) -> None:
    told = [p for p in examined[1].rows("problem") if p.kind in ("ntfs_damaged", "unwritten", "bad_boot_sector")]
    assert [(p.source_path, p.message) for p in told] == []


def test_document_keeps_the_contract(examined: tuple[str, CaseTables]) -> None:
    schema = json.loads(shared(CONTRACT).read_text())
    jsonschema.Draft202012Validator(schema).validate(json.loads(json.dumps(document(examined[1]))))


def test_no_secret_of_the_truth_is_in_the_document(examined: tuple[str, CaseTables]) -> None:
    text = json.dumps(document(examined[1])).lower()
    assert [word for word in _truth(examined[0])["passwords"].values() if word.lower() in text] == []
    # Every RSA key of every test disk, in the forms in which a number could get into a document.
    assert [form for form in _private_forms() if form in text] == []


@cache
def _private_forms() -> list[str]:
    forms = []
    for file in sorted((PROJECT / "testdata" / "keys").glob("*.pem")):
        for block in re.findall(rb"-----BEGIN.*?-----END[^\n]*\n", file.read_bytes(), re.DOTALL):
            key = load_pem_private_key(block, None, unsafe_skip_rsa_key_validation=True)
            assert isinstance(key, rsa.RSAPrivateKey)
            numbers = key.private_numbers()
            for number in (numbers.p, numbers.q, numbers.d):
                raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
                forms += [str(number), raw.hex()[:64], raw[::-1].hex()[:64], b64encode(raw).decode().lower()[:40]]
    assert len(forms) > 100
    return forms


@pytest.fixture
def asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask impacket once about each master key file: its key stretching takes half a second."""
    monkeypatch.setattr("forensics.chain.witness.second_master_key", _second_opinion)


@pytest.mark.usefixtures("asked_once")
def test_passwords_and_hashes_prove_the_keys_of_users() -> None:
    truth = _truth("healthy")
    assert truth["passwords"]
    assert truth["nt_hashes"]
    case = forensics.examine(
        IMAGES / "healthy.vhdx.xz", passwords=truth["passwords"], nt_hashes=truth["nt_hashes"], second_opinion=True
    )
    _compare(case, truth, "with_passwords")
    assert [p.message for p in case.rows("problem")] == []


def test_domain_backup_key_proves_the_keys_of_domain_users() -> None:
    case = forensics.examine(
        IMAGES / "healthy.vhdx.xz", domain_backup_keys=[PROJECT / "testdata" / "keys" / "domain-backup.pvk"]
    )
    _compare(case, _truth("healthy"), "with_domain_key")


def test_wrong_password_leaves_a_users_key_undecided() -> None:
    truth = _truth("healthy")
    sid = next(iter(truth["passwords"]))
    case = forensics.examine(IMAGES / "healthy.vhdx.xz", passwords={sid: "wrong"})
    rows = [r for r in case.rows("key_chain") if r.owner_sid == sid]
    assert {(r.unlocked_by, r.private_key, r.verdict, r.broken_at, r.recoverable) for r in rows} == {
        ("nothing", "locked", "unknown", None, None)
    }


@pytest.mark.usefixtures("asked_once")
def test_impacket_agrees_with_every_proof_it_can_judge(tmp_path: Path) -> None:
    for name in ("healthy", "broken-secrets", "sysprepped"):
        case = forensics.examine(_image(name, tmp_path), second_opinion=True)
        assert [p.message for p in case.rows("problem") if p.kind == "second_opinion"] == []
        _compare(case, _truth(name))


def test_password_for_somebody_else_is_told() -> None:
    case = forensics.examine(IMAGES / "mbr.vhdx.xz", passwords={"Nobody": "x"})
    told = [p.message for p in case.rows("problem") if p.kind == "unknown_user"]
    assert told == ["a password or NT hash was given for nobody, whom none of the sources knows; name the user or SID"]
