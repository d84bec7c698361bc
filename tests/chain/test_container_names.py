"""Containers whose names are not ASCII: CryptoAPI hashes them in the machine's ANSI code page.

How it makes letters beyond ASCII lower-case is not published, so a name to whose hash no file answers is undecided.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from forensics.chain.judge import judge
from forensics.collectors.key_file_facts import add_facts
from forensics.formats.capi_key import CapiKeyFile, parse_capi_key_file
from forensics.formats.cng_key import CngKeyFile
from forensics.tables.key_chain import KeyChainRow
from testdata.builder.capi import Slot, make_capi_key
from testdata.builder.keys import rsa_key
from tests.chain.evidence import CNG, MASTER_KEY, SECRET, Windows
from tests.collectors.virtual import MACHINE_GUID, OTHER_GUID

KEY, OTHER = rsa_key("2048-01"), rsa_key("2048-02")
JAPANESE = b"\x8f\xd8\x96\xbe\x8f\x91\x83\x4c\x81\x5b"


@pytest.fixture(autouse=True)
def secret_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hives here are empty: DPAPI_SYSTEM is as if it had been read from them."""
    monkeypatch.setattr("forensics.chain.judge.unlock_dpapi_system", lambda _: SECRET)


def hashed(raw: bytes) -> str:
    """Hash an 8-bit name as it is: MD5 with its NUL, as four little-endian words."""
    digest = hashlib.md5(raw + b"\0").digest()
    return "".join(digest[at : at + 4][::-1].hex() for at in range(0, 16, 4))


def container(windows: Windows, stored: bytes, name_hash: str, key: object = KEY, guid: str = MACHINE_GUID) -> str:
    """Put a container on the disk that holds one name and lies under the hash of, perhaps, another."""
    assert key in (KEY, OTHER)
    made = parse_capi_key_file(make_capi_key("c", "c", MASTER_KEY, exchange=Slot(KEY if key is KEY else OTHER)))
    parsed: CapiKeyFile = replace(made, container_bytes=stored)
    windows.file("capi", "c", parsed, guid=guid)
    row = windows.evidence.key_files[-1].row
    row.file_name = f"{name_hash}_{guid}"
    row.path, row.name_hash = f"capi/machine/{row.file_name}", name_hash
    add_facts(windows.evidence.installation, row, parsed, windows.evidence.machine.ansi_code_page)
    return row.path


def cng_container(windows: Windows, name: str, name_hash: str) -> str:
    """Put a key of CNG on the disk under a hash."""
    windows.cng(name, KEY)
    found = windows.evidence.key_files[-1]
    row = found.row
    row.file_name = f"{name_hash}_{MACHINE_GUID}"
    row.path, row.name_hash = f"cng/machine/{row.file_name}", name_hash
    assert isinstance(found.parsed, CngKeyFile)
    add_facts(windows.evidence.installation, row, found.parsed, None)
    return row.path


def windows_of(code_page: int | None) -> Windows:
    windows = Windows()
    windows.evidence.machine.ansi_code_page = code_page
    return windows


def of_certificate(windows: Windows) -> KeyChainRow:
    (row,) = [row for row in judge(windows.evidence).key_chains if row.thumbprint]
    return row


def undecided(name: str) -> str:
    return f"how Windows spells {name!r} in the name of a key file could not be shown: the name is not ASCII"


@pytest.mark.parametrize("code_page", [932, None])
@pytest.mark.parametrize("name_hash", [hashed(JAPANESE), hashed(JAPANESE.lower())], ids=["as it is", "byte by byte"])
def test_a_name_of_code_page_932(code_page: int | None, name_hash: str) -> None:
    """The second byte of a double-byte character may be a capital letter: either way of making it small is followed."""
    windows = windows_of(code_page)
    path = container(windows, JAPANESE, name_hash)
    windows.certificate("AA", KEY, "証明書キー")
    row = of_certificate(windows)
    assert (row.verdict, row.key_file, row.key_file_path, row.reason) == ("usable", "present", path, "")
    assert windows.evidence.key_files[0].row.name_matches
    if code_page:
        assert windows.evidence.key_files[0].row.container == "証明書キー"


