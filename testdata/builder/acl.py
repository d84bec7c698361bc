"""Self-relative NT security descriptors from short lists.

References: [MS-DTYP] 2.4.6.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from testdata.builder.sid import sid_bytes

SYSTEM = "S-1-5-18"
LOCAL_SERVICE = "S-1-5-19"
NETWORK_SERVICE = "S-1-5-20"
ADMINISTRATORS = "S-1-5-32-544"
USERS = "S-1-5-32-545"
EVERYONE = "S-1-1-0"
AUTHENTICATED_USERS = "S-1-5-11"
TRUSTED_INSTALLER = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"

FULL = 0x001F01FF
READ = 0x00120089
READ_ATTRIBUTES = 0x00100080
MODIFY = 0x001301BF

OBJECT_INHERIT = 0x01
CONTAINER_INHERIT = 0x02
NO_PROPAGATE = 0x04
INHERIT_ONLY = 0x08
INHERITED = 0x10

ALLOW, DENY = 0, 1


@dataclass(frozen=True, slots=True)
class Ace:
    """One entry of a DACL."""

    sid: str
    mask: int = FULL
    type: int = ALLOW
    flags: int = 0


def security_descriptor(
    dacl: list[Ace] | None, *, owner: str = SYSTEM, group: str = SYSTEM, null_dacl: bool = False
) -> bytes:
    """Build a descriptor.

    Args:
        dacl: Entries in order; an empty list shuts everyone out; None says nothing about access.
        owner: Owner SID.
        group: Group SID.
        null_dacl: A DACL that is declared present and is not there: everyone may do everything.
    """
    owner_data, group_data = sid_bytes(owner), sid_bytes(group)
    acl = b""
    if dacl is not None and not null_dacl:
        aces = b"".join(
            struct.pack("<BBHI", a.type, a.flags, 8 + len(sid_bytes(a.sid)), a.mask) + sid_bytes(a.sid) for a in dacl
        )
        acl = struct.pack("<BBHHH", 2, 0, 8 + len(aces), len(dacl), 0) + aces
    control = 0x8000 | (0x0004 if acl or null_dacl else 0)
    acl_at = 20 if acl else 0
    owner_at = 20 + len(acl)
    group_at = owner_at + len(owner_data)
    return struct.pack("<BBHIIII", 1, 0, control, owner_at, group_at, 0, acl_at) + acl + owner_data + group_data


DEFAULT_SD = security_descriptor([Ace(SYSTEM), Ace(ADMINISTRATORS), Ace(USERS, 0x001200A9)], owner=SYSTEM)
"""Ordinary files and folders: SYSTEM and Administrators full, Users read."""

KEY_FILE_SD = security_descriptor([Ace(SYSTEM), Ace(ADMINISTRATORS)])
"""Key files: SYSTEM and Administrators full."""

RDP_KEY_SD = security_descriptor([Ace(SYSTEM), Ace(ADMINISTRATORS), Ace(NETWORK_SERVICE, READ)])
"""The Remote Desktop listener's key: NETWORK SERVICE reads it too."""


def owner_file_sd(sid: str) -> bytes:
    """Return the descriptor of a user's or service account's own file."""
    return security_descriptor([Ace(SYSTEM), Ace(ADMINISTRATORS), Ace(sid)], owner=sid, group=sid)
