"""Writes one small Windows in every form: ``python -m testdata.forms FOLDER``, each in a folder of its own.

What needs a program that is not at hand is named and left out. ``--volumes`` makes the committed volumes anew.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from testdata.forms import links, windows
from testdata.forms.page import render
from testdata.forms.refused import REFUSED
from testdata.forms.table import FORMS


def write_all(folder: Path) -> None:
    """Write every form that can be made into a folder, and say which of its files is to be named."""
    for name, form in FORMS.items():
        if form.lacking:
            print(f"{name}: not made for want of {form.lacking}")
            continue
        place = folder / _as_file_name(name)
        place.mkdir(parents=True)
        print(f"{name}: {form.make(place)}")
    for refused in REFUSED:
        place = folder / "not read" / _as_file_name(refused.name)
        place.mkdir(parents=True)
        print(f"not read: {refused.name}: {refused.write(place)}")


def _as_file_name(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name).strip("-")


def main() -> None:
    """Write the forms, or the volumes."""
    parser = argparse.ArgumentParser(description="Write one small Windows in every form.")
    parser.add_argument("folder", type=Path, nargs="?", help="folder to write to; it must not hold the forms yet")
    parser.add_argument("--volumes", action="store_true", help="make the committed volumes anew")
    parser.add_argument("--page", action="store_true", help="print the page of the manual")
    given = parser.parse_args()
    if given.page:
        print(render(), end="")
    if given.volumes:
        windows.make_volumes()
        links.make_volumes()
    if given.folder is not None:
        write_all(given.folder)


if __name__ == "__main__":
    main()
