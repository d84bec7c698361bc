"""Tools that a text names and that the Windows of its machine does not have, and what to take there instead.

References:
    https://learn.microsoft.com/windows-server/administration/windows-commands/windows-commands
    https://learn.microsoft.com/windows/win32/http/httpcfg-exe
    https://learn.microsoft.com/windows/whats-new/deprecated-features (WMIC)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from forensics.tables.finding import Block

_XP_X64, _VISTA, _WINDOWS_7, _WINDOWS_8, _WINDOWS_11_24H2 = 3790, 6000, 7600, 9200, 26100


class _Tool(NamedTuple):
    """A tool that only some builds have.

    Attributes:
        pattern: How texts name it.
        first: The first build that has it.
        instead: By language, what there is before.
    """

    pattern: re.Pattern[str]
    first: int
    instead: dict[str, str]


def _tool(pattern: str, first: int, english: str, japanese: str) -> _Tool:
    return _Tool(re.compile(pattern), first, {"en": english, "ja": japanese})


_TOOLS = (
    _tool(
        r"\bcert(util|req)\b",
        _XP_X64,
        "certutil and certreq are those of the Windows Server 2003 Administration Tools Pack",
        "certutil と certreq は Windows Server 2003 Administration Tools Pack のものを使用します",
    ),
    _tool(
        r"\bcertreq -enroll\b",
        _WINDOWS_7,
        "certreq has no -enroll: request it in the snap-in Certificates, or with certreq -new, -submit and -accept",
        "certreq に -enroll はありません。スナップイン「証明書」、または certreq -new、-submit、-accept で要求します",
    ),
    _tool(
        r"\bcertreq -accept -(user|machine)\b",
        _VISTA,
        "certreq -accept likely takes neither -user nor -machine: leave them out",
        "certreq -accept は -user や -machine を受け付けない可能性が高いため、付けずに実行します",
    ),
    _tool(
        r"\bicacls\b|\btakeown\b",
        _VISTA,
        "icacls came with Service Pack 2 of Windows Server 2003; without it use cacls, or the file's properties",
        "icacls は Windows Server 2003 SP2 以降にあります。ない場合は cacls を使用します",
    ),
    _tool(
        r"\bnetsh http\b",
        _VISTA,
        "netsh knows no http: use httpcfg of the Support Tools (httpcfg query ssl)",
        "netsh に http はありません。Support Tools の httpcfg を使用します (httpcfg query ssl)",
    ),
    _tool(
        r"(?i)\bpowershell\b|\b(Get|Set|Restart|New|Remove|Export|Import)-[A-Z]\w+",
        _WINDOWS_7,
        "PowerShell is not part of it: use services.msc, the snap-in Certificates and the tools named here",
        "PowerShell は含まれていません。services.msc、スナップイン「証明書」、ここに示したツールを使用します",
    ),
    _tool(
        r"\b(Export|Import)-PfxCertificate\b",
        _WINDOWS_8,
        "Export-PfxCertificate and Import-PfxCertificate do not exist: use certutil -exportPFX and -importPFX",
        "Export-PfxCertificate と Import-PfxCertificate はありません。certutil -exportPFX と -importPFX を使用します",
    ),
    _tool(
        r"-Cim\w+",
        _WINDOWS_8,
        "commands with Cim in their name are not there before PowerShell 3: use wmic, or Get-WmiObject",
        "名前に Cim を含むコマンドは PowerShell 3 より前にはありません。wmic または Get-WmiObject を使用します",
    ),
    _tool(
        r"\bcertlm\.msc\b",
        _WINDOWS_8,
        "certlm.msc does not exist: use mmc with the snap-in Certificates for the computer",
        "certlm.msc はありません。mmc のスナップイン「証明書」を使用します",
    ),
)
_WMIC = (
    re.compile(r"\bwmic\b"),
    {
        "en": "wmic is likely not installed: add it (optional feature WMIC), or use Get-CimInstance",
        "ja": "wmic はない可能性が高いため、追加するか (オプション機能 WMIC)、Get-CimInstance を使用します",
    },
)
_FRAME = {
    "en": "On this machine (build {build}): {notes}.",
    "ja": "このコンピューター (ビルド {build}) では: {notes}。",
}
_BETWEEN = {"en": "; ", "ja": "。"}


def about_absent_tools(blocks: Iterable[Block], build: int | None, language: str) -> tuple[Block, ...]:
    """Return what is to be said below a text of the tools that its machine lacks; nothing of a machine that has all.

    Args:
        blocks: The text.
        build: CurrentBuild of the machine; None when it is not known.
        language: Of the text.
    """
    if build is None:
        return ()
    notes = list(_notes("\n".join(block.text for block in blocks), build, language))
    if not notes:
        return ()
    text = _FRAME[language].format(build=build, notes=_BETWEEN[language].join(notes))
    return (Block("paragraph", text, is_apart=True),)


def _notes(text: str, build: int, language: str) -> Iterator[str]:
    for tool in _TOOLS:
        if build < tool.first and tool.pattern.search(text):
            yield tool.instead[language]
    pattern, gone = _WMIC
    if build >= _WINDOWS_11_24H2 and pattern.search(text):
        yield gone[language]
