"""The page of the manual that lists every form: ``python -m testdata.forms --page > docs/forms.md``."""

from __future__ import annotations

from collections.abc import Iterable

from testdata.forms import refused, table
from testdata.forms.form import Form
from testdata.forms.other_volumes import VOLUMES

_HEAD = """# Forms in which a Windows is held

This page is printed by `make docs` from the tables in `testdata/forms/`, which tests hold true: one small Windows is
put into each form, and its keys must be judged as in every other form that carries as much.
`python -m testdata.forms FOLDER` writes all of them.

## What is read

Under *carries* stands what a form holds of the machine:

- **disk**: everything, with the access lists of the key files.
- **part**: as disk; of a key that is missing it is not known whether it can be had elsewhere on the disk
  (`recoverable` is null).
- **files**: what was collected. Access lists are those of the collector, so `access` is `not_examined`; of a key that
  is missing it is not known either whether it can be had elsewhere.
- **hives**: no key file. Every chain is `unknown`.
- **exports**: as hives, without the times of registry keys.
- **profile**: what one user has, with access lists, and nothing of the machine; the user's password is given.
- **profile files**: as profile, without access lists.

*Reader* is the library that reads a form where keymortem does not do it itself; *checked against* is another program
that reads the same file in a test."""
_COST = """## What it costs

A reader is imported by the form that needs it, and by no other. A chain of three differencing disks takes at most 1.3
times the processor time of the flat disk: `python -m tests.benchmarks.chain` measured 1.02 times (1.50 s and 1.48 s) on
a disk of 127 GiB. Each byte of a nested archive is read once: `python -m tests.benchmarks.nested` counts 1.000 of the
bytes of a zip of 2 GiB, and of the tar of a disk in it, in 7 to 11 s of processor time."""
_REFUSED = """## What is not read

Each is named with what it is and the next step, when it is named itself and when it is found in a folder or archive.
What is plainly no disk is passed over in a folder."""
_VOLUMES = """### Volumes

Volumes on a disk, and files that hold one, that are not NTFS or BitLocker: their signature tells what they are."""


def render() -> str:
    """Return the page."""
    parts = [_HEAD]
    for title, forms in table.GROUPS.items():
        parts.append(f"### {title}\n\n" + _table(("form", "carries", "reader", "checked against"), map(_row, forms)))
    parts += [_COST, _REFUSED]
    for title, group in refused.GROUPS.items():
        rows = [(each.name, f"NAME is {each.says}") for each in group]
        parts.append(f"### {title}\n\n" + _table(("form", "what is said"), rows))
    said = [(name, f"{volume.what}, which is not read ({volume.step})") for name, volume in VOLUMES.items()]
    parts.append(f"{_VOLUMES}\n\n" + _table(("file system", "what is said"), said))
    return "\n\n".join(parts) + "\n"


def _row(form: Form) -> tuple[str, ...]:
    return form.name, form.carries, form.reader, form.second_reader


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
