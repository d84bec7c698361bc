"""Runbooks that are kept word for word, in ``report/runbook/scripts``.

``python -m tests.runbooks`` writes them anew: read what changed before it is committed.
"""

from __future__ import annotations

from collections.abc import Callable

import forensics
from testdata.builder.ordinary import gateways
from tests.examined import examined
from tests.ordinary import of_role
from tests.paths import PROJECT

SCRIPTS = PROJECT / "tests" / "report" / "runbook" / "scripts"

CASES: dict[str, Callable[[], forensics.Case]] = {
    "sample": lambda: examined("sample"),
    "web-server": lambda: examined("web-server"),
    "server-roles": lambda: examined("server-roles"),
    "hyperv-target": lambda: examined("hyperv-target"),
    "keyiso-disabled": lambda: examined("keyiso-disabled"),
    "rdp-2012-r2": lambda: examined("rdp-2012-r2"),
    "vpn-server": lambda: of_role(gateways.vpn_server, True)[1],
}
"""What is examined, by name of its script."""


def runbook(case: forensics.Case) -> str:
    """Return the script of a case."""
    return forensics.render(case, "runbook")


if __name__ == "__main__":
    for name, case in CASES.items():
        (SCRIPTS / f"{name}.ps1").write_text(runbook(case()), encoding="utf-8", newline="")
