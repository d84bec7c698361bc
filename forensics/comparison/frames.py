"""A comparison as pandas data frames."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from forensics.comparison.compare import MachineComparison
from forensics.comparison.render import difference_told

_FATES = ["died", "gone", "undecided now", "decided now", "revived", "new"]


def keys_frame(machines: Iterable[MachineComparison]) -> pd.DataFrame:
    """Return what became of each private key, one row each."""
    rows = [
        {
            "machine": machine.after.computer_name if machine.after else None,
            "fate": key.fate,
            "subject": chain.subject,
            "container": chain.container,
            "thumbprint": chain.thumbprint,
            "verdict_before": key.before.verdict if key.before else None,
            "verdict_after": key.after.verdict if key.after else None,
            "broken_at": key.after.broken_at if key.after else None,
            "recoverable": key.after.recoverable if key.after else None,
            "cause": key.cause,
            "also": list(key.also),
            "known_by": key.known_by,
            "lost": key.lost,
        }
        for machine in machines
        for key in machine.keys
        if (chain := key.after or key.before) is not None
    ]
    names = ["machine", "fate", "subject", "container", "thumbprint", "verdict_before", "verdict_after"]
    names += ["broken_at", "recoverable", "cause", "also", "known_by", "lost"]
    types = dict.fromkeys(names, "string") | {"recoverable": "boolean", "also": "object"}
    return pd.DataFrame(rows, columns=names).astype(types | {"fate": pd.CategoricalDtype(_FATES)})


def differences_frame(machines: Iterable[MachineComparison]) -> pd.DataFrame:
    """Return what differs, one row each."""
    names = ["machine", "table", "change", "text"]
    rows = [
        (machine.after.computer_name if machine.after else None, d.table, d.change, line)
        for machine in machines
        for d in machine.differences
        for line in difference_told(d)
    ]
    return pd.DataFrame(rows, columns=names).astype("string")
