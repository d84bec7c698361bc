"""Commands in the texts of rules: named there, written by the catalogue, labelled with their shell."""

from __future__ import annotations

import pytest

from forensics.engine.forms import WORDINGS
from forensics.engine.templates import check_template, fill
from forensics.tables.finding import as_text

TP = "A1B2C3D4E5F60718293A4B5C6D7E8F9001122334"
OTHER = "00112233445566778899AABBCCDDEEFF00112233"
VERIFY = "@verify-certificate scope={{ each.scope }} store={{ each.store }} thumbprint={{ each.thumbprint }}"


def row(thumbprint: str | None, scope: str = "machine", store: str | None = "MY") -> dict[str, str | None]:
    return {"thumbprint": thumbprint, "scope": scope, "store": store}


def text(template: str, *rows: dict[str, str | None], language: str = "en") -> str:
    return as_text(fill(template, rows, {}, WORDINGS[language]))


def test_all_commands_of_a_row_stand_together_under_their_shell() -> None:
    template = f"Repair:\n    {VERIFY.replace('verify-certificate', 'relink-key')}\n    {VERIFY}\n"
    assert text(template, row(TP), row(OTHER)) == (
        "Repair:\n    # PowerShell as administrator\n"
        f'    certutil -repairstore "MY" {TP}\n    certutil -verifystore "MY" {TP}\n'
        f'    certutil -repairstore "MY" {OTHER}\n    certutil -verifystore "MY" {OTHER}'
    )


def test_each_shell_has_its_block() -> None:
    assert text(f"Look:\n    {VERIFY}", row(TP), row(OTHER, "user")) == (
        f'Look:\n    # PowerShell as administrator\n    certutil -verifystore "MY" {TP}\n'
        "    # PowerShell as the user whose store it is, not elevated\n"
        f'    certutil -user -verifystore "MY" {OTHER}'
    )


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "No command is printed here: this disk does not tell the store."),
        ("ja", "ここにコマンドは表示しません: ストア がこのディスクからわかりません。"),
    ],
)
def test_what_is_not_known_is_said_once_and_not_typed(language: str, sentence: str) -> None:
    assert text(f"Look:\n    {VERIFY}", row(TP, store=None), row(OTHER, store=None), language=language) == (
        f"Look:\n{sentence}"
    )


def test_an_empty_value_means_that_there_is_nothing_to_do() -> None:
    assert text(f"Look:\n    {VERIFY}\n\nAfter.", row("")) == "After."


def test_a_line_of_a_pack_that_names_no_command_is_marked() -> None:
    assert (
        text("Run:\n    del {{ thumbprint }}", row("x"))
        == "Run:\n    # as the rule pack has it, not checked\n    del x"
    )


def test_a_row_names_its_command_which_takes_what_it_needs() -> None:
    template = (
        "Set it:\n    @{{ each.way }} thumbprint={{ each.thumbprint }} store={{ each.store }} scope={{ each.scope }}"
    )
    named = [{**row(TP), "way": way} for way in ("verify-certificate", "", None, "no-such", "set-adfs-certificate")]
    assert text(template, *named) == (
        f'Set it:\n    # PowerShell as administrator\n    certutil -verifystore "MY" {TP}\n'
        "    Set-AdfsSslCertificate -Thumbprint NEW-THUMBPRINT"
    )
    # What a command does not take may be empty.
    named = [{**row("", store=""), "way": "set-adfs-certificate"}]
    assert text(template, *named).endswith("\n    Set-AdfsSslCertificate -Thumbprint NEW-THUMBPRINT")


def test_many_rows_end_in_a_sentence() -> None:
    rows = [row(f"{n:040X}") for n in range(200)]
    lines = text(f"Look:\n    {VERIFY}", *rows).split("\n")
    assert len(lines) == 1 + 1 + 100 + 1
    assert lines[-1] == "(and 100 more)"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("@relink-ky store=MY", "there is no command 'relink-ky'; 'keymortem rules commands' lists them"),
        ("@start-service", "'start-service' needs 'service'"),
        ("@start-service service=x port=1", "'start-service' takes no 'port'; it takes: service"),
        ("@restart-rdp x=1", "'restart-rdp' takes no 'x'; it takes: none"),
        (
            "@start-service service=a b",
            "a command is '@NAME parameter=value ...'; a value with blanks stands in double quotes",
        ),
        ("@{{ count }} prot=1", "no command takes a 'prot'"),
        ("@", "a command is '@NAME parameter=value ...'; a value with blanks stands in double quotes"),
    ],
)
def test_what_is_wrong_with_a_command(line: str, message: str) -> None:
    assert [(p.line, p.message) for p in check_template(f"Do:\n    {line}\n", ())] == [(1, message)]
