"""Asks the catalogue for the lines of a step, as a script has them."""

from __future__ import annotations

import re

from forensics.commands.bindings import NEW
from forensics.commands.catalogue import CATALOGUE
from forensics.commands.refusal import Refused

_NEW = re.compile(f"'{NEW}'|{NEW}")
_PFX = re.compile(r'"FILE\.pfx"')


def lines(name: str, **values: str | None) -> tuple[str, ...]:
    """Return the lines of a command, for PowerShell as administrator.

    Args:
        name: Its entry in the catalogue.
        values: What the disk has for its parameters; what it does not take is left out. A new certificate that is
            not named is ``$new``, a PFX file ``$pfx``.

    Raises:
        Refused: A value is not known, or is not put into a command; or the command is for another shell.
    """
    command = CATALOGUE[name]
    written = command.write({key: value for key, value in values.items() if key in command.parameters})
    if written.shell != "administrator":
        raise Refused("not_shown", "shell")
    return tuple(_PFX.sub("$pfx", _NEW.sub("$new", line)) for line in written.lines)


def line(name: str, **values: str | None) -> str:
    """Return a command of one line, as :func:`lines` does."""
    (only,) = lines(name, **values)
    return only


def told(name: str, **values: str | None) -> str:
    """Return a command as a text to be read, for whatever shell.

    Raises:
        Refused: As :func:`lines`.
    """
    command = CATALOGUE[name]
    written = command.write({key: value for key, value in values.items() if key in command.parameters})
    return "; ".join(written.lines)
