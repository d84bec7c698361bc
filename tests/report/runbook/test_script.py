"""What a disk holds stays in comments and strings of the script, whatever it is."""

from __future__ import annotations

import pytest

from forensics.report.runbook.kinds import Act, Lost, Need, Part
from forensics.report.runbook.script import script
from tests.commands.powershell import commands_of_script

OLD, NEW = "A" * 40, "B" * 40
GUID = "44d42aa2-dee4-4023-bea5-d2f166bbb42c"
HOSTILE = (
    "x'; Remove-Item C:\\ -Recurse; '",
    "x\u2019; Remove-Item C:\\ -Recurse; \u2018",
    'x"; Remove-Item C:\\; "',
    "x\u201d; Remove-Item C:\\; \u201c",
    "x\nRemove-Item C:\\",
    "x\rRemove-Item C:\\",
    "x\u2028Remove-Item C:\\\u0085Remove-Item D:\\",
    "x #> Remove-Item C:\\ <#",
    "#> Remove-Item C:\\",
    "$(Remove-Item C:\\) `n `",
    "SIG # Begin signature block",
    "') { Remove-Item C:\\ } @('",
    "\x1b]0;x\x07\u202ex",
)


def parts(text: str) -> list[Part]:
    act = Act(
        text, ("Test-Path -LiteralPath 'C:\\x'",), ("Start-Service KeyIso",), ("certutil -store",), (text,), asks=text
    )
    return [
        Part(
            text,
            (text, text),
            (
                act,
                Need(text, (text, text)),
                Lost(text, OLD, (text,), replaced=(act, Need(text, (text,))), imported=(act,)),
                Lost(text, NEW, (text,), imported=(act,)),
                Lost(text, NEW, (text,), replaced=(act,), successor=OLD),
            ),
        )
    ]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_text_becomes_a_command(hostile: str) -> None:
    plain = commands_of_script(script(["about"], GUID, parts("x")))
    written = script([hostile], GUID, parts(hostile))
    assert plain is not None
    assert commands_of_script(written) == plain
    assert not any(line.startswith(("# SIG #", "#>")) and line != "#>" for line in written.splitlines())
    assert not set("\x1b\x07\u202e\u2028\u0085\r") & set(written)


def test_a_hostile_name_of_the_machine_stays_a_string() -> None:
    written = script([], "x'; Remove-Item C:\\ #", [])
    assert commands_of_script(written) == commands_of_script(script([], GUID, []))


def test_a_long_command_is_told_whole() -> None:
    line = f"icacls {'x' * 900}"
    act = Act("t", ("$true",), (line,))
    assert f"'{line}'" in script([], GUID, [Part("h", (), (act,))])


def test_begins_with_a_byte_order_mark_so_that_no_byte_is_taken_for_a_quote() -> None:
    written = script([], GUID, [])
    assert written.encode().startswith(b"\xef\xbb\xbf#Requires -Version 5.1\n#Requires -RunAsAdministrator\n")


def test_another_computer_is_refused_and_one_without_guid_is_left_to_the_reader() -> None:
    assert f"if ($guid -ne '{GUID}') {{\n    throw " in script([], GUID, [])
    without = script([], None, [])
    assert "$guid" not in without
    assert "see for yourself that this is the computer" in without


def test_only_what_is_replaced_here_may_be_named() -> None:
    act = Act("t", ("$true",), ("x",))
    lost, other = Lost("t", OLD, ("n",), replaced=(act,)), Lost("t", NEW, ("n",), imported=(act,))
    assert f"$replaced = @('{OLD}')\n" in script([], GUID, [Part("h", (), (lost, other))])
    assert "$replaced = @()\n" in script([], GUID, [])


