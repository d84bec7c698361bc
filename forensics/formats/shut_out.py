"""What shuts accounts out of a file or folder, so that a reader knows what to take from its list and what to add.

References:
    https://learn.microsoft.com/windows-server/administration/windows-commands/icacls
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field

from forensics.formats.access_check import Right, Token, denials, is_granted
from forensics.formats.acl import INHERITED, SecurityDescriptor
from forensics.late_methods import dataclass

Reader = tuple[str, Sequence[Token]]
"""SID of an account that must have a right, and the tokens with which it may come."""


@dataclass(frozen=True, slots=True)
class ShutOut:
    """What an access list has against the accounts that it shuts out.

    Attributes:
        denied_by: SIDs of the entries that deny it to them, in their order.
        denial_inherited: One of these entries comes from the folder above.
        not_granted: SIDs of the accounts to whom no entry gives the right, were the denials gone.
    """

    denied_by: list[str] = field(default_factory=list)
    denial_inherited: bool = False
    not_granted: list[str] = field(default_factory=list)


def what_shuts_out(
    security: SecurityDescriptor | None, readers: Iterable[Reader], right: Right = Right.READ_DATA
) -> ShutOut:
    """Return what shuts accounts out of a file or folder: of those that have the right, nothing.

    Args:
        security: Its descriptor; None when the source holds none.
        readers: The accounts that must have the right.
        right: The right.
    """
    if security is None or security.dacl is None:
        return ShutOut()
    dacl, owner = security.dacl, security.owner
    entries, not_granted = [], []
    for sid, tokens in readers:
        for token in tokens:
            if is_granted(dacl, token, right, owner) is not False:
                continue
            against = denials(dacl, token, right, owner)
            entries += against
            if is_granted([ace for ace in dacl if ace not in against], token, right, owner) is False:
                not_granted.append(sid)
    return ShutOut(
        list(dict.fromkeys(ace.sid for ace in entries)),
        any(ace.flags & INHERITED for ace in entries),
        list(dict.fromkeys(not_granted)),
    )
