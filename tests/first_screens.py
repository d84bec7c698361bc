"""First screens that are kept word for word, in ``report/first_screen/screens`` and, of the sample disk, in the README.

``python -m tests.first_screens`` writes them anew: read what changed before it is committed.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import forensics
from testdata.builder.ordinary import directory
from tests.examined import examined
from tests.ordinary import of_role
from tests.paths import PROJECT

COLUMNS, LINES = 80, 25
"""Of a terminal."""
SCREENS = PROJECT / "tests" / "report" / "first_screen" / "screens"

CASES: dict[str, Callable[[], forensics.Case]] = {
    "healthy": lambda: examined("healthy"),
    "sample": lambda: examined("sample"),
    "web-server": lambda: examined("web-server"),
    "server-roles": lambda: examined("server-roles"),
    "hyperv-source": lambda: examined("hyperv-source"),
    "hyperv-target": lambda: examined("hyperv-target"),
    "laptop": lambda: examined("laptop"),
    "two-windows": lambda: examined("two-windows"),
    "member": lambda: of_role(directory.file_server, False)[1],
    "member-faulty": lambda: of_role(directory.file_server, True)[1],
    "authority-faulty": lambda: of_role(directory.issuing_authority, True)[1],
}
"""What is examined, by name of its screen."""


def screen(case: forensics.Case) -> str:
    """Return what a terminal of 80 columns shows first."""
    return forensics.render(case, "screen", width=COLUMNS)


def height(text: str) -> int:
    """Return the lines of a terminal that a text fills."""
    return sum(max(1, -(-len(line) // COLUMNS)) for line in text.splitlines())


IN_README = re.compile(r"(?<=```text\n)keymortem .*?(?=```)", re.DOTALL)
README = PROJECT / "README.md"

if __name__ == "__main__":
    for name, case in CASES.items():
        (SCREENS / f"{name}.txt").write_text(screen(case()), encoding="utf-8")
    sample = screen(examined("sample"))
    README.write_text(IN_README.sub(lambda _: sample, README.read_text(encoding="utf-8")), encoding="utf-8")
