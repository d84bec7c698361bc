"""What a finding says is to be done first: one command, or one sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import takewhile

from forensics.commands.bindings import NEW
from forensics.commands.refusal import is_refusal
from forensics.commands.shell import shell_label
from forensics.language import _, listed, spoken_language
from forensics.report.first_screen.entries import Step
from forensics.tables.finding import SEVERITIES, Block, Finding

_REMARK = re.compile(r"\s*(#|::|rem\s)", re.IGNORECASE)
_DELETES = re.compile(
    r"\b(delete|delstore|delkey|delreg|del|erase|rd|rmdir|rm|ri|unregister|uninstall|revoke|diskpart)\b"
    r"|\b(remove|clear|reset|unprotect|disable|uninstall|unregister)-\w|\bformat\s+\w:|\bcipher\s+/w",
    re.IGNORECASE,
)
_THUMBPRINT = re.compile(r"\b[0-9A-F]{40}\b", re.IGNORECASE)
_CONDITION = re.compile(
    r"\b(if|where|when|while|only|unless|every session ends)\b"
    r"|^(\d+\. )?(else|otherwise|on (the (authority|ca|device|host)|each|a))\b"
    r"|場合|とき|限り|のみ|だけ|なら|なければ|セッションが終了"
    r"|^(\d+\. )?(それ以外|その他|(証明機関|デバイス|ホスト|各\S+|それぞれ\S*)で)",
    re.IGNORECASE,
)
"""In each language that texts of rules are in."""
_CONTINUES = re.compile(r"Then\b|そのあと|次に")
_KEEPS_AWAY = re.compile(r"\bDo not start this disk\b|このディスクから起動(せず|しない)")
_PREPARES = re.compile(r"\$\w+ *=[^;]*$")
_NUMBER = re.compile(r"^\d+\. ")
_END_OF_SENTENCE = re.compile(r"(?<=[^\d][.])\s+(?=[A-Z])|(?<=。)(?=.)")


def first_step(findings: Iterable[Finding], subject: str | None) -> Step | None:
    """Return what the most specific finding says is to be done first; None where none says anything.

    That a disk must not be started comes before all else. One that has a command comes before those that have none, a
    cause before what it explains. A deletion is never a first step, nor is a command about another certificate; one
    that only gives a name to what comes after it is none.

    Args:
        findings: What is said of one thing.
        subject: Its thumbprint, if it has one.
    """
    told = list(findings)
    explained = {name for finding in told for name in finding.consequences}
    steps = [
        (_rank(step), finding.id in explained, SEVERITIES.index(finding.severity), len(finding.subjects), step)
        for finding in told
        if (step := _step(finding.remedy, subject)) is not None
    ]
    return min(steps, key=lambda found: found[:4])[4] if steps else None


def _rank(step: Step) -> int:
    return 0 if _KEEPS_AWAY.search(step.text) else 1 if step.is_command else 2


def _step(remedy: Sequence[Block], subject: str | None) -> Step | None:
    if not remedy:
        return None
    said = (_keeping(block.text) for block in remedy if block.kind != "command")
    if (keep := next(filter(None, said), None)) is not None:
        return Step(keep, is_command=False)
    at = next((n for n, b in enumerate(remedy) if b.kind == "command" and not _REMARK.match(b.text)), None)
    is_first = at is not None and not _continues(remedy[:at])
    if at is not None and is_first and not _DELETES.search(remedy[at].text) and _is_about(remedy[at].text, subject):
        needs_purpose = NEW in remedy[at].text or not _is_english(remedy[:at])
        unless = _condition(remedy[:at]) or (_purpose(remedy[:at]) if needs_purpose else "")
        if not _PREPARES.match(remedy[at].text):
            return Step(remedy[at].text, True, unless, _where(remedy[at:]), _purpose(remedy[:at]))
        # A sentence that leads to commands says nothing by itself; what stands before it says what they are for.
        leading = [block.text for block in remedy[:at] if block.kind != "command"]
        if unless and leading:
            return Step(_("{purpose}: see -v", purpose=_NUMBER.sub("", leading[-1]).rstrip(":")), is_command=False)
    sentences = _sentences(remedy[0].text) if remedy[0].kind != "command" else []
    return Step(sentences[0], is_command=False) if sentences else None


@lru_cache(256)
def _keeping(text: str) -> str | None:
    """Return the sentence that keeps a disk from being started, where there is one; many ends have one finding."""
    return next(filter(_KEEPS_AWAY.search, _sentences(text)), None)


def _continues(before: Sequence[Block]) -> bool:
    """Tell whether a command is for after something that has none, or whose own is not printed."""
    texts = [block.text for block in before if block.kind != "command"]
    return (len(texts) > 1 and _CONTINUES.match(texts[-1]) is not None) or any(map(is_refusal, texts))


def _where(commands: Sequence[Block]) -> str:
    """Say where a command is typed, if not in PowerShell as administrator, and how many belong together.

    It is in the spoken language.
    """
    together = list(takewhile(lambda block: block.kind == "command" and not _REMARK.match(block.text), commands))
    count = _("First of {count} commands", count=len(together)) if len(together) > 1 else ""
    shell = commands[0].shell
    label = shell_label(shell, spoken_language()).lstrip("# ") if shell in ("user", "analyst") else ""
    return listed(filter(None, (count, label)))


def _purpose(before: Sequence[Block]) -> str:
    texts = [block.text for block in before if block.kind != "command"]
    return _sentences(texts[-1])[0] if texts else ""


def _condition(before: Sequence[Block]) -> str:
    """Return the sentence that says for whom a command is; empty where it is for everybody."""
    texts = [block.text for block in before if block.kind != "command"]
    conditions = [sentence for sentence in _sentences(texts[-1]) if _CONDITION.search(sentence)] if texts else []
    return conditions[-1] if conditions else ""


def _is_english(before: Sequence[Block]) -> bool:
    """Tell whether a condition would be known by its words: else what stands before a command is always told."""
    return all(block.text.isascii() for block in before)


def _sentences(text: str) -> list[str]:
    return [_NUMBER.sub("", sentence).rstrip(":") for sentence in _END_OF_SENTENCE.split(text)]


def _is_about(command: str, subject: str | None) -> bool:
    """Tell whether a command is about a certificate, or about none in particular."""
    named = {name.upper() for name in _THUMBPRINT.findall(command)}
    return not named or subject is None or subject.upper() in named
