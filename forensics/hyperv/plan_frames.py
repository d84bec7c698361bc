"""What must go with virtual machines from one Hyper-V host to another, from the cases of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from forensics.case_tables import CaseTables
from forensics.hyperv import migration as chain
from forensics.hyperv.operations import OPERATIONS
from forensics.tables.row import Row

if TYPE_CHECKING:
    import pandas as pd


class MigrationPlan:
    """What :func:`plan_migration` returns; a notebook shows it as text, steps and commands included.

    Attributes:
        plan: The plan itself, rows and all.
    """

    def __init__(self, plan: chain.Migration) -> None:
        self.plan = plan

    def __repr__(self) -> str:
        from forensics.hyperv.plan_text import render_migration

        return render_migration(self.plan)

    @property
    def has_obstacles(self) -> bool:
        """Something does not work as it is, or could not be told."""
        from forensics.hyperv.plan_text import has_obstacles

        return has_obstacles(self.plan)

    @property
    def operations(self) -> pd.DataFrame:
        """What becomes of each operation with each virtual machine, those with a virtual TPM first.

        Columns ``vm``, ``is_checkpoint``, ``operation``, ``result``, ``because``, ``certainty``, ``source``.
        """
        import pandas as pd

        rows = [
            (vm.name, vm.vm.is_checkpoint, a.operation, a.result, a.because, a.certainty, a.source)
            for vm in self.plan.vms
            for a in vm.answers
        ]
        names = ["vm", "is_checkpoint", "operation", "result", "because", "certainty", "source"]
        categories = {
            "operation": pd.CategoricalDtype(list(OPERATIONS)),
            "result": pd.CategoricalDtype(["works", "unknown", "likely fails", "fails"]),
        }
        return pd.DataFrame(rows, columns=names).astype(categories)

    @property
    def certificates(self) -> pd.DataFrame:
        """The guardians' certificates that the target needs with their private keys, and what each host has of them.

        Columns ``thumbprint``, ``role``, ``guardian``, ``host``, ``not_after``, ``needed_by`` (list of names),
        ``on_source``, ``exportable``, ``on_target``.
        """
        import pandas as pd

        names = ["thumbprint", "role", "guardian", "host", "not_after", "needed_by"]
        names += ["on_source", "exportable", "on_target"]
        rows: list[list[Any]] = [[getattr(t, name) for name in names] for t in self.plan.transfers]
        frame = pd.DataFrame(rows, columns=names).astype({"not_after": "datetime64[us, UTC]"})
        frame["needed_by"] = [list(cell) for cell in frame["needed_by"]]
        return frame


def plan_migration(source: CaseTables | None, target: CaseTables, exports: CaseTables | None = None) -> MigrationPlan:
    """Tell which virtual machines would start on another Hyper-V host, and what must be carried there first.

    Args:
        source: The case of the host that is left; None when only exports are moved.
        target: The case of the host that is moved to; its ``as_of`` is what "expired" refers to.
        exports: The case of exported virtual machines.

    Returns:
        The plan.

    Raises:
        ValueError: The target holds no Windows, or a case holds several hosts.
    """
    return MigrationPlan(chain.plan_migration(_rows(source), _rows(target), _rows(exports), target.as_of))


def _rows(case: CaseTables | None) -> list[Row]:
    return [row for table in case.tables.values() for row in table] if case is not None else []
