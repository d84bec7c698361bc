"""Real Windows artefacts, compared with what independent readers said of them (truth.json)."""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from forensics.collectors.collect import collect
from forensics.collectors.evidence import Evidence
from forensics.formats.cng_key import CngKeyFile
from forensics.registry.hives import open_hive
from forensics.sources.installation import Installation
from tests.memory_tree import MemoryTree

MACHINE_SID = "S-1-5-21-4070822719-3404542230-2541167049"
DOMAIN_SID = "S-1-5-21-226059406-2984137831-1201299043"


def when(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def to_second(time: datetime | None) -> datetime | None:
    return time and time.replace(microsecond=0)


@pytest.fixture(scope="module")
def truth(realdata: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((realdata / "student-pc8-win81.truth.json").read_text())
    return data


@pytest.fixture(scope="module")
def evidence(realdata: Path) -> Evidence:
    with zipfile.ZipFile(realdata / "student-pc8-win81.zip") as archive:
        files: dict[str, bytes | None] = {i.filename: archive.read(i) for i in archive.infolist() if not i.is_dir()}
    tree = MemoryTree(files, complete=False)
    return collect(Installation(1, "student-pc8-win81.zip", tree, "Windows", "", open_hive))


def test_machine(evidence: Evidence, truth: dict[str, Any]) -> None:
    row, machine = evidence.machine, truth["machine"]
    assert (row.computer_name, row.host_name) == ("STUDENT-PC8", "student-pc8")
    assert (row.domain_name, row.netbios_domain) == ("internal.greendale.edu", "INTERNAL")
    assert row.product_name == machine["product_name"] == "Windows 8.1 Enterprise Evaluation"
    assert (row.edition, row.version, row.build, row.ubr) == ("EnterpriseEval", "6.3", "9600", None)
    assert row.install_date == when(machine["install_date"])
    assert row.machine_guid == machine["machine_guid"] == "57af23bf-2427-4be7-8f68-9bc5abbf945a"
    assert to_second(row.machine_guid_time) == datetime(2016, 10, 5, 8, 23, tzinfo=UTC)
    assert row.machine_sid == row.machine_sid_sam == row.machine_sid_policy == MACHINE_SID == machine["machine_sid"]
    assert row.domain_sid == machine["domain_sid"] == DOMAIN_SID
    assert row.image_state == "IMAGE_STATE_COMPLETE"
    assert row.clone_tag == machine["clone_tag"][0] == "Tue Mar 18 03:21:00 2014"
    assert (row.generalization_state, row.cleanup_state) == (7, 2)
    assert (row.setup_in_progress, row.upgrades) == (False, machine["os_upgrade_keys"])
    assert row.time_zone == "Pacific Standard Time"
    assert to_second(row.last_shutdown) == when(machine["shutdown_time"])
    assert (row.physical_host, row.vm_name) == (None, None)


def test_services(evidence: Evidence, truth: dict[str, Any]) -> None:
    starts = {s.name: s.start for s in evidence.services if s.start is not None}
    expected = truth["machine"]["services_start"]
    assert {name: starts[name] for name in expected} == expected
    assert starts["SCardSvr"] == 4
    assert {s.name for s in evidence.services if s.start is None} == {"NTDS"}
    assert "CertSvc" not in starts


def test_users(evidence: Evidence, truth: dict[str, Any]) -> None:
    rows = {u.sid: u for u in evidence.users}
    assert {sid for sid, u in rows.items() if u.profile_path} == set(truth["machine"]["profile_list"])
    bperry = rows[f"{DOMAIN_SID}-1107"]
    assert (bperry.name, bperry.kind, bperry.profile_path) == ("bperry", "domain_account", "Users/bperry")
    assert bperry.profile_outcome == "present"
    gold = rows[f"{MACHINE_SID}-1001"]
    assert (gold.name, gold.kind, gold.profile_outcome) == ("gold_administrator", "machine_account", "not_examined")
    assert (rows[f"{MACHINE_SID}-501"].name, rows[f"{MACHINE_SID}-501"].profile_path) == ("Guest", None)


def test_certificates(evidence: Evidence, truth: dict[str, Any]) -> None:
    rows = {c.row.thumbprint: c.row for c in evidence.certificates}
    assert len(evidence.certificates) == len(rows) == truth["certificates_summary"]["certificates"] == 36
    for expected in truth["certificates"]:
        row = rows[expected["sha1"].upper()]
        assert row.sha256 == expected["sha256"]
        assert (row.subject, row.serial) == (expected["subject"], expected["serial"].upper())
        assert row.not_before == when(expected["not_before"])
        assert row.not_after == when(expected["not_after"])
        assert to_second(row.source_time) == when(expected["key_written"])
        assert row.source_path.lower().endswith(f"{expected['store']}\\Certificates\\{expected['name']}!Blob".lower())
        assert row.has_key_link == (expected["key_prov_info"] is not None)


def test_certificates_by_store_and_expiry(evidence: Evidence, truth: dict[str, Any]) -> None:
    reference = when(truth["certificates_summary"]["reference_time"])
    rows = [c.row for c in evidence.certificates]
    assert Counter(r.store for r in rows) == {
        path.rpartition("\\")[2]: n["certificates"] for path, n in truth["stores_hklm"].items() if n["certificates"]
    }
    assert {r.store_scope for r in rows if r.store != "EFS"} == {"machine"}
    assert sum(r.not_after is not None and r.not_after < reference for r in rows) == 17
    coming = sorted((r.not_after, r.thumbprint) for r in rows if r.not_after and r.not_after > reference)
    assert coming[0] == (when("2026-11-27T20:53:42Z"), "B31EB1B740E36C8402DADC37D44DF5D4674952F9")


def test_every_public_key_is_read_even_where_the_library_refuses(evidence: Evidence) -> None:
    kinds = Counter((c.row.key_algorithm, c.public_key is not None) for c in evidence.certificates)
    assert kinds == {("RSA", True): 34, ("DSA", True): 2}
    hardware = next(c for c in evidence.certificates if c.row.thumbprint == "109F1CAED645BB78B3EA2B94C0697C740733031C")
    assert hardware.row.key_bits == 1024


def test_the_one_key_link(evidence: Evidence, truth: dict[str, Any]) -> None:
    (linked,) = [c for c in evidence.certificates if c.link]
    (expected,) = truth["key_prov_info"]
    row = linked.row
    assert row.thumbprint == expected["sha1"].upper()
    assert (row.container, row.provider) == (expected["container"], expected["provider"])
    assert (row.provider_type, row.key_flags, row.key_spec) == (1, 0, 1)
    assert (row.store_scope, row.store, row.owner_sid) == ("policy", "EFS", "S-1-5-18")
    assert (row.eku, row.san) == (["msEFSRecovery"], ["UPN:Administrator@INTERNAL"])


def test_secrets(evidence: Evidence, truth: dict[str, Any]) -> None:
    for row, name in zip(evidence.secrets, ("current", "old"), strict=True):
        assert row.outcome == "present"
        assert to_second(row.set_at) == when(truth["dpapi_system"][name]["set_at"])
    assert evidence.lsa is not None
    assert evidence.lsa.boot_key_classes is not None
    assert evidence.lsa.current is not None
    assert (len(evidence.lsa.current), evidence.lsa.pol_secret_encryption_key) == (124, None)


def test_providers_are_where_the_spec_says(evidence: Evidence) -> None:
    assert evidence.providers.cng is not None
    assert evidence.providers.capi is not None
    assert "microsoft software key storage provider" in evidence.providers.cng
    assert "microsoft enhanced cryptographic provider v1.0" in evidence.providers.capi
    assert evidence.rdp_thumbprints == frozenset()


def test_nothing_that_was_not_collected_is_absent(evidence: Evidence, truth: dict[str, Any]) -> None:
    assert truth["folders_absent"]
    assert {f.outcome.state for f in evidence.key_folders} == {"not_examined"}
    assert {o.state for o in evidence.master_key_folders.values()} == {"not_examined"}
    hives = {c.name: (c.outcome, c.detail) for c in evidence.installation.coverage if c.area == "hive"}
    torn = "it was being written when it was copied, and its logs are not here: what it says may be old"
    assert hives["SYSTEM"] == hives["SOFTWARE"] == ("partial", torn)
    assert hives["SECURITY"] == hives["SAM"] == ("present", None)
    assert hives["DEFAULT"] == ("not_examined", "not in this source")
    assert {p.kind for p in evidence.installation.problems} == {"in_transaction"}


def test_a_real_cng_key_and_its_master_keys(realdata: Path) -> None:
    root = realdata / "cng-chain"
    expected = json.loads((root / "truth.json").read_text())
    base = root / "files"
    files: dict[str, bytes | None] = {
        p.relative_to(base).as_posix(): p.read_bytes() for p in base.rglob("*") if p.is_file()
    }
    examined = Installation(1, "cng-chain", MemoryTree(files, complete=False), "Windows", "", open_hive)
    evidence = collect(examined)
    (key,) = evidence.key_files
    row, cng = key.row, expected["cng_key"]
    assert f"files/{row.path}" == cng["file"]
    assert (row.kind, row.scope, row.owner_sid, row.outcome) == ("cng", "system", "S-1-5-18", "present")
    assert (row.container, row.algorithm, row.size) == ("Google Chromekey1", "AES", 960)
    assert (row.name_hash, row.name_guid) == (cng["file_name_hash"], cng["file_name_machine_guid"])
    assert (row.name_matches, row.guid_is_current) == (True, None)
    assert row.creator_process == cng["public_properties"][1]["text"]
    assert (row.master_key_guid, row.blob_flags) == ("fb1190c1-123d-45f8-95f4-32aee28fe2eb", 0)
    assert isinstance(key.parsed, CngKeyFile)
    assert to_second(key.parsed.modified) == when(cng["public_properties"][0]["utc"])
    found = {f"files/{m.row.path}": m.row for m in evidence.master_keys}
    assert set(found) == {m["file"] for m in expected["master_keys"]}
    for master in expected["master_keys"]:
        m = found[master["file"]]
        assert (m.guid, m.flags, m.rounds, m.outcome) == (master["guid"], master["flags"], 8000, "present")
        assert (m.hash_algorithm, m.cipher_algorithm) == ("SHA-512", "AES-256")
        assert m.domain_key_guid == master.get("domain_backup_key_guid")
        assert m.has_credhist == (master["cred_hist_len"] > 0)
    assert {(m.owner_sid, m.half) for m in found.values()} == {
        ("S-1-5-18", "machine"),
        ("S-1-5-18", "user"),
        ("S-1-5-21-3821320868-1508310791-3575676346-1103", None),
    }
    assert [(u.sid, u.name) for u in evidence.users if u.kind == "unknown"] == [
        ("S-1-5-21-3821320868-1508310791-3575676346-1103", "itadmin")
    ]
    assert examined.problems == []
