"""Commands as pieces of a text: their lines, or the sentence that says why they are not printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from forensics.commands.shell import shell_label
from forensics.tables.finding import Block


def blocks_of(name: str, values: Mapping[str, str | None], language: str = "en") -> Iterator[Block]:
    """Yield the lines of a command, or why there are none.

    Args:
        name: Its entry in the catalogue.
        values: By name of parameter, as the disk has them.
        language: Of what is said where a command is not printed.
    """
    from forensics.commands.catalogue import CATALOGUE
    from forensics.commands.refusal import Refused, refusal

    try:
        command = CATALOGUE[name].write(values)
    except Refused as refused:
        yield Block("paragraph", refusal(refused, language))
        return
    for line in command.lines:
        yield Block("command", line, shell=command.shell)


def labelled(blocks: Sequence[Block], language: str = "en") -> Iterator[Block]:
    """Yield blocks with a line above each run of commands that says for which shell they are."""
    before = None
    for block in blocks:
        shell = block.shell if block.kind == "command" else None
        if shell is not None and shell != before:
            yield Block("command", shell_label(shell, language), block.is_apart, shell)
            yield Block(block.kind, block.text, shell=shell) if block.is_apart else block
        else:
            yield block
        before = shell


def typed(name: str) -> str:
    """Return the one line of a command that takes no value, for a sentence."""
    from forensics.commands.catalogue import CATALOGUE

    (line,) = CATALOGUE[name].write({}).lines
    return line
