"""The backup keys of a domain, from the directory of its domain controller."""

from __future__ import annotations

import io
import random
import struct
import uuid

import pytest

from forensics.dpapi import ntds
from forensics.dpapi.ntds import DirectoryKeys, read_directory
from forensics.formats.errors import FormatError
from testdata.builder import ntds as forge
from testdata.builder.dpapi import DOMAIN_BACKUP_GUID as GUID
from testdata.builder.ese import DIRTY, LONG, PAGE, Column, Table, database
from testdata.builder.keys import rsa_key
from tests.memory_tree import CountingStream

BOOT_KEY = bytes(range(16))
OTHER = "aaaaaaaa-0000-4000-8000-000000000001"
LEGACY = str(uuid.UUID(int=7))
KEYS = {GUID: rsa_key("domain-backup"), OTHER: rsa_key("2048-01")}
NUMBER = rsa_key("domain-backup").private_numbers().public_numbers.n


def read(data: bytes, *wanted: str) -> DirectoryKeys:
    return read_directory(io.BytesIO(data), BOOT_KEY, set(wanted or [GUID]))


def page_of(data: bytes | bytearray, needle: bytes) -> int:
    """Return where the last page begins that holds some bytes."""
    return data.rindex(needle) // PAGE * PAGE


@pytest.mark.parametrize("era", ["2016", "2008"])
@pytest.mark.parametrize("intrinsic", [1024, 4000])
@pytest.mark.parametrize("users", [0, 600])
def test_a_key_is_had(era: forge.Era, intrinsic: int, users: int) -> None:
    found = read(forge.directory(KEYS, BOOT_KEY, era=era, intrinsic=intrinsic, users=users))
    assert {guid: key.n for guid, key in found.keys.items()} == {GUID: NUMBER}
    assert (found.unusable, found.others) == ({}, [LEGACY, OTHER])
    assert (found.is_dirty, found.not_read) == (False, None)


def test_several_are_had_at_once_and_none_is_in_the_repr() -> None:
    found = read(forge.directory(KEYS, BOOT_KEY), GUID, OTHER)
    assert (sorted(found.keys), found.others) == (sorted(KEYS), [LEGACY])
    assert repr(found).startswith("DirectoryKeys(unusable=")


def test_what_is_not_there_is_not_opened() -> None:
    """Without a key that is wanted, not even the boot key is needed."""
    data = forge.directory({OTHER: KEYS[OTHER]}, BOOT_KEY)
    found = read_directory(io.BytesIO(data), bytes(16), {GUID})
    assert (found.keys, found.others, found.not_read) == ({}, [LEGACY, OTHER], None)


def test_a_key_of_before_rsa_is_unusable() -> None:
    found = read(forge.directory(KEYS, BOOT_KEY), LEGACY)
    assert (found.keys, found.unusable) == (
        {}, {LEGACY: "the backup key has version 1; one with RSA keys has 2"},
    )  # fmt: skip


def test_the_boot_key_of_another_machine() -> None:
    with pytest.raises(FormatError, match="the boot key of SYSTEM does not open the key to its secrets") as caught:
        read_directory(io.BytesIO(forge.directory(KEYS, BOOT_KEY)), bytes(16), {GUID})
    assert caught.value.kind == "wrong_boot_key"


def test_a_directory_that_was_not_shut_down_says_so() -> None:
    found = read(forge.directory(KEYS, BOOT_KEY, state=DIRTY))
    assert (sorted(found.keys), found.is_dirty) == ([GUID], True)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "truncated"),
        (bytes(PAGE), "bad_magic"),
        (forge.directory(KEYS, BOOT_KEY)[: 2 * PAGE], "catalog_not_read"),
        (forge.directory(KEYS, BOOT_KEY)[: 5 * PAGE], "catalog_not_read"),
        (database([Table("datatable", [Column(1, "DNT_col", LONG)], [])]), "no_directory"),
        (database([Table("other", [Column(1, "DNT_col", LONG)], [])]), "no_directory"),
    ],
)
def test_what_is_no_directory(data: bytes, kind: str) -> None:
    with pytest.raises(FormatError) as caught:
        read(data)
    assert caught.value.kind == kind


