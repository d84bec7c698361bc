"""The commands that texts of rules can name, as a writer of rules reads them."""

from __future__ import annotations

from collections.abc import Iterable

from forensics.commands.command import Command
from forensics.language import _

_SHELLS = {
    "administrator": "PowerShell as administrator",
    "user": "PowerShell as the user",
    "analyst": "where keymortem runs",
}


def render_commands(commands: Iterable[Command]) -> str:
    """Write two lines a command: how a rule names it, and what it does."""
    return "".join(f"@{command.name}{_parameters(command)}\n    {_(command.does)}\n" for command in commands)


def render_commands_markdown(commands: Iterable[Command]) -> str:
    """Write the reference of the commands as Markdown, with the lines that are typed."""
    lines = [
        "# Commands",
        "",
        "Every command that keymortem prints, listed by `keymortem rules commands --markdown`. The remedy of a rule",
        "names one in a line of its own: `@verify-certificate scope={{ each.store_scope }} store={{ each.store }}` and",
        "so on. A value that is not known, or that a shell would act on, is not put into a command: a sentence then",
        "says why nothing is printed. Where a value is the empty text, there is nothing to do for that row.",
    ]
    for command in commands:
        lines += ["", f"### {command.name}", "", f"{_sentence(command.does)} In {_SHELLS[command.shell]}.", ""]
        lines += ["```powershell", *command.lines, "```"]
        if command.parameters:
            lines += ["", f"Takes{_parameters(command, ',')}."]
    return "\n".join(lines) + "\n"


def _parameters(command: Command, between: str = "") -> str:
    needed = (name if p.default is None else f"[{name}={p.default}]" for name, p in command.parameters.items())
    return "".join(f"{between if n else ''} {text}" for n, text in enumerate(needed))


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
