"""One damaged field of a volume never makes a key worse in silence, nor calls it lost."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

import forensics
from testdata.builder import acl
from tests import damaged_volume as volumes
from tests.ntfs_surgery import record_of

EDITS = 120
KEYS = volumes.KEYS


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return volumes.packed_volume("healthy", tmp_path_factory.mktemp("volume") / "healthy.ntfs")


def test_damage_is_told(volume: Path) -> None:
    whole = volumes.examine(volume)
    assert {row.verdict for row in whole.chains.values()} == {"usable", "unknown"}
    silent, harmful = [], 0
    for edit in volumes.edits(volume, volumes.regions(volume), EDITS, seed=11):
        worse, untold = volumes.untold(volume, whole, edit)
        harmful += bool(worse)
        silent += [f"{edit}: {untold[0]}"] if untold else []
    assert silent == []
    assert harmful > EDITS // 8, "the edits hardly touch what the keys rest on"


@pytest.mark.parametrize("letter", [30, 40])
def test_a_key_whose_name_was_damaged_is_not_absent(volume: Path, tmp_path: Path, letter: int) -> None:
    """Its folder was seen in part, which the problem, the coverage and the chain all say: hash or MachineGuid alike."""
    data = bytearray(volume.read_bytes())
    whole = forensics.examine(volume)
    key = next(
        row for row in whole.rows("key_chain") if row.thumbprint and row.key_file_path and KEYS in row.key_file_path
    )
    name = str(key.key_file_path).rpartition("/")[2].encode("utf-16-le")
    node = next(at for at in range(0, len(data), 4096) if data[at : at + 4] == b"INDX" and name in data[at : at + 4096])
    data[data.index(name, node) + 2 * letter] ^= 1
    damaged = tmp_path / "damaged.ntfs"
    damaged.write_bytes(data)
    case = forensics.examine(damaged)
    (row,) = [row for row in case.rows("key_chain") if row.thumbprint == key.thumbprint]
    assert (row.key_file, row.verdict, row.broken_at) == ("not_examined", "unknown", None)
    folder, file = sorted({p.source_path for p in case.rows("problem") if p.kind == "ntfs_damaged"})
    assert (folder, file.rpartition("/")[0]) == (KEYS, KEYS)
    (seen,) = [c for c in case.rows("coverage") if c.source_path == KEYS]
    assert (seen.outcome, seen.name) == ("partial", "RSA/MachineKeys (capi, machine)")


@pytest.mark.parametrize(("field", "value"), [(0x0B, b"\x03"), (0x0D, b"\x18"), (0x30, b"\xff" * 8), (0x40, b"\xf7")])
def test_a_boot_sector_that_leads_nowhere_has_a_copy(volume: Path, tmp_path: Path, field: int, value: bytes) -> None:
    data = bytearray(volume.read_bytes())
    data[field : field + len(value)] = value
    # The mirror would do for a wrong place of $MFT alone.
    struct.pack_into("<Q", data, 0x38, 1 << 40)
    damaged = tmp_path / "damaged.ntfs"
    damaged.write_bytes(data)
    case = forensics.examine(damaged)
    whole = {(row.thumbprint, row.verdict) for row in forensics.examine(volume).rows("key_chain")}
    assert {(row.thumbprint, row.verdict) for row in case.rows("key_chain")} == whole
    (problem,) = case.rows("problem")
    assert (problem.kind, problem.source_path, problem.offset) == ("bad_boot_sector", str(damaged), 0)


def without_access_lists(volume: Path, out: Path, descriptor: bytes) -> forensics.Case:
    """Examine a volume of which both copies of an access list are damaged."""
    data = bytearray(volume.read_bytes())
    for at in (data.index(descriptor), data.rindex(descriptor)):
        data[at + 30] ^= 1
    out.write_bytes(data)
    return forensics.examine(out)


def test_an_access_list_that_was_not_got_leaves_the_key_open(volume: Path, tmp_path: Path) -> None:
    whole = {row.key_file_path: row for row in forensics.examine(volume).rows("key_chain")}
    case = without_access_lists(volume, tmp_path / "damaged.ntfs", acl.KEY_FILE_SD)
    rows = [row for row in case.rows("key_chain") if row.key_file_path and row.store_scope == "machine"]
    assert {whole[row.key_file_path].verdict for row in rows} == {"usable"}
    assert {(row.access, row.verdict, row.private_key) for row in rows} == {
        ("not_examined", "unknown", "proved"),
        # The list of the listener's key is another; that of its master key's file is the damaged one.
        ("ok", "unknown", "proved"),
    }
    number = next(p.message.split()[2] for p in case.rows("problem") if p.kind == "ntfs_damaged")
    why = f"could not be read: access list {number} in $Secure is damaged, and its copy too"
    assert {why in row.reason for row in rows} == {True}
    assert {f"the access list of the key file {why}" in row.reason for row in rows if row.access != "ok"} == {True}
    assert {row.master_key_guid in row.reason for row in rows} == {True}
    text = str(forensics.render(case, "text"))
    # NETWORK SERVICE's own files have another list.
    assert text.partition("WELL:")[2].partition("\n\n")[0].count("  - CN=") == 1
    assert why in text


def test_the_access_list_of_one_key_file_says_nothing_of_the_others(volume: Path, tmp_path: Path) -> None:
    whole = {row.key_file_path: row for row in forensics.examine(volume).rows("key_chain")}
    case = without_access_lists(volume, tmp_path / "damaged.ntfs", acl.RDP_KEY_SD)
    changed = [row for row in case.rows("key_chain") if row.verdict != whole[row.key_file_path].verdict]
    assert [(row.subject, row.access, row.verdict) for row in changed] == [
        ("CN=WEB01.contoso.test", "not_examined", "unknown")
    ]
    assert "the access list of the key file could not be read" in changed[0].reason


def test_a_number_that_leads_to_no_access_list(volume: Path, tmp_path: Path) -> None:
    """One wrong bit in the record of a key file: its content opens all the same."""
    whole = forensics.examine(volume)
    key = next(row for row in whole.rows("key_chain") if row.verdict == "usable" and KEYS in row.key_file_path)
    data = bytearray(volume.read_bytes())
    record = record_of(data, str(key.key_file_path).rpartition("/")[2])
    standard = record + struct.unpack_from("<H", data, record + 20)[0] + 24
    data[standard + 54] ^= 0x40
    damaged = tmp_path / "damaged.ntfs"
    damaged.write_bytes(data)
    rows = {row.key_file_path: row for row in forensics.examine(damaged).rows("key_chain")}
    row = rows.pop(key.key_file_path)
    assert (row.access, row.verdict, row.private_key) == ("not_examined", "unknown", "proved")
    assert row.reason.endswith("which $Secure does not hold")
    assert {r.verdict for r in rows.values() if r.store_scope == "machine"} == {"usable"}


def test_a_file_that_has_no_access_list_is_as_it_was(volume: Path, tmp_path: Path) -> None:
    """Number 0, as other systems write files: that the volume holds none is no damage."""
    whole = forensics.examine(volume)
    key = next(row for row in whole.rows("key_chain") if row.verdict == "usable" and KEYS in row.key_file_path)
    data = bytearray(volume.read_bytes())
    record = record_of(data, str(key.key_file_path).rpartition("/")[2])
    standard = record + struct.unpack_from("<H", data, record + 20)[0] + 24
    data[standard + 52 : standard + 56] = bytes(4)
    changed = tmp_path / "changed.ntfs"
    changed.write_bytes(data)
    row = {row.key_file_path: row for row in forensics.examine(changed).rows("key_chain")}[key.key_file_path]
    assert (row.access, row.verdict, row.reason) == ("not_examined", "usable", "")


@pytest.mark.parametrize(("letter", "bit"), [(0, 1), (31, 1), (35, 2), (60, 4), (3, 0x20)])
@pytest.mark.parametrize("what", ["node of $I30", "record"])
def test_a_wrong_bit_in_a_name_makes_no_key_file_of_another_name(
    volume: Path, what: str, letter: int, bit: int
) -> None:
    """The key of a certificate is not absent then, and no key file without certificate lies beside it."""
    whole = volumes.examine(volume)
    # The certificate that has its key alone in the container named here.
    [key] = [row.key_file_path for row in whole.chains.values() if row.container == "capi-2048-aes"]
    assert key is not None
    raw, name = volume.read_bytes(), key.rpartition("/")[2].encode("utf-16-le")
    [(region, at)] = [
        (region, at)
        for region in volumes.regions(volume)
        if region.what.startswith(what) and (at := raw.find(name, region.start, region.start + region.size)) >= 0
    ]
    at += 2 * letter
    with volumes.applied(volume, volumes.Edit(at, raw[at : at + 1], bytes([raw[at] ^ bit]), region)):
        damaged = volumes.examine(volume)
    assert [k for k in damaged.chains if k[0] is None and k not in whole.chains] == []
    assert damaged.key_files < whole.key_files
    [row] = [row for row in damaged.chains.values() if row.subject == "CN=capi-2048-aes.contoso.test"]
    assert (row.key_file, row.verdict, row.recoverable) == ("not_examined", "unknown", None)
    told = [row for row in volumes.new_problems(whole, damaged) if row.kind == "ntfs_damaged"]
    assert any("does not bear the name that its folder gives it" in row.message for row in told)


def modulus_in(volume: Path, path: str) -> bytes:
    """Return the modulus in the public half of a container, as it lies there."""
    data = volumes.content_of(volume, path)
    at = data.index(b"RSA1") + 12
    return data[at : at + 256]


def test_a_key_file_whose_public_key_is_damaged_holds_no_other_key(volume: Path, tmp_path: Path) -> None:
    whole = forensics.examine(volume)
    [key] = [row for row in whole.rows("key_chain") if row.subject == "CN=capi-2048-aes.contoso.test"]
    assert key.verdict == "usable"
    data = bytearray(volume.read_bytes())
    data[data.index(modulus_in(volume, str(key.key_file_path))) + 40] ^= 4
    damaged = tmp_path / "damaged.ntfs"
    damaged.write_bytes(data)
    case = forensics.examine(damaged)
    [row] = [row for row in case.rows("key_chain") if row.thumbprint == key.thumbprint]
    assert (row.public_key, row.private_key, row.verdict, row.broken_at) == ("mismatch", "proved", "unknown", None)
    assert "the file is damaged, and whether Windows opens it" in row.reason
    assert "key-recreated" not in {finding.rule for finding in case.finding_list}


def test_a_tpm_key_below_a_folder_that_cannot_be_read_is_not_absent(tmp_path: Path) -> None:
    laptop = volumes.packed_volume("laptop", tmp_path / "laptop.ntfs")
    [key] = [
        row for row in forensics.examine(laptop).rows("key_chain") if row.provider_kind == "tpm" and row.thumbprint
    ]
    assert key.key_file == "present"
    data = bytearray(laptop.read_bytes())
    # The folder above has the name in its own record, before this one.
    record = data.rindex(b"FILE", 0, data.rindex(str(key.key_file_path).split("/")[-2].encode("utf-16-le")))
    data[record : record + 4] = bytes(4)
    laptop.write_bytes(data)
    case = forensics.examine(laptop)
    [row] = [row for row in case.rows("key_chain") if row.thumbprint == key.thumbprint]
    assert (row.key_file, row.verdict) == ("not_examined", "unknown")
    [seen] = [row for row in case.rows("coverage") if row.source_path == "ProgramData/Microsoft/Crypto/PCPKSP"]
    assert seen.outcome == "partial"