@pytest.mark.parametrize("stored", ["Schlüssel Ü", "SCHLÜSSEL Ü"])
@pytest.mark.parametrize("small", ["schlüssel ü", "schlüssel Ü"], ids=["all", "ASCII only"])
def test_letters_beyond_ascii_in_either_case(stored: str, small: str) -> None:
    windows = windows_of(1252)
    path = container(windows, stored.encode("latin-1"), hashed(small.encode("latin-1")))
    windows.certificate("AA", KEY, "Schlüssel Ü")
    row = of_certificate(windows)
    assert (row.verdict, row.key_file_path, row.reason) == ("usable", path, "")


def test_the_code_page_was_another_when_the_key_was_made() -> None:
    """The name in the file and its public half tell the file; whether Windows finds it now is not known."""
    windows = windows_of(1252)
    path = container(windows, "ключ".encode("cp1251"), hashed("ключ".encode("cp1251")))
    windows.certificate("AA", KEY, "ключ")
    row = of_certificate(windows)
    assert (row.verdict, row.broken_at, row.key_file, row.key_file_path) == ("unknown", None, "present", path)
    assert (row.public_key, row.private_key, row.reason) == ("match", "proved", undecided("ключ"))


def test_a_name_of_question_marks_is_known_by_the_public_half_alone() -> None:
    """What the code page lacks may be stored as a question mark: every such name would have one hash."""
    windows = windows_of(1252)
    container(windows, b"?????", hashed(b"?????"), OTHER)
    windows.certificate("AA", KEY, "証明書キー")
    row = of_certificate(windows)
    assert (row.verdict, row.key_file, row.broken_at, row.reason) == (
        "unknown",
        "not_examined",
        None,
        undecided("証明書キー"),
    )
    path = container(windows, b"????", hashed(b"????"))
    row = of_certificate(windows)
    assert (row.verdict, row.key_file, row.key_file_path) == ("unknown", "present", path)


def test_a_key_that_is_nowhere_is_not_called_absent() -> None:
    windows = windows_of(932)
    windows.capi("web", OTHER)
    windows.certificate("AA", KEY, "証明書キー")
    row = of_certificate(windows)
    assert (row.verdict, row.key_file, row.recoverable, row.broken_at) == ("unknown", "not_examined", None, None)


def test_a_name_under_another_suffix_only() -> None:
    windows = windows_of(932)
    container(windows, JAPANESE, hashed(JAPANESE), guid=OTHER_GUID)
    windows.certificate("AA", KEY, "証明書キー")
    row = of_certificate(windows)
    assert (row.verdict, row.broken_at, row.key_file, row.recoverable) == (
        "unusable",
        "key_file",
        "other_machine_guid",
        True,
    )


def test_cng_hashes_unicode_so_that_a_name_it_has_not_is_absent() -> None:
    """Unless a container of CryptoAPI, where CNG looks next, may have it."""
    windows = windows_of(1252)
    windows.capi("web", OTHER)
    windows.certificate("AA", KEY, "ключ", provider=CNG, key_spec=0)
    assert of_certificate(windows).key_file == "absent"
    container(windows, b"Schl\xfcssel", hashed(b"schl\xfcssel"), OTHER)
    row = of_certificate(windows)
    assert (row.key_file, row.verdict, row.reason) == ("not_examined", "unknown", undecided("ключ"))


@pytest.mark.parametrize("small", ["schlüssel ü", "schlüssel Ü"], ids=["all", "ASCII only"])
def test_a_key_of_cng_is_found_whichever_letters_are_made_small(small: str) -> None:
    windows = windows_of(1252)
    path = cng_container(windows, "Schlüssel Ü", hashed((small + "\0").encode("utf-16-le")[:-1]))
    windows.certificate("AA", KEY, "Schlüssel Ü", provider=CNG, key_spec=0)
    row = of_certificate(windows)
    assert (row.verdict, row.key_file_path, row.reason) == ("usable", path, "")
    assert windows.evidence.key_files[0].row.name_matches


def test_a_key_of_cng_under_another_hash_is_known_by_the_name_in_it() -> None:
    windows = windows_of(1252)
    path = cng_container(windows, "İSTANBUL", "ab" * 16)
    windows.certificate("AA", KEY, "İSTANBUL", provider=CNG, key_spec=0)
    row = of_certificate(windows)
    assert (row.verdict, row.key_file, row.key_file_path) == ("unknown", "present", path)
    assert (row.private_key, row.reason) == ("proved", undecided("İSTANBUL"))
