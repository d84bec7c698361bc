"""keymortem: tells why a Windows private key died, and which certificate dies next.

    import forensics

    case = forensics.examine("disk.vhdx")
    case.key_chain[["subject", "verdict", "broken_at"]]     # a pandas data frame

The names below are the public API. They are loaded when first used, so that the command line starts at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from forensics.case import Case as Case
    from forensics.case import open_case as open_case
    from forensics.comparison.frames import compare as compare
    from forensics.engine.rule import RulePackError as RulePackError
    from forensics.examination import examine as examine
    from forensics.hyperv.plan_frames import plan_migration as plan_migration
    from forensics.version import __version__ as __version__

_HOMES = {
    "Case": "forensics.case",
    "RulePackError": "forensics.engine.rule",
    "open_case": "forensics.case",
    "compare": "forensics.comparison.frames",
    "examine": "forensics.examination",
    "plan_migration": "forensics.hyperv.plan_frames",
    "__version__": "forensics.version",
}

__all__ = ["Case", "RulePackError", "__version__", "compare", "examine", "open_case", "plan_migration"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'forensics' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
