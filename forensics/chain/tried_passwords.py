"""What is known of a user's passwords after a master key was tried with them, and what that leaves open."""

from __future__ import annotations

from forensics.chain.credhist_told import History, told_history
from forensics.language import joined, sentence
from forensics.late_methods import dataclass
from forensics.tables.secrets import GivenPassword, HeldSecret, OpenedWith, UnlockedBy

_ENTRA = "S-1-12-1-"
_OPENED: dict[OpenedWith | None, str] = {
    "credhist": sentence("a password older than the one given, to which CREDHIST leads, opens the key; the one given"),
    "empty_password": sentence("the empty password opens the key, and"),
    "tbal": sentence("the password that Windows kept to sign its user on after a restart (TBAL) opens the key, and"),
}
_UNASKED = ("empty_password", "tbal")
_GIVEN_OPENED = sentence("the password given opens the key, and")


@dataclass(frozen=True, slots=True)
class TriedPasswords:
    """What came of a user's passwords.

    Attributes:
        given: Whether the password that opened the key, or any that was given for its user, is that in SAM today.
        opened_with: Which of his secrets opened it.
        history: What his file CREDHIST gave.
        signs_in_online: The account signs in as a Microsoft account.
        only_hash: Only an NT hash was given, and the key hangs on SHA-1 of the password.
        held: What the disk holds of them.
    """

    given: GivenPassword = "none"
    opened_with: OpenedWith | None = None
    history: History | None = None
    signs_in_online: bool = False
    only_hash: bool = False
    held: tuple[HeldSecret, ...] = ()


def doubt_of_entra(owner_sid: str | None, by: UnlockedBy) -> str | None:
    """Say why what an examiner can bring does not open a master key of an Entra account; None for other accounts."""
    if owner_sid is None or not owner_sid.startswith(_ENTRA) or by not in ("nothing", "not_tried"):
        return None
    return sentence(
        "the master key is that of an Entra account: likely it hangs on a secret that Windows has "
        "from Entra ID (CloudAP), and neither a password nor the backup key of a domain opens it"
    )


def doubt_of(by: UnlockedBy, tried: TriedPasswords) -> str | None:
    """Say what an opening of a user's master key leaves open, as far as the given password shows it."""
    if by == "password" and tried.given == "another" and tried.signs_in_online:
        return sentence(
            "{opened} is not the one in SAM. The account signs in as a Microsoft account, of which SAM "
            "holds today's password only where Windows saw it: whether it is today's is not known",
            opened=_OPENED.get(tried.opened_with, _GIVEN_OPENED),
        )
    if by == "password" and tried.given == "another":
        opened = _OPENED.get(tried.opened_with, _GIVEN_OPENED)
        if tried.history is None or tried.history.state != "absent":
            return sentence(
                "{opened} is not today's in SAM: likely it was reset since, and Windows opens the key again only when "
                "the user has that password again, or where CREDHIST leads to it",
                opened=opened,
            )
        return sentence(
            "{opened} is not today's in SAM: likely it was reset since, and Windows opens the key again only when the "
            "user has that password again; CREDHIST, which could lead to it, is not on this disk",
            opened=opened,
        )
    if by == "password" and tried.given == "unknown" and tried.opened_with in _UNASKED:
        return sentence(
            "{opened} whether it is today's is not known: SAM does not tell", opened=_OPENED[tried.opened_with]
        )
    if by == "nothing" and tried.only_hash:
        return sentence(
            "the NT hash given does not open the master key: as that of a local account it hangs on "
            "another hash of the password (SHA-1). Give the password"
        )
    if by != "nothing" or tried.given == "none":
        return None
    if tried.signs_in_online:
        which = (
            sentence("the password given is today's (it fits SAM)")
            if tried.given == "todays"
            else sentence("the password given does not open the master key")
        )
        return sentence(
            "{which}; the account signs in as a Microsoft account, and likely the master key hangs on a secret that "
            "Windows has from there (CloudAP), or is from before",
            which=which,
        )
    if tried.given == "another":
        return _with(sentence("the password given is neither today's in SAM nor that of the master key"), tried.history)
    older = _with(sentence("Give the older password"), tried.history)
    if tried.given == "todays":
        return sentence(
            "the password given is today's (it fits SAM); likely the master key is from before it was set. {older}",
            older=older,
        )
    if tried.given == "cached":
        return sentence(
            "the password given is that of a sign-in here (it fits the cached credentials); likely the "
            "master key is from before it was set. {older}",
            older=older,
        )
    return sentence(
        "the password given does not open the master key: it is wrong, or likely it is today's "
        "password and the master key is from before it was set. {older}",
        older=older,
    )


def _with(said: str, history: History | None) -> str:
    return said if history is None else joined([said, told_history(history)], "; ")
