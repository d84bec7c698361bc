"""One entry of the catalogue, and what it writes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import cache

from forensics.commands.parameters import Kind
from forensics.commands.refusal import Refused
from forensics.late_methods import dataclass
from forensics.tables.finding import Shell

_FIELD = re.compile(r"<([a-z_]+)>")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that an entry takes.

    Attributes:
        kind: Writes it.
        default: What stands for it where it is not given; None where it must be.
    """

    kind: Kind
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """Lines for one shell."""

    shell: Shell
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """An entry of the catalogue.

    Attributes:
        name: By which rules and plans ask for it.
        lines: What is typed, with ``<parameter>`` where a value goes.
        does: What it does, in one line, for writers of rules.
        parameters: What it takes.
        shell: Where it is typed; a command for a user's store is always that user's.
        changes: Whether it changes anything.
    """

    name: str
    lines: tuple[str, ...]
    does: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    shell: Shell = "administrator"
    changes: bool = True

    def problem(self, given: Sequence[str]) -> str | None:
        """Say what is wrong with the names of values that a text gives to it, if anything is."""
        for name in given:
            if name not in self.parameters:
                known = ", ".join(self.parameters) or "none"
                return f"'{self.name}' takes no '{name}'; it takes: {known}"
        for name, parameter in self.parameters.items():
            if parameter.default is None and name not in given:
                return f"'{self.name}' needs '{name}'"
        return None

    def write(self, values: Mapping[str, str | None]) -> Written:
        """Write it.

        Args:
            values: By name of parameter, as the disk has them; None where it is not known.

        Raises:
            Refused: A value is not known, or is not put into a command.
        """
        texts = {}
        for name, parameter in self.parameters.items():
            value = values.get(name, parameter.default)
            if value is None:
                raise Refused("unknown", name)
            try:
                texts[name] = parameter.kind(value)
            except Refused as refused:
                raise Refused(refused.reason, name) from None
        shell: Shell = "user" if values.get("scope") == "user" else self.shell
        return Written(shell, tuple(_form(line).format_map(texts) for line in self.lines))


@cache
def _form(line: str) -> str:
    """Return a line of the catalogue as :meth:`str.format` takes it."""
    return _FIELD.sub(r"{\1}", line.replace("{", "{{").replace("}", "}}"))
