"""Two cases compared, as a notebook shows it: the text of ``keymortem compare``, and data frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forensics.case_tables import CaseTables
from forensics.comparison import compare as compared
from forensics.comparison.render import render_comparison, told

if TYPE_CHECKING:
    import pandas as pd

_FATES = ["died", "gone", "undecided now", "decided now", "revived", "new"]


class Comparison(compared.ComparedCases):
    """What :func:`compare` returns."""

    __slots__ = ()

    def __repr__(self) -> str:
        return render_comparison(self)

    @property
    def keys(self) -> pd.DataFrame:
        """What became of each private key, one row each.

        Columns ``machine`` (name after), ``fate`` (categorical), ``subject``, ``container``, ``thumbprint``,
        ``verdict_before``, ``verdict_after``, ``broken_at``, ``recoverable``, ``cause``, ``also`` (list of texts),
        ``known_by``.
        """
        import pandas as pd

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
            }
            for machine in self.machines
            for key in machine.keys
            if (chain := key.after or key.before) is not None
        ]
        names = ["machine", "fate", "subject", "container", "thumbprint", "verdict_before", "verdict_after"]
        names += ["broken_at", "recoverable", "cause", "also", "known_by"]
        types = dict.fromkeys(names, "string") | {"recoverable": "boolean", "also": "object"}
        return pd.DataFrame(rows, columns=names).astype(types | {"fate": pd.CategoricalDtype(_FATES)})

    @property
    def differences(self) -> pd.DataFrame:
        """What differs, one row each: ``machine``, ``table``, ``change`` (added, removed, changed), ``text``."""
        import pandas as pd

        names = ["machine", "table", "change", "text"]
        rows = [
            (machine.after.computer_name if machine.after else None, d.table, d.change, line)
            for machine in self.machines
            for d in machine.differences
            for line in told(d)
        ]
        return pd.DataFrame(rows, columns=names).astype("string")


def compare(before: CaseTables, after: CaseTables) -> Comparison:
    """Tell what changed between two examinations of a machine, and which keys died of it.

    Machines belong together by machine SID and name, by either of them, or because each case holds but one.

    Args:
        before: The earlier one.
        after: The later one.
    """
    found = compared.compare(before, after)
    return Comparison(found.before, found.after, found.machines)
