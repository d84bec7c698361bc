"""Real Windows artefacts, examined whole through the public API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import forensics
from forensics.case_tables import CaseTables
from testdata.builder.dpapi import DpapiSystem
from testdata.builder.machine import machine

CHROME_KEY = (
    "ProgramData/Microsoft/Crypto/SystemKeys/7096db7aeb75c0d3497ecd56d355a695_f26c165b-53c8-414e-8abb-ec5f0f52df22"
)


def _truth(folder: Path) -> Any:
    return json.loads((folder / "truth.json").read_text())


def _with_real_files(realdata: Path, folder: Path, **facts: Any) -> CaseTables:
    """Examine the real key and master keys of set B under forged hives that hold its real DPAPI_SYSTEM."""
    secret = bytes.fromhex((realdata / "cng-chain" / "DPAPI_SYSTEM.hex").read_text().strip())
    forged = machine("real chain", with_keys=False, **facts)
    forged.secret = DpapiSystem(secret[4:24], secret[24:44])
    for file in forged.volume():
        if "/config/" in file.path and file.data is not None:
            (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
            (folder / file.path).write_bytes(file.data)
    for source in sorted((realdata / "cng-chain" / "files").rglob("*")):
        if source.is_file():
            target = folder / source.relative_to(realdata / "cng-chain" / "files")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    return forensics.examine(folder)


def test_real_cng_key_opens_through_its_real_master_key(realdata: Path, tmp_path: Path) -> None:
    truth = _truth(realdata / "cng-chain")
    case = _with_real_files(realdata, tmp_path, machine_guid=truth["machine"]["machine_guid"])
    (chain,) = case.rows("key_chain")
    assert (chain.key_file_path, chain.container, chain.provider_kind) == (CHROME_KEY, "Google Chromekey1", "cng")
    assert (chain.key_file, chain.public_key, chain.access) == ("present", "not_examined", "not_examined")
    assert (chain.master_key, chain.master_key_guid) == ("present", "fb1190c1-123d-45f8-95f4-32aee28fe2eb")
    assert (chain.unlocked_by, chain.private_key, chain.exportable) == ("current", "proved", "no")
    assert (chain.verdict, chain.broken_at, chain.recoverable, chain.known_by) == ("usable", None, None, "decryption")
    keys = {k.guid: (k.half, k.unlocked_by, k.opened_with_half, k.rounds, k.flags) for k in case.rows("master_key")}
    assert keys == {
        "dd26f81a-4ed9-49fd-8b45-42723d8ae006": ("machine", "not_tried", None, 8000, 6),
        "fb1190c1-123d-45f8-95f4-32aee28fe2eb": ("user", "current", "user", 8000, 6),
        "ed93694f-5a6d-46e2-b821-219f2c0ecd4d": (None, "not_tried", None, 8000, 0),
    }
    (secret,) = [s for s in case.rows("secret") if s.generation == "current"]
    assert (secret.validated, secret.fingerprint) == (True, truth["dpapi_system"]["current"]["sha256_of_40_bytes"])


def test_real_key_under_another_machine_guid_is_orphaned_and_recoverable(realdata: Path, tmp_path: Path) -> None:
    (chain,) = _with_real_files(realdata, tmp_path).rows("key_chain")
    assert (chain.key_file, chain.private_key, chain.verdict) == ("other_machine_guid", "proved", "unusable")
    assert (chain.broken_at, chain.recoverable) == ("key_file", True)


@pytest.mark.parametrize("byte", [40, 400, 700, 740, 950])
def test_real_key_with_one_byte_changed(realdata: Path, tmp_path: Path, byte: int) -> None:
    truth = _truth(realdata / "cng-chain")
    _with_real_files(realdata, tmp_path, machine_guid=truth["machine"]["machine_guid"])
    data = bytearray((tmp_path / CHROME_KEY).read_bytes())
    data[byte] ^= 0x40
    (tmp_path / CHROME_KEY).write_bytes(data)
    (chain,) = forensics.examine(tmp_path).rows("key_chain")
    expected = {
        40: ("present", "proved", "usable", None),  # one of the 16 unused header bytes
        400: ("present", "proved", "usable", None),  # the property blob: the key itself is whole
        700: ("present", "locked", "unusable", "master_key"),  # the blob names a master key that no file bears
        740: ("present", "damaged", "unusable", "private_key"),
        950: ("present", "damaged", "unusable", "private_key"),
    }
    assert (chain.key_file, chain.private_key, chain.verdict, chain.broken_at) == expected[byte]


def test_windows_81_collection(realdata: Path) -> None:
    truth = json.loads((realdata / "student-pc8-win81.truth.json").read_text())
    case = forensics.examine(realdata / "student-pc8-win81.zip")
    (row,) = case.rows("machine")
    assert (row.computer_name, row.machine_guid) == ("STUDENT-PC8", truth["machine"]["machine_guid"])
    assert (row.machine_sid, row.domain_sid) == (truth["machine"]["machine_sid"], truth["machine"]["domain_sid"])
    assert (row.clone_tag, row.image_state) == ("Tue Mar 18 03:21:00 2014", "IMAGE_STATE_COMPLETE")
    assert len(case.rows("certificate")) == 36
    # The one with a link is the EFS recovery agent of the domain's policy: its key lies with an administrator.
    [agent] = truth["key_prov_info"]
    [linked] = [row for row in case.rows("certificate") if row.has_key_link]
    assert (linked.thumbprint, linked.store_scope) == (agent["sha1"].upper(), "policy")
    assert case.rows("key_chain") == []
    fingerprints = {s.generation: (s.fingerprint, s.set_at) for s in case.rows("secret")}
    stated = truth["dpapi_system"]
    assert {g: (f, t.strftime("%Y-%m-%dT%H:%M:%SZ")) for g, (f, t) in fingerprints.items()} == {
        "current": (stated["current"]["sha256_of_40_bytes"], stated["current"]["set_at"]),
        "previous": (stated["old"]["sha256_of_40_bytes"], stated["old"]["set_at"]),
    }
    kinds = sorted((p.source_path, p.kind) for p in case.rows("problem"))
    assert kinds == [
        ("Windows/System32/config/SOFTWARE", "in_transaction"),
        ("Windows/System32/config/SYSTEM", "in_transaction"),
    ]