def test_an_act() -> None:
    act = Act("Title", ("A", "B"), ("one", "two"), ("look",), ("Note.",))
    assert """
# 1. Heading
# - why
Step 'Title' {
    (A) -and
    (B)
} @(
    'Note.',
    'one',
    'two',
    'look'
) {
    Invoke-Tool { one }
    Invoke-Tool { two }
    look
}
""" in script([], GUID, [Part("Heading", ("why",), (act,))])


def test_what_is_so_already_is_not_done_again_and_what_did_not_help_is_left() -> None:
    written = script([], GUID, [Part("h", (), (Act("t", ("A",), ("one",), goal=("B", "C")),))])
    assert "    Invoke-Tool { one }\n} {\n    (B) -and\n    (C)\n}\n" in written
    before, after = (
        written.index("if ($Goal -and (Test-Goal $Goal))"),
        written.index("& $Action\n        if ($Goal -and"),
    )
    assert before < written.index("$asExpected = [bool](& $Check)") < after < written.index("$script:done += 1")
    assert "(Test-Goal $Goal)) { throw " in written[after:]


def test_what_somebody_must_say_is_asked_before_anything_is_run() -> None:
    written = script([], GUID, [Part("h", (), (Act("t", ("A",), ("one",), asks="It's read."),))])
    assert "    Confirm-That 'It''s read.'\n    Invoke-Tool { one }\n" in written
    assert "-ne 'yes') { throw " in written[written.index("function Confirm-That") :]


def test_a_key_is_shown_by_a_signature_that_fits_its_certificate() -> None:
    """``HasPrivateKey`` is true of a certificate whose key is gone: it would be bound, and the service down."""
    written = script([], GUID, [])
    for kind in ("RSA", "ECDsa"):
        assert f"{kind}CertificateExtensions]::Get{kind}PrivateKey($holder)" in written
        assert f"{kind}CertificateExtensions]::Get{kind}PublicKey($holder)" in written
    assert written.count("return $public.VerifyData($bytes, $key.SignData($bytes, ") == 2
    assert ".HasPrivateKey" not in written


def test_a_run_that_changed_nothing_does_not_end_as_if_all_were_done() -> None:
    written = script([], GUID, [])
    assert "(not run: without -Apply nothing is changed)'; $script:ready += 1; return }" in written
    assert written.endswith("if ($ready + $left.Count -gt 0) { exit 1 }\nexit 0\n")


def test_a_copy_with_the_same_guid_and_another_name_is_refused() -> None:
    written = script([], GUID, [], "x'; Remove-Item C:\\ #")
    assert "if ($names.ComputerName -ne 'x''; Remove-Item C:\\ #') {\n    throw " in written
    assert commands_of_script(written) == commands_of_script(script([], GUID, [], "WEB01"))
    assert "ComputerName" not in script([], GUID, [])


def test_what_must_come_from_outside() -> None:
    act = Act("Set", ("A",), ("set $new",))
    put = Act("Put", ("B",), ("import $pfx",))
    lost = Lost("Lost", OLD, ("It needs.",), replaced=(act,), imported=(put,))
    assert f"""
if ($NewCertificate.ContainsKey('{OLD}')) {{
    $new = [string]$NewCertificate['{OLD}'] -replace '[^0-9A-Fa-f]'
    Write-Host ''
    Write-Host ('$new = ' + $new)
    Step 'Set' {{
        (A)
    }} @(
        'set $new'
    ) {{
        Invoke-Tool {{ set $new }}
    }}
}} elseif ($PfxFolder -and (Test-Path -LiteralPath "$PfxFolder\\{OLD}.pfx")) {{
    $pfx = "$PfxFolder\\{OLD}.pfx"
    Write-Host ''
    Write-Host ('$pfx = ' + $pfx)
    Step 'Put' {{
        (B)
    }} @(
        'import $pfx'
    ) {{
        Invoke-Tool {{ import $pfx }}
    }}
}} else {{
    Stop-At 'Lost' @(
        'It needs.'
    )
}}
""" in script([], GUID, [Part("Heading", (), (lost,))])
