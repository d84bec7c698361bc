"""Whether Remote Desktop takes connections, and where its listener has its certificate from."""

from __future__ import annotations

from dataclasses import replace

from forensics.facts.tables import Tables
from forensics.tables.event import PackageRow
from forensics.tables.machine import MachineRow, ServiceRow
from forensics.tables.use import PolicyRow

_DISABLED = 4
# KB4012219 and the monthly rollups after it; those without a number are known by their revision.
_ROLLUPS = frozenset(
    f"KB{number}"
    for number in (4012219, 4015550, 4019215, 4022726, 4025336, 4034681, 4038792, 4041693, 4048958, 4054519, 4056895)
)
_BUILD = 9600
_SURE_REVISION, _FIRST_REVISION = 18700, 18600


def remote_desktop(row: MachineRow, tables: Tables) -> MachineRow:
    """Return a machine with the facts of its Remote Desktop.

    Args:
        row: The machine.
        tables: All rows.
    """
    policies = tables.of(PolicyRow, row.machine_id)
    return replace(
        row,
        rdp_on=_takes_connections(policies, tables.of(ServiceRow, row.machine_id)),
        rdp_template=_value(policies, "rdp_policy", "CertTemplateName") or None,
        rdp_cng_update=_has_update(tables.of(PackageRow, row.machine_id)),
    )


def _value(policies: list[PolicyRow], area: str, name: str) -> str | None:
    return max((p.value for p in policies if p.area == area and p.name == name), default=None)


def _takes_connections(policies: list[PolicyRow], services: list[ServiceRow]) -> bool | None:
    if any(service.name == "TermService" and service.start == _DISABLED for service in services):
        return False
    denied = _value(policies, "rdp_policy", "fDenyTSConnections")
    if denied is None:
        denied = _value(policies, "rdp", "fDenyTSConnections")
    return {"0": True, "1": False}.get(denied or "")


def _has_update(packages: list[PackageRow]) -> bool | None:
    """Tell whether a rollup with the change is installed; one whose revision is not certain leaves it open."""
    if any(package.installed and _has_change(package) for package in packages):
        return True
    return None if not packages or any(map(_may_have_change, packages)) else False


def _has_change(package: PackageRow) -> bool:
    revision = package.revision or 0
    return package.kb in _ROLLUPS or (package.build == _BUILD and revision >= _SURE_REVISION)


def _may_have_change(package: PackageRow) -> bool:
    return package.build == _BUILD and (package.revision or 0) >= _FIRST_REVISION
