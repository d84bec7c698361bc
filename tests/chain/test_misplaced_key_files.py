"""Key files in the folder of another provider's: what they are is told, and they are not damaged."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

import forensics
from forensics.chain.judge import judge
from testdata.builder import certs
from testdata.builder.capi import Slot
from testdata.builder.certs import make_certificate
from testdata.builder.cng import CngKey
from testdata.builder.folders import MACHINE
from testdata.builder.keys import ec_key, rsa_key
from testdata.builder.machine import ForgedMachine, capi_link, cng_link, machine
from testdata.builder.names import cng_file_name
from tests.forged_machine import evidence_of

KEY, EC = rsa_key("2048-01"), ec_key("P-256", "misplaced")
CAPI_IN_CNG = "it is a key file of CryptoAPI (CAPI) in a folder of CNG, where CryptoAPI (CAPI) does not look"
CNG_IN_CAPI = "it is a key file of CNG in a folder of CryptoAPI (CAPI), where CNG does not look"


def moved_capi(forged: ForgedMachine, name: str | None = None) -> str:
    path = forged.put_capi("web", exchange=Slot(KEY))
    return forged.move(path, f"{MACHINE.cng_folder}/{name or path.rpartition('/')[2]}")


def moved_cng(forged: ForgedMachine) -> str:
    path = forged.put_cng("web", CngKey.ec(EC))
    return forged.move(path, f"{MACHINE.capi_folder}/{path.rpartition('/')[2]}")


@pytest.mark.parametrize(("kind", "reason"), [("capi", CAPI_IN_CNG), ("cng", CNG_IN_CAPI)])
def test_without_certificate(kind: str, reason: str) -> None:
    forged = machine("misplaced")
    path = moved_capi(forged) if kind == "capi" else moved_cng(forged)
    evidence = evidence_of(forged)
    judged = judge(evidence)
    (file,) = judged.key_files
    assert (file.kind, file.folder_kind, file.outcome, file.container) == (
        kind,
        {"capi": "cng", "cng": "capi"}[kind],
        "present",
        "web",
    )
    (row,) = judged.key_chains
    assert (row.key_file_path, row.provider_kind, row.key_file, row.private_key) == (path, kind, "present", "proved")
    assert (row.verdict, row.broken_at, row.recoverable, row.reason) == ("unusable", "key_file", True, reason)
    assert evidence.installation.problems == []


def test_the_certificate_whose_key_it_is() -> None:
    forged = machine("misplaced")
    path = moved_capi(forged)
    forged.put_certificate(make_certificate("web.contoso.test", KEY), link=capi_link("web", certs.CAPI_ENHANCED))
    (row,) = [row for row in judge(evidence_of(forged)).key_chains if row.thumbprint]
    assert (row.verdict, row.broken_at, row.key_file) == ("unusable", "key_file", "absent")
    assert (row.recoverable, row.recoverable_from) == (True, path)
    assert row.restore_to == f"{MACHINE.capi_folder}/{path.rpartition('/')[2]}"


def test_a_certificate_without_link() -> None:
    """certutil -repairstore finds keys where providers look, and this one lies elsewhere."""
    forged = machine("misplaced")
    path = moved_capi(forged)
    forged.put_certificate(make_certificate("web.contoso.test", KEY))
    (row,) = [row for row in judge(evidence_of(forged)).key_chains if row.thumbprint]
    assert (row.verdict, row.broken_at, row.key_file) == ("unusable", "claim", "absent")
    assert (row.recoverable, row.recoverable_from) == (True, path)


def test_under_the_very_name_that_cng_looks_for() -> None:
    """What CNG does with a file of CryptoAPI is not published."""
    forged = machine("misplaced")
    path = moved_capi(forged, cng_file_name("web", forged.suffix))
    link = cng_link("web", certs.CNG_SOFTWARE)
    forged.put_certificate(make_certificate("web.contoso.test", KEY), link=link)
    (row,) = [row for row in judge(evidence_of(forged)).key_chains if row.thumbprint]
    assert (row.key_file_path, row.verdict, row.broken_at, row.recoverable) == (path, "unknown", None, True)
    assert CAPI_IN_CNG in row.reason


@pytest.mark.parametrize("size", [0, 30, 400])
def test_what_is_cut_off_is_damaged_all_the_same(size: int) -> None:
    forged = machine("misplaced")
    path = moved_capi(forged)
    forged.change(path, lambda data: data[:size])
    (row,) = judge(evidence_of(forged)).key_chains
    assert (row.key_file, row.provider_kind, row.broken_at) == ("unreadable", "cng", "key_file")


def examined(forged: ForgedMachine, folder: Path) -> forensics.Case:
    for file in forged.volume():
        if file.data is not None:
            target = folder / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.data)
    return forensics.examine(folder, as_of=datetime(2026, 11, 22, tzinfo=UTC))


def test_the_report_says_where_the_key_of_a_certificate_belongs(tmp_path: Path) -> None:
    forged = machine("misplaced")
    path = moved_capi(forged)
    # A collection shows that a folder was collected by what is in it.
    forged.put_capi("other", exchange=Slot(rsa_key("2048-02")))
    forged.put_certificate(make_certificate("web.contoso.test", KEY), link=capi_link("web", certs.CAPI_ENHANCED))
    found = {f.rule: f for f in examined(forged, tmp_path).finding_list}
    target = f"{MACHINE.capi_folder}/{path.rpartition('/')[2]}".replace("/", "\\")
    assert any(f"it belongs at C:\\{target}" in block.text for block in found["key-file-to-put-back"].because)
    assert "key-recoverable" not in found


def test_the_report_says_what_it_is(tmp_path: Path) -> None:
    forged = machine("misplaced")
    moved_capi(forged)
    case = examined(forged, tmp_path)
    (finding,) = [f for f in case.finding_list if f.rule == "orphan-key-file"]
    assert "a key file of CryptoAPI in a folder of CNG, where CryptoAPI does not look" in str(finding.because)
    assert "damaged" not in str(finding.because)
