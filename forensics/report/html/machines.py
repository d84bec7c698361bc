"""The installations at the head of the page: what each is, and where it was found."""

from __future__ import annotations

from forensics.case_tables import CaseTables
from forensics.language import _, standing, told
from forensics.late_methods import dataclass
from forensics.report.facts import Facts
from forensics.report.profiles import computers_of, introduced_profile, is_profile, profile_name
from forensics.tables.machine import MachineRow


@dataclass(frozen=True, slots=True)
class MachineView:
    """One installation.

    Attributes:
        name: Its name, for the title of the page; empty where it has none.
        called: What it is called.
        what: Which Windows it is; of profiles alone which computers made their keys.
        domain: Its domain; empty where it has none.
        machine_guid: MachineGuid; empty where it is not known, or told already.
        place: Where it was found.
    """

    name: str
    called: str
    what: str
    domain: str
    machine_guid: str
    place: str


def machine_views(case: CaseTables, facts: Facts) -> list[MachineView]:
    """Return the installations of a case in its order."""
    return [_view(machine, facts.place(machine.machine_id)) for machine in case.rows("machine")]


def name_of(machine: MachineRow) -> str:
    """Return what a sentence calls an installation."""
    if is_profile(machine):
        return told(profile_name(machine))
    return machine.computer_name or _("a Windows without a name")


def _view(machine: MachineRow, place: str) -> MachineView:
    if is_profile(machine):
        called = told(standing(introduced_profile(machine)))
        return MachineView(name_of(machine), called, told(computers_of(machine)), "", "", place)
    build = f" {_('build {build}', build=machine.build)}" if machine.build else ""
    update = f".{machine.ubr}" if machine.build and machine.ubr is not None else ""
    return MachineView(
        machine.computer_name or "",
        name_of(machine),
        f"{machine.product_name or _('Windows (product name not read)')}{build}{update}",
        machine.domain_name or "",
        machine.machine_guid or "",
        place,
    )
