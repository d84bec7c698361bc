"""CREDHIST as files: forged ones that dpapick3 and impacket open, and bytes that lie."""

from __future__ import annotations

import hashlib
import struct
from typing import Any
from uuid import UUID

import pytest
from Crypto.Hash import MD4
from hypothesis import given, settings
from hypothesis import strategies as st

from forensics.dpapi.credhist import open_credhist_link
from forensics.formats.credhist import parse_credhist
from forensics.formats.errors import FormatError
from testdata.builder.credhist import credhist, link_guids
from testdata.builder.dpapi import AES_SHA512, TDES_SHA1, Suite, password_prekey

SID = "S-1-5-21-1-2-3-1001"
PASSWORDS = ["Winter", "Frühling", "Sommer"]
SUITES = pytest.mark.parametrize("suite", [AES_SHA512, TDES_SHA1], ids=["AES", "3DES"])


def forged(suite: Suite = AES_SHA512, **given: Any) -> bytes:
    return credhist("test", SID, PASSWORDS, suite=suite, rounds=3, **given)


def sha1(password: str) -> bytes:
    return hashlib.sha1(password.encode("utf-16-le")).digest()


def nt(password: str) -> bytes:
    return MD4.new(password.encode("utf-16-le")).digest()


@SUITES
@pytest.mark.parametrize("told", [None, 16])
def test_each_link_opens_with_the_password_that_came_after(suite: Suite, told: int | None) -> None:
    parsed = parse_credhist(forged(suite, told=told))
    guids = link_guids("test", PASSWORDS)
    assert (parsed.guid, parsed.count, parsed.problems) == (guids[2], 2, ())
    assert [(link.guid, link.sid, link.rounds) for link in parsed.links] == [(guids[1], SID, 3), (guids[0], SID, 3)]
    for link, after, old in zip(parsed.links, ("Sommer", "Frühling"), ("Frühling", "Winter"), strict=True):
        opened = open_credhist_link(link, password_prekey(after, SID))
        assert opened is not None
        assert (opened.sha1, opened.nt) == (sha1(old), nt(old))
        assert open_credhist_link(link, password_prekey("Herbst", SID)) is None
        assert sha1(old).hex() not in repr((opened, link))


def test_impacket_opens_the_forged_file() -> None:
    """It takes blocks of 16 bytes for granted, which those of 3DES are not."""
    library = pytest.importorskip("impacket.dpapi")
    theirs = library.CREDHIST_FILE(forged())
    theirs.decrypt(password_prekey("Sommer", SID))
    found = [(entry.sid, entry.pwdhash, entry.nthash) for entry in theirs.credhist_entries_list]
    assert found == [(SID, sha1(old), nt(old)) for old in ("Frühling", "Winter")]


@SUITES
def test_dpapick_opens_the_forged_file(suite: Suite) -> None:
    library = pytest.importorskip("dpapick3.credhist")
    theirs = library.CredHistFile(forged(suite))
    theirs.decryptWithPassword("Sommer")
    found = [(str(entry.userSID), entry.pwdhash, entry.ntlm) for entry in theirs.entries_list]
    assert found == [(SID, sha1(old), nt(old)) for old in ("Frühling", "Winter")]


def test_a_user_who_never_changed_his_password_has_an_empty_chain() -> None:
    parsed = parse_credhist(credhist("test", SID, ["Sommer"]))
    assert (parsed.links, parsed.count, parsed.problems) == ((), 0, ())


@pytest.mark.parametrize("size", [0, 1, 23])
def test_a_file_without_its_last_header_is_none(size: int) -> None:
    with pytest.raises(FormatError) as told:
        parse_credhist(forged()[-size:] if size else b"")
    assert told.value.kind == "truncated"


def test_a_length_that_leaves_the_file_ends_the_chain() -> None:
    data = forged()
    for size in (1, 24, len(data), 0xFFFFFFFF):
        parsed = parse_credhist(data[:-4] + struct.pack("<I", size))
        assert (parsed.links, parsed.count, [p.kind for p in parsed.problems]) == ((), 1, ["bad_length"])


@pytest.mark.parametrize(
    ("at", "value", "kind"),
    [
        (4, 0x9999, "unknown_algorithm"),
        (8, 0, "bad_rounds"),
        (8, 0xFFFFFFFF, "bad_rounds"),
        (12, 0xFFFFFFFF, "truncated"),
        (16, 0x9999, "unknown_algorithm"),
        (20, 0, "bad_length"),
        (24, 15, "bad_length"),
        (24, 0xFFFFFFFF, "bad_length"),
    ],
)
def test_a_link_that_lies_is_left_out_and_the_older_ones_stay(at: int, value: int, kind: str) -> None:
    data = bytearray(forged())
    last = parse_credhist(bytes(data))
    newest = len(data) - 24 - struct.unpack_from("<I", data, len(data) - 4)[0]
    struct.pack_into("<I", data, newest + 24 + at, value)
    parsed = parse_credhist(bytes(data))
    assert [link.guid for link in parsed.links] == [last.links[1].guid]
    assert (parsed.count, [p.kind for p in parsed.problems]) == (2, [kind])


def test_a_chain_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forensics.formats.credhist.MAX_LINKS", 3)
    parsed = parse_credhist(credhist("test", SID, [str(n) for n in range(9)], rounds=1))
    assert (len(parsed.links), [p.kind for p in parsed.problems]) == (3, ["too_many"])


def test_a_thousand_links_that_overlap_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    header = struct.pack("<I", 1) + UUID(int=0).bytes_le + struct.pack("<I", 25)
    parsed = parse_credhist(header * 200)
    assert parsed.links == ()
    assert parsed.count < 250


@settings(max_examples=200)
@given(st.binary(max_size=600))
def test_any_bytes_give_a_file_or_a_format_error(data: bytes) -> None:
    try:
        parsed = parse_credhist(data)
    except FormatError:
        return
    assert len(parsed.links) <= parsed.count
