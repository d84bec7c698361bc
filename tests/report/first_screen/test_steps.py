"""The first step of a remedy: a command that is about this very thing and deletes nothing, else a sentence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from forensics.commands.refusal import Refused, refusal
from forensics.report.first_screen.entries import Step
from forensics.report.first_screen.steps import first_step
from forensics.tables.finding import Block, BlockKind, Finding, Severity, Shell, Subject

MINE, OTHER = "A" * 40, "B" * 40


def finding(*remedy: tuple[BlockKind, str], rule: str = "told", **values: Any) -> Finding:
    known: dict[str, Any] = {
        "id": f"{rule}:1",
        "rule": rule,
        "severity": "high",
        "title": "Told",
        "verdict": "match",
        "machine_id": 1,
        "subject_table": "certificate_use",
        "subjects": (Subject(MINE, "mine"),),
        "because": (),
        "remedy": tuple(Block(kind, text) for kind, text in remedy),
        "confidence": "proved",
    }
    return Finding(**(known | values))


def test_the_first_command_is_the_step() -> None:
    told = finding(
        ("paragraph", "Let the account read the file:"), ("command", "icacls x"), ("paragraph", "Restart it:")
    )
    assert first_step([told], MINE) == Step("icacls x", is_command=True, purpose="Let the account read the file")


def test_commands_that_belong_together_are_counted() -> None:
    told = finding(
        *(("command", text) for text in ("# PowerShell as administrator", "a", "b", "c", "# elsewhere", "d"))
    )
    assert first_step([told], MINE) == Step("a", is_command=True, where="First of 3 commands")


def test_a_command_about_the_certificate_to_come_says_that_one_is_to_be_had_first() -> None:
    told = finding(("paragraph", "Have a new one, then set it:"), ("command", "set NEW-THUMBPRINT"))
    step = first_step([told], MINE)
    assert step is not None
    assert step.before == "Have a new one, then set it"


def test_a_command_that_does_nothing_alone_is_told_by_what_all_of_them_are_for() -> None:
    name: tuple[BlockKind, str] = ("command", "$folder = 'C:\\x'")
    remedy = finding(("paragraph", "There is a way."), ("item", "If you have its host:"), name, ("command", "go"))
    assert first_step([remedy], MINE) == Step("If you have its host: see -v", is_command=False)
    plain = finding(("paragraph", "Export it. Then go on:"), name)
    assert first_step([plain], MINE) == Step("Export it.", is_command=False)
    whole = finding(("command", "$one = 1; go $one"))
    assert first_step([whole], MINE) == Step("$one = 1; go $one", is_command=True)


@pytest.mark.parametrize(
    ("shell", "where"),
    [
        (None, ""),
        ("administrator", ""),
        ("unchecked", ""),
        ("user", "PowerShell as the user whose store it is, not elevated"),
        ("analyst", "where keymortem runs"),
    ],
)
def test_another_shell_than_the_administrators_is_named(shell: Shell | None, where: str) -> None:
    told = finding()
    told = replace(told, remedy=(Block("paragraph", "If you may:"), Block("command", "go", shell=shell)))
    step = first_step([told], MINE)
    assert step == Step("go", is_command=True, unless="If you may", where=where, purpose="If you may")
    assert step.before == (f"{where}: If you may" if where else "If you may")


@pytest.mark.parametrize("command", ["Get-ChildItem x | Format-Table Thumbprint", 'icacls "C:\\x" /remove:d *S-1-5-18'])
def test_what_deletes_no_object_is_a_step(command: str) -> None:
    assert first_step([finding(("command", command))], MINE) == Step(command, is_command=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "A deleted file has it. Do not start this disk, and copy it: see there.",
            "Do not start this disk, and copy it: see there.",
        ),
        (
            "削除されたファイルにあります。このディスクから起動せず、コピーしてください。",
            "このディスクから起動せず、コピーしてください。",
        ),
    ],
)
def test_that_a_disk_must_not_be_started_comes_before_a_command_that_runs_on_it(text: str, said: str) -> None:
    loses = finding(("item", "Import it:"), ("command", "certutil -f -importPFX MY x"), ("item", text), severity="low")
    other = finding(("command", "icacls x"), severity="critical")
    assert first_step([other, loses], MINE) == Step(said, is_command=False)


@pytest.mark.parametrize(
    "text",
    ["While the machine starts, in the machine itself:", "On the CA this shows it:", "On a machine of that build:"],
)
def test_a_command_for_another_computer_says_so(text: str) -> None:
    step = first_step([finding(("paragraph", text), ("command", "go"))], MINE)
    assert step is not None
    assert step.before == text.rstrip(":")


def test_a_command_for_after_something_is_not_the_first_step() -> None:
    told = finding(("paragraph", "Have it made again."), ("paragraph", "Then restart that:"), ("command", "go"))
    assert first_step([told], MINE) == Step("Have it made again.", is_command=False)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_what_comes_after_a_command_that_is_not_printed_is_not_the_first_step(language: str) -> None:
    refused = refusal(Refused("unknown", "listener"), language)
    told = finding(("paragraph", "Set another one:"), ("paragraph", refused), ("command", "restart"))
    assert first_step([told], MINE) == Step("Set another one", is_command=False)


def test_a_restart_that_ends_sessions_says_so() -> None:
    told = finding(
        ("paragraph", "Restart it: Windows makes one. Every session ends then, also yours."), ("command", "go")
    )
    step = first_step([told], MINE)
    assert step is not None
    assert step.before == "Every session ends then, also yours."


def test_a_remark_is_no_command() -> None:
    told = finding(("paragraph", "Ask the issuer."), ("command", "# it names no template"))
    assert first_step([told], MINE) == Step("Ask the issuer.", is_command=False)


@pytest.mark.parametrize(
    "command",
    [
        "netsh http delete sslcert ipport=0.0.0.0:443",
        f"certutil -delstore my {MINE}",
        "certutil -csp x -delkey y",
        f"Remove-Item Cert:\\LocalMachine\\My\\{MINE}",
        "del C:\\x.pfx",
        "reg delete HKLM\\SOFTWARE\\x /f",
        "winrm delete winrm/config/Listener?Address=*+Transport=HTTPS",
        "cmd /c rd /s /q C:\\x",
        "format D: /q",
        "cipher /w:C:\\",
    ],
)
def test_a_deletion_is_never_a_first_step(command: str) -> None:
    told = finding(("paragraph", "Look first. Then delete it:"), ("command", command))
    assert first_step([told], MINE) == Step("Look first.", is_command=False)


def test_a_command_about_another_certificate_is_no_step_for_this_one() -> None:
    told = finding(("paragraph", "Link it:"), ("command", f'certutil -repairstore my "{OTHER}"'))
    assert first_step([told], MINE) == Step("Link it", is_command=False)
    assert first_step([told], OTHER.lower()) == Step(
        f'certutil -repairstore my "{OTHER}"', is_command=True, purpose="Link it"
    )
    assert first_step([told], None) == Step(f'certutil -repairstore my "{OTHER}"', is_command=True, purpose="Link it")


@pytest.mark.parametrize(
    ("before", "unless", "purpose"),
    [
        ("Let it read the file:", "", "Let it read the file"),
        ("If a PFX exists, import it:", "If a PFX exists, import it", "If a PFX exists, import it"),
        ("1. On the host where it was made:", "On the host where it was made", "On the host where it was made"),
        ("This is certain. Else set each password again:", "Else set each password again", "This is certain."),
        ("Look at it, for add loses what else stands there:", "", "Look at it, for add loses what else stands there"),
    ],
)
def test_a_command_that_is_not_for_everybody_keeps_its_condition(before: str, unless: str, purpose: str) -> None:
    told = finding(("paragraph", "First of all:"), ("item", before), ("command", "go"))
    assert first_step([told], MINE) == Step("go", is_command=True, unless=unless, purpose=purpose)


def test_the_cause_comes_before_what_it_explains_and_commands_before_words() -> None:
    cause = finding(("command", "mend the cause"), rule="cause", consequences=("effect:1",), severity="medium")
    effect = finding(("command", "mend the effect"), rule="effect", severity="critical")
    words = finding(("paragraph", "Think."), rule="words", severity="critical", consequences=("effect:1",))
    for told in ([cause, effect, words], [words, effect, cause]):
        assert first_step(told, MINE) == Step("mend the cause", is_command=True)
    assert first_step([words], MINE) == Step("Think.", is_command=False)


@pytest.mark.parametrize(("one", "two"), [("critical", "high"), ("medium", "low")])
def test_of_equals_the_worst_speaks(one: Severity, two: Severity) -> None:
    told = [finding(("command", two), rule="b", severity=two), finding(("command", one), rule="a", severity=one)]
    assert first_step(told, MINE) == Step(one, is_command=True)


def test_nothing_said_is_no_step() -> None:
    assert first_step([], MINE) is None
    assert first_step([finding()], MINE) is None
    assert first_step([finding(("command", "del x"))], MINE) is None


@pytest.mark.parametrize(
    "where", ["On the authority, find the request", "On each clone", "On a machine of the same build"]
)
def test_a_command_of_another_computer_says_so(where: str) -> None:
    told = finding(("item", f"{where}:"), ("command", "certutil -view"))
    step = first_step([told], MINE)
    assert step is not None
    assert step.before == where
