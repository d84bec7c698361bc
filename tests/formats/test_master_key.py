"""Master key files and Preferred: the real ones field by field, and damaged ones."""

from __future__ import annotations

import json
import struct
from datetime import UTC, datetime
from pathlib import Path

import pytest

from forensics.formats.errors import FormatError
from forensics.formats.master_key import MAX_ROUNDS, parse_master_key_file
from forensics.formats.preferred import Preferred, parse_preferred
from testdata.builder import dpapi

SID = "S-1-5-21-1004336348-1177238915-682003330-1104"
FILE = dpapi.make_master_key("parser", SID, bytes(20), rounds=1, domain=True, flags=0).file


def test_real_files(realdata: Path) -> None:
    folder = realdata / "cng-chain"
    expected = json.loads((folder / "truth.json").read_text())["master_keys"]
    assert len(expected) == 3
    for item in expected:
        file = parse_master_key_file((folder / item["file"]).read_bytes())
        assert (file.version, file.guid, file.flags) == (2, item["guid"], item["flags"])
        assert file.problems == ()
        for section, size in ((file.master, item["master_key_len"]), (file.backup, item["backup_key_len"])):
            assert section is not None
            assert (section.rounds, section.hash_algorithm, section.cipher_algorithm) == (8000, 0x800E, 0x6610)
            assert len(section.ciphertext) == size - 32
        assert file.has_credhist == bool(item["cred_hist_len"])
        assert file.credhist_guid == ("00000000-0000-0000-0000-000000000000" if item["cred_hist_len"] else None)
        if item["domain_key_len"]:
            assert file.domain is not None
            assert file.domain.version == item["domain_key_version"]
            assert file.domain.key_guid == item["domain_backup_key_guid"]
            assert 28 + len(file.domain.secret) + len(file.domain.access_check) == item["domain_key_len"]
        else:
            assert file.domain is None


def test_all_four_sections_of_a_forged_file() -> None:
    file = parse_master_key_file(FILE)
    assert file.domain is not None
    assert file.domain.key_guid == dpapi.DOMAIN_BACKUP_GUID
    assert (file.domain.version, len(file.domain.secret), len(file.domain.access_check)) == (2, 256, 88)


def patched(offset: int, data: bytes) -> bytes:
    return FILE[:offset] + data + FILE[offset + len(data) :]


@pytest.mark.parametrize(
    ("data", "kind", "offset"),
    [
        (b"", "truncated", 0),
        (FILE[:127], "truncated", 120),
        (FILE[:-1], "truncated", 96),
        (patched(0, b"\3\0\0\0"), "bad_magic", 0),
        (patched(12, "{".encode("utf-16-le")), "bad_guid", 12),
        (patched(12, b"\x00\xd8"), "bad_text", 12),
        (patched(96, struct.pack("<Q", 2**63)), "truncated", 96),
        (patched(128, struct.pack("<I", 9)), "bad_magic", 128),
        (patched(148, struct.pack("<I", MAX_ROUNDS + 1)), "bad_rounds", 148),
        (patched(148, bytes(4)), "bad_rounds", 148),
        (patched(152, struct.pack("<I", 0x8001)), "unknown_algorithm", 152),
        (patched(96, struct.pack("<Q", 33)), "bad_length", 160),
    ],
)
def test_damage(data: bytes, kind: str, offset: int) -> None:
    with pytest.raises(FormatError) as caught:
        parse_master_key_file(data)
    assert (caught.value.kind, caught.value.offset) == (kind, offset)


def test_a_broken_side_section_does_not_cost_the_master_section() -> None:
    file = parse_master_key_file(patched(128 + 176, struct.pack("<I", 9)))
    assert file.master is not None
    assert file.backup is None
    assert [(p.kind, p.offset) for p in file.problems] == [("bad_magic", 128 + 176)]


def test_no_key_material_is_in_a_repr() -> None:
    assert repr(parse_master_key_file(FILE).master) == (
        "MasterKeySection(rounds=1, hash_algorithm=32782, cipher_algorithm=26128)"
    )


def test_preferred() -> None:
    due = datetime(2024, 6, 2, 9, 15, tzinfo=UTC)
    guid = "dd26f81a-4ed9-49fd-8b45-42723d8ae006"
    assert parse_preferred(dpapi.preferred(guid, due)) == Preferred(guid, due)
    assert parse_preferred(dpapi.preferred(guid, due)[:16] + bytes(8)) == Preferred(guid, None)
    assert parse_preferred(b"\xff" * 24).renew_after is None
    for size in (0, 16, 23, 25):
        with pytest.raises(FormatError):
            parse_preferred(bytes(size))


def test_where_a_side_section_breaks() -> None:
    """The lengths of the four sections stand at 96, 104, 112 and 120; CREDHIST has 20 bytes."""
    plain = dpapi.make_master_key("parser", SID, bytes(20), rounds=1).file
    master, backup, credhist, _ = struct.unpack_from("<4Q", plain, 96)
    assert (credhist, len(plain)) == (20, 128 + master + backup + 20)
    file = parse_master_key_file(plain[:112] + struct.pack("<Q", 19) + plain[120:-1])
    assert [(p.kind, p.offset) for p in file.problems] == [("truncated", 128 + master + backup)]
    assert (file.has_credhist, file.credhist_guid) == (True, None)
    domain = struct.unpack_from("<Q", FILE, 120)[0]
    file = parse_master_key_file(FILE[:120] + struct.pack("<Q", domain - 1) + FILE[128:-1])
    # Version and two lengths, a GUID, the secret, and then 88 bytes of which one is missing.
    assert [(p.kind, p.offset) for p in file.problems] == [("truncated", len(FILE) - domain + 12 + 16 + 256)]
    assert file.domain is None


def test_the_credhist_link() -> None:
    link = "0a0b0c0d-0e0f-1011-1213-141516171819"
    file = parse_master_key_file(dpapi.make_master_key("parser", SID, bytes(20), rounds=1, credhist=link).file)
    assert (file.has_credhist, file.credhist_guid, file.domain) == (True, link, None)
    file = parse_master_key_file(dpapi.make_master_key("parser", SID, bytes(20), rounds=1, credhist=None).file)
    assert (file.has_credhist, file.credhist_guid, file.problems) == (False, None, ())


@pytest.mark.parametrize("rounds", [1, MAX_ROUNDS])
def test_rounds_within_the_bound(rounds: int) -> None:
    master = parse_master_key_file(patched(148, struct.pack("<I", rounds))).master
    assert master is not None
    assert master.rounds == rounds
