"""The plan of a migration as pandas data frames."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from forensics.hyperv.migration import VmPlan
from forensics.hyperv.operations import OPERATIONS
from forensics.hyperv.transfers import Transfer


def operations_frame(vms: Iterable[VmPlan]) -> pd.DataFrame:
    """Return what becomes of each operation with each virtual machine, one row each."""
    rows = [
        (vm.name, vm.vm.is_checkpoint, a.operation, a.result, a.because, a.certainty, a.source)
        for vm in vms
        for a in vm.answers
    ]
    names = ["vm", "is_checkpoint", "operation", "result", "because", "certainty", "source"]
    categories = {
        "operation": pd.CategoricalDtype(list(OPERATIONS)),
        "result": pd.CategoricalDtype(["works", "unknown", "likely fails", "fails"]),
    }
    return pd.DataFrame(rows, columns=names).astype(categories)


def certificates_frame(transfers: Iterable[Transfer]) -> pd.DataFrame:
    """Return the certificates that must be carried, one row each."""
    names = ["thumbprint", "role", "guardian", "host", "not_after", "needed_by"]
    names += ["on_source", "exportable", "on_target"]
    rows: list[list[Any]] = [[getattr(t, name) for name in names] for t in transfers]
    frame = pd.DataFrame(rows, columns=names).astype({"not_after": "datetime64[us, UTC]"})
    frame["needed_by"] = [list(cell) for cell in frame["needed_by"]]
    return frame
