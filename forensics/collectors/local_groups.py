"""Who is a member of which local group, as SAM says."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import field

from forensics.collectors.guard import guard
from forensics.collectors.registry_view import RegistryView
from forensics.formats.sam_alias import parse_alias_members
from forensics.late_methods import dataclass
from forensics.sources.installation import Installation

MAX_GROUPS = 2_000
"""Evidence: local groups of one kind: Windows makes some thirty, programs and administrators a few."""
_BUILTIN = "SAM\\Domains\\Builtin\\Aliases"
_ACCOUNT = "SAM\\Domains\\Account\\Aliases"
_POLICIES = "Microsoft\\Windows\\CurrentVersion\\Policies\\System"


@dataclass(frozen=True, slots=True)
class LocalGroups:
    """The local groups of one machine.

    Attributes:
        members: SIDs of the members of each group, by the SID of the group.
        unread: Groups whose members could not be read.
        are_all: Every local group is in one of the two: another SID of this machine is no group.
        filters_administrators: Until they elevate, administrators hold their group deny-only (EnableLUA is not 0).
        filters_built_in: So does the built-in Administrator, RID 500 (FilterAdministratorToken is 1).
    """

    members: dict[str, frozenset[str]] = field(default_factory=dict)
    unread: frozenset[str] = frozenset()
    are_all: bool = False
    filters_administrators: bool = True
    filters_built_in: bool = False

    def of(self, sids: frozenset[str]) -> frozenset[str]:
        """Return the groups that hold one of these SIDs, by way of other groups too."""
        groups_of: dict[str, list[str]] = defaultdict(list)
        for group, members in self.members.items():
            for member in members:
                groups_of[member].append(group)
        found: set[str] = set()
        to_follow = list(sids)
        while to_follow:
            more = {group for group in groups_of.get(to_follow.pop(), ()) if group not in found}
            found |= more
            to_follow += more
        return frozenset(found)


def collect_local_groups(installation: Installation, machine_sid: str | None) -> LocalGroups:
    """Read the aliases of SAM; on a domain controller they are those of its repair mode and say nothing, so none."""
    sam = RegistryView.of_machine(installation, "SAM")
    members: dict[str, frozenset[str]] = {}
    unread: set[str] = set()
    software = RegistryView.of_machine(installation, "SOFTWARE")
    filters = software.number(_POLICIES, "EnableLUA") != 0
    built_in = software.number(_POLICIES, "FilterAdministratorToken") == 1
    if _is_domain_controller(installation):
        return LocalGroups(filters_administrators=filters, filters_built_in=built_in)
    for path, prefix in ((_BUILTIN, "S-1-5-32"), (_ACCOUNT, machine_sid)):
        for key in sam.subkeys(path, MAX_GROUPS):
            try:
                rid = int(key.name, 16)
            except ValueError:
                continue  # Members and Names: the same by other names
            data = sam.data(key, "C")
            if prefix is None or data is None:
                continue
            sid = f"{prefix}-{rid}"
            unread.add(sid)
            with guard(installation, sam.where(key, "C")):
                members[sid] = frozenset(parse_alias_members(data))
                unread.discard(sid)
    whole = sam.saw(_BUILTIN).is_whole and sam.saw(_ACCOUNT).is_whole and machine_sid is not None
    are_all = whole and sam.key(_BUILTIN) is not None
    return LocalGroups(members, frozenset(unread), are_all, filters, built_in)


def _is_domain_controller(installation: Installation) -> bool:
    system = RegistryView.of_machine(installation, "SYSTEM")
    product = system.text(f"{installation.control_set()}\\Control\\ProductOptions", "ProductType")
    return (product or "").lower() == "lanmannt"