@pytest.mark.parametrize("size", [0, 1, 8193, 0x80000000])
def test_a_size_of_pages_that_none_has(size: int) -> None:
    data = bytearray(forge.directory(KEYS, BOOT_KEY))
    struct.pack_into("<I", data, 236, size)
    with pytest.raises(FormatError) as caught:
        read(bytes(data))
    assert caught.value.kind == "bad_size"


class TestDamage:
    def test_a_page_with_others_takes_nothing_from_the_key(self) -> None:
        data = bytearray(forge.directory(KEYS, BOOT_KEY, users=600))
        at = page_of(data, "user 300".encode("utf-16-le"))
        data[at : at + PAGE] = b"\xff" * PAGE
        found = read(bytes(data))
        assert (sorted(found.keys), found.not_read) == (
            [GUID], "1 of its pages and 0 of its objects cannot be read",
        )  # fmt: skip

    def test_the_page_with_the_key_is_not_searched_and_the_key_not_absent(self) -> None:
        data = bytearray(forge.directory(KEYS, BOOT_KEY, users=600))
        at = page_of(data, f"BCKUPKEY_{GUID}".encode("utf-16-le"))
        data[at : at + PAGE] = b"\xff" * PAGE
        found = read(bytes(data))
        assert (found.keys, found.not_read) == ({}, "1 of its pages and 0 of its objects cannot be read")

    def test_a_value_that_lies_elsewhere_and_is_gone(self) -> None:
        rows = forge.objects({GUID: KEYS[GUID]}, forge.Sealer(BOOT_KEY, "2016", "x"))
        data = bytearray(forge.written(rows))
        [sealed] = [row[forge.CURRENT_VALUE] for row in rows if GUID in str(row[forge.NAME])]
        assert isinstance(sealed, bytes)
        at = page_of(data, sealed)
        data[at : at + PAGE] = bytes(PAGE)
        found = read(bytes(data))
        assert (found.keys, found.not_read) == ({}, "0 of its pages and 1 of its objects cannot be read")

    def test_a_value_that_was_changed(self) -> None:
        rows = forge.objects({GUID: KEYS[GUID]}, forge.Sealer(BOOT_KEY, "2016", "x"))
        for row in rows:
            if GUID in str(row[forge.NAME]):
                sealed = row[forge.CURRENT_VALUE]
                assert isinstance(sealed, bytes)
                row[forge.CURRENT_VALUE] = sealed[:300] + bytes(16) + sealed[316:]
        found = read(forge.written(rows))
        assert (found.keys, found.unusable) == ({}, {GUID: "the numbers in the directory are no RSA key"})

    def test_pages_that_lead_in_a_circle(self) -> None:
        data = bytearray(forge.directory(KEYS, BOOT_KEY, users=600))
        leaf = page_of(data, "user 300".encode("utf-16-le"))
        root = 2 * PAGE + PAGE * (32 - 1)
        # The page before it in the tree becomes one more parent that leads back to the root.
        data[leaf : leaf + PAGE] = data[root : root + PAGE]
        found = read(bytes(data))
        assert sorted(found.keys) == [GUID]

    def test_a_catalog_in_a_circle_ends(self) -> None:
        data = bytearray(forge.directory(KEYS, BOOT_KEY))
        branch = page_of(bytes(data[: 2 * PAGE + 4 * PAGE]), b"datatable")
        flags = struct.unpack_from("<I", data, branch + 36)[0]
        # A parent that leads to itself.
        struct.pack_into("<I", data, branch + 36, flags & ~2)
        body = branch + 40 + 16
        struct.pack_into("<HHI", data, body, 1, 0, 0)
        for at in range(0, 600, 4):
            struct.pack_into("<I", data, body + at, 4)
        with pytest.raises(FormatError):
            read(bytes(data))

    def test_long_values_in_a_circle_end(self) -> None:
        rows = forge.objects({GUID: KEYS[GUID]}, forge.Sealer(BOOT_KEY, "2016", "x"))
        data = bytearray(forge.written(rows))
        [sealed] = [row[forge.CURRENT_VALUE] for row in rows if GUID in str(row[forge.NAME])]
        assert isinstance(sealed, bytes)
        at = page_of(data, sealed)
        struct.pack_into("<I", data, at + 20, at // PAGE - 1)
        found = read(bytes(data))
        assert (found.keys, found.not_read) == ({}, "0 of its pages and 1 of its objects cannot be read")

    def test_bits_that_flip_raise_nothing_else(self) -> None:
        sound = forge.directory({GUID: KEYS[GUID]}, BOOT_KEY)
        used = [at for at in range(0, len(sound), 512) if any(sound[at : at + 512])]
        mix = random.Random(7)
        for _ in range(150):
            data = bytearray(sound)
            for _ in range(mix.choice((1, 8, 64))):
                data[mix.choice(used) + mix.randrange(512)] ^= 1 << mix.randrange(8)
            try:
                found = read(bytes(data))
            except FormatError:
                continue
            assert all(key.n == NUMBER for key in found.keys.values())


class TestBounds:
    def test_of_too_many_objects_not_all_are_searched(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ntds, "MAX_OBJECTS", 100)
        found = read(forge.directory(KEYS, BOOT_KEY, users=600))
        assert (found.keys, found.not_read) == ({}, "only 100 of its objects were searched")

    def test_of_too_many_pages_not_all_are_searched(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ntds, "MAX_PAGES", 2)
        found = read(forge.directory(KEYS, BOOT_KEY, users=600))
        assert (found.keys, found.not_read) == ({}, "only 2 of its pages were searched")

    def test_no_more_is_read_than_the_pages_that_it_has(self) -> None:
        data = forge.directory(KEYS, BOOT_KEY, users=600)
        stream = CountingStream(data + bytes(64 << 20))
        assert sorted(read_directory(stream, BOOT_KEY, {GUID}).keys) == [GUID]
        assert stream.bytes_read < 2 * len(data)

    def test_of_too_many_values_for_one_key_not_all_are_tried(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ntds, "MAX_ALIKE", 2)
        sealer = forge.Sealer(BOOT_KEY, "2016", "x")
        rows = forge.objects({GUID: KEYS[GUID]}, sealer)
        named = next(row for row in rows if GUID in str(row[forge.NAME]))
        first = {**named, forge.CURRENT_VALUE: sealer.sealed(b"none")}
        rows += [{**first, "DNT_col": 50 + at} for at in range(2)]
        found = read(forge.written(rows))
        assert (found.keys, found.unusable) == ({}, {GUID: "a backup key does not have 4 bytes"})
        assert found.not_read == "more than 2 of its values claim to be one key"

    def test_of_too_many_secrets_not_all_are_looked_at(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ntds, "MAX_SECRETS", 2)
        found = read(forge.directory(KEYS, BOOT_KEY))
        assert (found.keys, found.not_read) == ({}, "only 2 of its secrets were looked at")

    @pytest.mark.parametrize("length", [600, 3000])
    def test_a_name_as_long_as_none_is_counts_as_not_read(self, length: int) -> None:
        rows = forge.objects({GUID: KEYS[GUID]}, forge.Sealer(BOOT_KEY, "2016", "x"))
        rows.append({"DNT_col": 50, "PDNT_col": 10, forge.NAME: "n" * length, forge.CURRENT_VALUE: b"x"})
        found = read(forge.written(rows, intrinsic=4000 if length == 600 else 1024))
        assert (sorted(found.keys), found.not_read) == (
            [GUID], "0 of its pages and 1 of its objects cannot be read",
        )  # fmt: skip
