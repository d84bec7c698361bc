"""The source of a rule: the text of its file, and what YAML makes of that, with line numbers.

The library that reads YAML is imported by :mod:`forensics.engine.yaml_source` alone, which most starts do without.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from pathlib import Path

from forensics.disk.evidence_files import open_evidence

LARGEST_FILE = 256 * 1024
"""Format: bytes of one rule file."""
_USUAL_FILE = 32 * 1024
"""Bytes that are read of a rule file at first: to get room for the largest one takes longer than to read it."""


class RuleYamlError(Exception):
    """The file is no YAML of the permitted kind.

    Attributes:
        line: Line number, from 1.
        message: One sentence.
    """

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line
        self.message = message


class Text(str):
    """A scalar.

    Attributes:
        line: Line on which it begins, from 1. Of a block scalar: its first line of content.
        plain: Written without quotes.
    """

    line: int = 1
    plain: bool = True


class Sequence(list["Node"]):
    """A list, with the line on which it begins."""

    line: int = 1


class Mapping(dict[Text, "Node"]):
    """A mapping, with the line on which it begins; the keys carry their own."""

    line: int = 1


Node = Text | Sequence | Mapping


def read_text(path: Path) -> str:
    """Read a file that is to hold YAML.

    Raises:
        RuleYamlError: It cannot be read, or is larger than any rule needs, or is no text.
    """
    try:
        with open_evidence(path) as file:
            content = file.read(_USUAL_FILE)
            if len(content) == _USUAL_FILE:
                content += file.read(LARGEST_FILE + 1 - _USUAL_FILE)
        if len(content) > LARGEST_FILE:
            raise RuleYamlError(1, f"the file has more than {LARGEST_FILE // 1024} KiB")
        return content.removeprefix(BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise RuleYamlError(line, "the file is not UTF-8 text") from error
    except OSError as error:
        raise RuleYamlError(1, f"the file cannot be read: {error.strerror}") from error
