"""The pack ``era2026`` over every forged disk, and over disks examined together: exactly these findings."""

from __future__ import annotations

import lzma
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

import forensics
from forensics.case_tables import CaseTables
from forensics.engine.beside import rule_of
from forensics.engine.loader import built_in_packs
from forensics.tables.finding_json import FindingJson, as_json
from tests.examined import examined
from tests.paths import IMAGES

NAMES = sorted(path.name.removesuffix(".truth.json") for path in IMAGES.glob("*.truth.json"))
AS_OF = datetime(2026, 11, 22, tzinfo=UTC)
IDS = {path.stem for path in (built_in_packs() / "era2026").glob("*.yaml") if rule_of(path) is None}
SHARED = "1BBAF66B6B2127F6FE7D7B50321100C85EB1D3A5"
SHARED_FILE = (
    r"C:\ProgramData\Microsoft\Crypto\RSA\MachineKeys"
    r"\a4c3e22ebe3611e5788789c872c33e49_4733d46f-b7a1-4f73-8782-e04cee066950"
)

Stated = dict[str, tuple[str, str, set[str]]]
"""Severity, confidence and computers by rule."""

EXPECTED: dict[str, Stated] = {
    "secure-boot": {
        "secure-boot-ca-2023": ("low", "proved", {"PC-SB"}),
        "smart-card-csp-to-ksp": ("medium", "proved", {"PC-SB"}),
    },
    # One disk alone, but its log says that others refused it.
    "clone-two": {"duplicate-machine-sid-enforced": ("high", "likely", {"CLONE-2"})},
    # A certificate of a smart card through its CryptoAPI provider.
    "broken-claim": {"smart-card-csp-to-ksp": ("low", "likely", {"WEB01"})},
}
"""What the pack says of each disk; of those that are not named here, nothing."""


def _of_this_pack(case: CaseTables) -> list[FindingJson]:
    return [as_json(f) for f in case.finding_list if f.rule in IDS]


def _stated(case: CaseTables) -> Stated:
    return {
        f["rule"]: (f["severity"], f["confidence"], {s["label"].split(" on ")[0] for s in f["subjects"]})
        for f in _of_this_pack(case)
    }


def _one(case: CaseTables, rule: str) -> FindingJson:
    (finding,) = [as_json(f) for f in case.finding_list if f.rule == rule]
    return finding


def test_the_pack_has_its_rules() -> None:
    assert sorted(IDS) == [
        "clone-without-generalize",
        "duplicate-machine-sid-enforced",
        "private-key-on-several-machines",
        "secure-boot-ca-2023",
        "smart-card-csp-to-ksp",
    ]
    assert EXPECTED.keys() <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_exactly_these_findings(name: str) -> None:
    case = examined(name)
    assert _stated(case) == EXPECTED.get(name, {})
    assert len(_of_this_pack(case)) == len(_stated(case))


def test_the_signer_is_told_beside_what_windows_noted() -> None:
    text = _one(examined("secure-boot"), "secure-boot-ca-2023")["because"]
    assert "is under way and not finished" in text
    assert "bootmgfw.efi is signed under Microsoft Windows Production PCA 2011 (signature and digest are right" in text
    assert (
        "UEFICA2023Status InProgress, AvailableUpdates 0x5104, WindowsUEFICA2023Capable 1, UEFICA2023Error not set, "
        "ConfidenceLevel High Confidence." in text
    )
    assert "1801 on 2026-01-06, 1800 on 2026-01-07" in text
    assert "The computer keeps starting" in text


def test_a_smart_card_value_in_the_wrong_key_is_told() -> None:
    text = _one(examined("secure-boot"), "smart-card-csp-to-ksp")["because"]
    assert "under Cryptography\\Calais, where Windows reads it: 0." in text
    assert "Wintrust\\Config, where Windows does not read it: 0." in text
    assert "by it: 1, the last 2025-09-09" in text


def test_clones_are_one_finding_with_both_computers() -> None:
    case = examined("clone-one", "clone-two")
    assert _stated(case) == {
        "clone-without-generalize": ("high", "proved", {"CLONE-1", "CLONE-2"}),
        "duplicate-machine-sid-enforced": ("high", "likely", {"CLONE-1", "CLONE-2"}),
        "private-key-on-several-machines": ("info", "proved", {"CN=shared.contoso.test"}),
    }
    key = _one(case, "private-key-on-several-machines")["because"]
    assert "- CN=shared.contoso.test, on 2: CLONE-1 on " in key
    assert "the private key was opened on each; it may not be exported; no use of it is known" in key
    clone, refused = _one(case, "clone-without-generalize"), _one(case, "duplicate-machine-sid-enforced")
    assert clone["machine_id"] == refused["machine_id"] == 0
    assert clone["consequences"] == [refused["id"]]
    for computer in ("CLONE-1", "CLONE-2"):
        assert f"- {computer}: certificates {SHARED}; key files {SHARED_FILE}" in clone["because"]
    assert clone["because"].count("shares machine_sid, machine_guid, dpapi_system with CLONE-") == 2
    assert "no event LsaSrv 6167 read" in refused["because"]
    assert "3 events LsaSrv 6167, the last 2026-03-09" in refused["because"]


def test_the_key_that_only_one_clone_has_is_not_called_shared() -> None:
    case = examined("clone-one", "clone-two")
    (own,) = [c.thumbprint for c in case.rows("certificate") if c.subject == "CN=own.contoso.test"]
    assert own not in _one(case, "clone-without-generalize")["because"]


def test_a_disk_and_its_copy_are_not_called_clones(tmp_path: Path) -> None:
    """Two states of one disk, as a disk and its checkpoint are: one name, one hardware."""
    copy = tmp_path / "checkpoint.vhdx"
    copy.write_bytes(_written_later(lzma.decompress((IMAGES / "clone-one.vhdx.xz").read_bytes())))
    case = forensics.examine(IMAGES / "clone-one.vhdx.xz", copy, as_of=AS_OF)
    assert _of_this_pack(case) == []
    assert [(r.relation, r.shares) for r in case.rows("shared_identity")] == [
        ("same_computer", ["machine_sid", "machine_guid", "dpapi_system"])
    ] * 2


def _written_later(disk: bytes) -> bytes:
    """Rename the product in SOFTWARE: a later state of the same disk differs in something that is read."""
    before, after = ("Standard".encode("utf-16-le"), "Standart".encode("utf-16-le"))
    assert before in disk
    return disk.replace(before, after)


def test_machines_are_named_in_the_text_and_no_other() -> None:
    from forensics.report.text import render_text

    text = render_text(examined("clone-one", "clone-two"))
    assert re.search(r"CLONE-1 on \S+clone-one\.vhdx\.xz", text)
    assert "installation 0" not in text
