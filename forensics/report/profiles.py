"""What reports call users' profiles without their Windows, and what is true of Windows where there are only those."""

from __future__ import annotations

from forensics.case_tables import CaseTables
from forensics.language import message, sentence
from forensics.report.accounted import has_several_disks
from forensics.report.named import named
from forensics.tables.machine import MachineRow

MOST_USERS = 2
"""Display: users whose profiles a headline names; the others it counts."""
IN_A_SESSION = message("Commands are for a session of the user with this profile.")
"""Where the commands of findings about profiles alone belong."""
MOST_GUIDS = 3
"""Display: computers that one sentence names by their MachineGuid."""


def is_profile(machine: MachineRow) -> bool:
    """Tell whether an installation is profiles alone."""
    return machine.kind == "profile"


def profile_name(machine: MachineRow, with_sids: bool = False) -> str:
    """Return what to call profiles alone: after their users.

    Args:
        machine: Their row.
        with_sids: Name the SIDs too.
    """
    users = machine.profiles_of if with_sids else [_name(user) for user in machine.profiles_of]
    if not users:
        return sentence("profiles of nobody")
    if len(users) == 1:
        return sentence("profile of {user}", user=users[0])
    if len(users) == MOST_USERS:
        return sentence("profiles of {one} and {other}", one=users[0], other=users[1])
    return sentence("profiles of {users}", users=named(users, MOST_USERS))


def introduced_profile(machine: MachineRow, with_sids: bool = True) -> str:
    """Say what profiles alone are: whose, and that their Windows was not there to see."""
    profiles = profile_name(machine, with_sids)
    if len(machine.profiles_of) < 2:
        return sentence("{profiles}, without the Windows it belongs to", profiles=profiles)
    return sentence("{profiles}, without the Windows they belong to", profiles=profiles)


def computers_of(machine: MachineRow) -> str:
    """Say which computers made the keys of profiles alone; empty where no name of a key file tells."""
    guids = machine.key_guids
    if not guids:
        return ""
    is_one = len(machine.profiles_of) == 1
    if len(guids) == 1 and is_one:
        return sentence(
            "Its key files are named for MachineGuid {guid}: that of the computer on which they were made.",
            guid=guids[0],
        )
    if len(guids) == 1:
        return sentence(
            "Their key files are named for MachineGuid {guid}: that of the computer on which they were made.",
            guid=guids[0],
        )
    names = named(guids, MOST_GUIDS)
    if is_one:
        return sentence(
            "Its key files are named for {count} MachineGuids, of the computers on which they were made: {guids}.",
            count=len(guids),
            guids=names,
        )
    return sentence(
        "Their key files are named for {count} MachineGuids, of the computers on which they were made: {guids}.",
        count=len(guids),
        guids=names,
    )


def has_profiles(case: CaseTables) -> bool:
    """Tell whether there are profiles alone in a case: of those no Windows is on the disk."""
    return any(map(is_profile, case.rows("machine")))


def windows_of(case: CaseTables) -> str:
    """Return what to call the Windows that opens keys: of profiles alone it is not on this disk."""
    if has_profiles(case):
        return "Windows"
    return sentence("its own Windows") if has_several_disks(case.sources) else sentence("Windows on this disk")


def owner_of_stores(case: CaseTables) -> str:
    """Return whose certificate stores are looked into first: a computer's, or those of the user of a profile alone."""
    if only_profiles(case):
        return sentence("user")
    return sentence("computer or the user") if has_profiles(case) else sentence("computer")


def only_profiles(case: CaseTables) -> bool:
    """Tell whether there is nothing in a case but profiles alone: no service, and nothing of a computer, was seen."""
    machines: list[MachineRow] = case.rows("machine")
    return bool(machines) and all(map(is_profile, machines)) and not case.rows("vm")


def _name(user: str) -> str:
    name, bracket, sid = user.rpartition(" (")
    return name if bracket and "S-1-" in sid else user
