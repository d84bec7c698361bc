"""What the script itself says to whoever runs it, in the spoken language, as strings of PowerShell."""

from __future__ import annotations

import re
from collections.abc import Iterator

from forensics.commands.parameters import as_literal
from forensics.language import _
from forensics.language.folding import padded

_ENDS_A_STRING = re.compile('["\u201c\u201d\u201e`]')
_COMMENT_ENDS = "#>"
_OPTION = 15
"""Columns of the names of parameters."""


def help_lines() -> Iterator[str]:
    """Yield the comment at the head that says how the script is run."""
    yield _(
        "Run it in PowerShell as administrator. Without -Apply nothing is changed: each step says what it would do."
    )
    yield from _option(
        "-Apply", _("does it, step by step. A step whose check fails is left out, and named at the end.")
    )
    yield from _option(
        "-NewCertificate",
        _("thumbprints of new certificates by those that they replace: {example};", example="@{ 'OLD' = 'NEW' }"),
        _("each lies, with its key, in the computer's store MY, or where its step looks for it"),
    )
    yield from _option(
        "-PfxFolder",
        _("folder with PFX files, each named by the thumbprint of its certificate: <thumbprint>.pfx"),
        _("(certutil asks for the password of each)"),
    )
    yield _("Where Windows runs no scripts: first, in the same window, Set-ExecutionPolicy -Scope Process RemoteSigned")
    yield _(
        "Exit code: 0 every step is done (restarts that a step names are yours), 1 steps are left, or the script ended "
        "early."
    )


def _option(name: str, *lines: str) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield f"{padded(name if number == 0 else '', _OPTION)}  {line}"


def script_texts() -> dict[str, str]:
    """Return what stands for each ``<<name>>`` of the script: a comment, or a string with its quotes."""
    return {**_refusals(), **_comments(), **_of_steps()}


def _refusals() -> dict[str, str]:
    return {
        "another-windows": as_literal(
            _("This is not the Windows that was examined: its MachineGuid is another one. Nothing was done.")
        ),
        "another-name": as_literal(
            _("This computer has another name than the one examined: a copy, or renamed since. Nothing was done.")
        ),
        "not-replaced": _expanded(
            _("-NewCertificate: no step here replaces certificate {old}. Nothing was done.", old="$old")
        ),
        "no-other-one": _expanded(_("-NewCertificate: '{new}' is no other one. Nothing was done.", new="$new")),
        "no-folder": _expanded(_("-PfxFolder: there is no folder {path}. Nothing was done.", path="$PfxFolder")),
    }


def _comments() -> dict[str, str]:
    return {
        "modules": _comment(_("Commands of modules do not see the line above.")),
        "no-guid": _comment(
            _("The disk does not tell its MachineGuid: see for yourself that this is the computer that was examined.")
        ),
        "key-opens": _comment(
            _(
                "Whether the key of a certificate opens and fits it, shown by a signature: HasPrivateKey tells of a "
                "link only."
            )
        ),
        "somebody": _comment(_("What only somebody who looked knows; a run without anybody ends the step here.")),
        "exit-codes": _comment(
            _("Tools of Windows say by their exit code that they failed; PowerShell alone would go on.")
        ),
    }


def _of_steps() -> dict[str, str]:
    return {
        "so-already": _indented(_("It is so already: there is nothing to do.")),
        "check": _expanded("  " + _("check: {error}", error="$_")),
        "not-as-expected": as_literal(
            _("Not as this script expects it (it may have been repaired in another way). Nothing was done here.")
        ),
        "not-run": _indented(_("(not run: without -Apply nothing is changed)")),
        "not-helped": as_literal(_("it ran, but it is not seen to have helped")),
        "failed": _expanded(_("Failed: {error}", error="$_")),
        "ask": _expanded("  " + _("{fact} Type yes where that is so", fact="$Fact")),
        "not-confirmed": as_literal(_("not confirmed, so nothing was run")),
        "exit-code": _expanded(_("exit code {code}", code="$global:LASTEXITCODE")),
        "done": _expanded(_("Steps done: {count}.", count="$done")),
        "would-be-done": _expanded(_("Steps that -Apply would do: {count}.", count="$ready")),
        "left": _expanded(_("Steps that are left: {count}.", count="$($left.Count)")),
    }


def _indented(text: str) -> str:
    return as_literal(f"  {text}")


def _expanded(text: str) -> str:
    """Write a text with variables as a string in which they are replaced."""
    return f'"{_ENDS_A_STRING.sub("", text)}"'


def _comment(text: str) -> str:
    return f"# {text.replace(_COMMENT_ENDS, '')}"
