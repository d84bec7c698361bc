"""The language of the command line: ``--lang`` of every command, help in it, and what click itself says."""

from __future__ import annotations

import copy
import gettext
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from inspect import cleandoc

import click

from forensics.language import LANGUAGES, _, language_of_environment, message, speaking, spoken_language
from forensics.language.folding import columns, folded
from forensics.language.spoken import HOME

_HELP = message("Language: en or ja; else that of LC_ALL, LC_MESSAGES or LANG.")
_AS_IT_IS = "\b"
"""What begins a paragraph that click does not fold."""
_REMARK = re.compile(r"(?<=\S) {2,}(?=\S)")


def asked_language(arguments: Sequence[str]) -> str:
    """Return the language of a command line, before it is parsed: its help and errors are in it too.

    Args:
        arguments: What follows the name of the program.
    """
    asked = ""
    for number, argument in enumerate(arguments):
        if argument == "--":
            break
        name, equals, value = argument.partition("=")
        if name == "--lang":
            asked = value if equals else "".join(arguments[number + 1 : number + 2])
    return asked if asked in LANGUAGES else language_of_environment()


@contextmanager
def spoken_by_click(language: str) -> Iterator[None]:
    """Let keymortem and click speak a language while this lasts.

    Args:
        language: One of :data:`forensics.language.LANGUAGES`.
    """
    # click asks gettext's default domain, by what the environment says at that moment.
    gettext.bindtextdomain("messages", str(HOME))
    before = os.environ.get("LANGUAGE")
    os.environ["LANGUAGE"] = language
    try:
        with speaking(language):
            yield
    finally:
        if before is None:
            del os.environ["LANGUAGE"]
        else:
            os.environ["LANGUAGE"] = before


def in_language(command: click.Command) -> click.Command:
    """Return a command with ``--lang`` and, in the spoken language, its help; what it was made of stays as it is.

    Args:
        command: The command; groups have their commands put into the language as well.
    """
    spoken = copy.copy(command)
    spoken.params = [*map(_parameter, command.params), _parameter(_lang_option())]
    spoken.help = "\n\n".join(map(_paragraph, paragraphs(command.help or "")))
    spoken.short_help = _(command.short_help) if command.short_help else None
    if spoken_language() == "ja":
        spoken.context_class = WideContext
    if isinstance(spoken, click.Group) and isinstance(spoken.commands, dict):
        spoken.commands = {name: in_language(each) for name, each in spoken.commands.items()}
    return spoken


def _lang_option() -> click.Option:
    return click.Option(["--lang"], type=click.Choice(LANGUAGES), expose_value=False, help=_HELP)


def _parameter(parameter: click.Parameter) -> click.Parameter:
    spoken = copy.copy(parameter)
    if isinstance(spoken, click.Option) and spoken.help:
        spoken.help = _(spoken.help)
    if isinstance(spoken.type, click.Path):
        # It was named in the language that was spoken when it was made.
        spoken.type = kind = copy.copy(spoken.type)
        kind.name = gettext.gettext(
            "path" if kind.file_okay == kind.dir_okay else "file" if kind.file_okay else "directory"
        )
    return spoken


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a help text: each folded one as a line, those that stay as they are with their lines."""
    pieces = (piece.strip("\n") for piece in cleandoc(text).split("\n\n"))
    return [piece if piece.startswith(_AS_IT_IS) else " ".join(piece.split()) for piece in pieces if piece.strip()]


def messages_of(text: str) -> Iterator[str]:
    """Yield what of a help text is translated: paragraphs, and of examples their head and remarks."""
    for paragraph in paragraphs(text):
        if not paragraph.startswith(_AS_IT_IS):
            yield paragraph
            continue
        for line in paragraph.split("\n")[1:]:
            command, *remark = _REMARK.split(line.strip(), maxsplit=1)
            yield from remark or ([] if line.startswith(" ") else [command])


def _paragraph(text: str) -> str:
    if not text.startswith(_AS_IT_IS):
        return _(text)
    first, *lines = text.split("\n")
    return "\n".join((first, *map(_example, lines)))


def _example(line: str) -> str:
    if not line.startswith(" "):
        return _(line.strip())
    found = list(_REMARK.finditer(line))
    return f"{line[: found[0].end()]}{_(line[found[0].end() :])}" if found else line


class WideFormatter(click.HelpFormatter):
    """Folds help by columns: a Japanese letter takes two, and lines break between any two of them."""

    def write_text(self, text: str) -> None:
        """Write paragraphs."""
        indent = " " * self.current_indent
        for number, paragraph in enumerate(paragraphs(text)):
            if number:
                self.write("\n")
            if paragraph.startswith(_AS_IT_IS):
                super().write_text(paragraph)
                continue
            for line in folded(paragraph, self.width - self.current_indent):
                self.write(f"{indent}{line}\n")

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Write a list of options or commands with what each is for."""
        rows = list(rows)
        begin = min(col_max, max((columns(term) for term, _said in rows), default=0)) + col_spacing
        for term, said in rows:
            indent = " " * self.current_indent
            head = f"{indent}{term}"
            lines = folded(said, max(self.width - self.current_indent - begin, 10))
            if not lines:
                self.write(f"{head}\n")
                continue
            if columns(term) > begin - col_spacing:
                self.write(f"{head}\n")
                head = indent
            gap = " " * (begin + self.current_indent - columns(head))
            self.write(f"{head}{gap}{lines[0]}\n")
            for line in lines[1:]:
                self.write(f"{' ' * (begin + self.current_indent)}{line}\n")


class WideContext(click.Context):
    """A context whose help is folded by columns."""

    formatter_class = WideFormatter
