"""Who may read a key file: one walk of its access list for everything that asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from forensics.formats.access_check import (
    AUTHENTICATED_USERS,
    EVERYONE,
    NETWORK_SERVICE,
    SYSTEM,
    USERS,
    Right,
    Token,
    allowed_sids,
    is_granted,
)
from forensics.formats.acl import SecurityDescriptor
from forensics.formats.shut_out import Reader
from forensics.tables.key_chain import Access


def _is_none(_sid: str) -> bool:
    return False


_CROWDS = tuple(map(Token.of, ({EVERYONE}, {AUTHENTICATED_USERS, EVERYONE}, {USERS, AUTHENTICATED_USERS, EVERYONE})))
_NAMES = {SYSTEM: "SYSTEM", NETWORK_SERVICE: "NETWORK SERVICE"}


def may_read(
    security: SecurityDescriptor, tokens: Iterable[Token], is_group_elsewhere: Callable[[str], bool] = _is_none
) -> bool | None:
    """Tell whether an account may read a file; None where that rests on memberships that are not on the disk.

    Args:
        security: The file's descriptor.
        tokens: The tokens with which the account may come: where they are not treated alike, that is open as well.
        is_group_elsewhere: Tells of a SID whether it may be a group whose members are not on the disk: a list that
            admits nobody else leaves open whom it lets in, whoever asks.
    """
    if security.dacl is None:
        # A descriptor without a DACL, and one whose DACL is NULL, allow full access to everyone.
        return True
    admitted = allowed_sids(security.dacl, Right.READ_DATA)
    if admitted and all(map(is_group_elsewhere, admitted)):
        tokens = [replace(token, may_hold=_either(token.may_hold, is_group_elsewhere)) for token in tokens]
    answers = {is_granted(security.dacl, token, Right.READ_DATA, security.owner) for token in tokens}
    return answers.pop() if len(answers) == 1 else None


def _either(one: Callable[[str], bool], other: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda sid: one(sid) or other(sid)


def judge_access(
    security: SecurityDescriptor | None,
    readers: Sequence[Reader],
    is_group_elsewhere: Callable[[str], bool] = _is_none,
) -> tuple[Access, str | None]:
    """Judge the ``access`` column.

    Args:
        security: The file's descriptor; None when the source holds none.
        readers: Who must be able to read.
        is_group_elsewhere: As in :func:`may_read`.

    Returns:
        Value of the column, and the SID that it speaks of: that is shut out, or of which it is not known.
    """
    if security is None:
        return "not_examined", None
    answers = [(may_read(security, tokens, is_group_elsewhere), sid) for sid, tokens in readers]
    for answer, sid in answers:
        if answer is False:
            return "denied", sid
    for answer, sid in answers:
        if answer is None:
            return "not_examined", sid
    if security.dacl is None or any(is_granted(security.dacl, crowd, Right.READ_DATA) for crowd in _CROWDS):
        return "too_open", None
    return "ok", None


def account_name(sid: str) -> str:
    """Return a SID with the name that it has on every Windows."""
    return f"{_NAMES[sid]} ({sid})" if sid in _NAMES else sid
