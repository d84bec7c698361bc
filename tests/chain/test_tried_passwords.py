"""What a tried password leaves open of a user's key."""

from __future__ import annotations

import pytest

from forensics.chain.credhist_told import History, told_history
from forensics.chain.tried_passwords import TriedPasswords, doubt_of, doubt_of_entra
from forensics.tables.secrets import GivenPassword, OpenedWith, UnlockedBy


@pytest.mark.parametrize(
    ("by", "password", "says"),
    [
        ("nothing", "todays", "the password given is today's (it fits SAM); likely the master key is from before"),
        ("nothing", "unknown", "it is wrong, or likely it is today's password"),
        ("nothing", "another", "the password given is neither today's in SAM nor that of the master key"),
        ("password", "another", "the password given opens the key, and is not today's in SAM: likely it was reset"),
    ],
)
def test_what_is_left_open(by: UnlockedBy, password: GivenPassword, says: str) -> None:
    assert says in (doubt_of(by, TriedPasswords(password)) or "")


@pytest.mark.parametrize(
    ("by", "password"),
    [
        ("password", "todays"),
        ("password", "unknown"),
        ("nothing", "none"),
        ("domain_key", "another"),
        ("not_tried", "none"),
    ],
)
def test_nothing_is_left_open(by: UnlockedBy, password: GivenPassword) -> None:
    assert doubt_of(by, TriedPasswords(password)) is None


@pytest.mark.parametrize("by", ["nothing", "not_tried"])
def test_an_entra_accounts_master_key_waits_for_no_password(by: UnlockedBy) -> None:
    said = doubt_of_entra("S-1-12-1-1111-2222-3333-4444", by)
    assert said is not None
    assert "likely it hangs on a secret that Windows has from Entra ID (CloudAP)" in said
    assert "neither a password nor the backup key of a domain opens it" in said


def test_other_accounts_and_opened_keys_have_no_such_doubt() -> None:
    assert doubt_of_entra("S-1-12-1-1111-2222-3333-4444", "password") is None
    assert doubt_of_entra("S-1-5-21-12-1-1-1001", "nothing") is None
    assert doubt_of_entra("S-1-12-2-1-1", "nothing") is None
    assert doubt_of_entra(None, "nothing") is None


@pytest.mark.parametrize(
    ("opened_with", "says"),
    [
        ("given_password", "the password given opens the key, and is not today's in SAM: likely it was reset since"),
        (
            "credhist",
            "a password older than the one given, to which CREDHIST leads, opens the key; the one given is not",
        ),
        ("empty_password", "the empty password opens the key, and is not today's in SAM"),
        ("tbal", "the password that Windows kept to sign its user on after a restart (TBAL) opens the key, and is not"),
    ],
)
def test_what_opened_it_is_named(opened_with: OpenedWith, says: str) -> None:
    assert (doubt_of("password", TriedPasswords("another", opened_with)) or "").startswith(says)


def test_windows_is_led_to_the_password_of_then_by_credhist_only() -> None:
    may = doubt_of("password", TriedPasswords("another", "given_password", History("present", "x", 2, 0)))
    may_not = doubt_of("password", TriedPasswords("another", "given_password", History("absent", "x")))
    assert (may or "").endswith("has that password again, or where CREDHIST leads to it")
    assert (may_not or "").endswith("again; CREDHIST, which could lead to it, is not on this disk")


def test_the_key_of_a_microsoft_account_is_likely_no_matter_of_the_password() -> None:
    said = doubt_of("nothing", TriedPasswords("todays", signs_in_online=True)) or ""
    assert said.startswith("the password given is today's (it fits SAM); the account signs in as a Microsoft account")
    assert "likely the master key hangs on a secret that Windows has from there (CloudAP)" in said


@pytest.mark.parametrize("opened_with", ["empty_password", "tbal"])
def test_what_nobody_gave_may_not_be_todays(opened_with: OpenedWith) -> None:
    said = doubt_of("password", TriedPasswords("unknown", opened_with)) or ""
    assert said.endswith("opens the key, and whether it is today's is not known: SAM does not tell")
    assert doubt_of("password", TriedPasswords("todays", opened_with)) is None


FILE = "the file CREDHIST"


@pytest.mark.parametrize(
    ("history", "says"),
    [
        (History("absent", "x"), "CREDHIST, the history of older passwords, is not on this disk"),
        (History("not_examined", "x", why="not in this source"), "older passwords, was not read: not in this source"),
        (History("unreadable", "x"), "older passwords, is damaged"),
        (History("present", "x", 0, 0), f"{FILE} holds no older password"),
        (History("present", "x", 1, 0), f"{FILE} holds 1 older password, and nothing known here opens it; it leads"),
        (History("partial", "x", 3, 0), "holds 3 older passwords that can be read, and nothing known here opens it"),
        (
            History("present", "x", 3, 3),
            "older passwords, which what is known here opens, and none is that of the key",
        ),
        (History("present", "x", 3), "holds 3 older passwords, which were not all tried, since that costs too much"),
        (History("present", "x", 3, 1), "of which what is known here opens 1: none is that of the key"),
    ],
)
def test_what_credhist_gave(history: History, says: str) -> None:
    assert says in told_history(history)
