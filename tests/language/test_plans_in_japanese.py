"""Plans of a migration and answers on attestation hold no English in Japanese, but names, commands and titles."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache

import lxml.html
import pytest

import forensics
from forensics.language import speaking
from forensics.report.result import Result
from tests.examined import examined

MAKERS: dict[str, Callable[[], Result]] = {
    "host to host": lambda: forensics.plan_migration(examined("hyperv-source"), examined("hyperv-target")),
    "back": lambda: forensics.plan_migration(examined("hyperv-target"), examined("hyperv-source")),
    "to a guarded host": lambda: forensics.plan_migration(examined("hyperv-source"), examined("hyperv-hgs")),
    "exports": lambda: forensics.plan_migration(None, examined("hyperv-target"), examined("hyperv-source")),
    "attestation": lambda: forensics.attest(examined("attest-ca"), [examined("tpm-laptop"), examined("laptop")]),
    "attestation by a bare authority": lambda: forensics.attest(examined("attest-ca-bare"), examined("healthy")),
}
STAYING = (
    "Savill, Mastering Windows Server 2016 Hyper-V, p. 363",
    "Microsoft SupportArticles, shielded VM and Host Guardian Service",
    "System Center support, event 10698",
    "say-tech.co.jp, yamanxworld vol. 156",
    "keymortem explain",
    "WEB01 - before the update",
    "(Get-TpmEndorsementKeyInfo -HashAlgorithm sha256).PublicKeyHash",
    "(Get-TpmEndorsementKeyInfo).ManufacturerCertificates",
    "Microsoft Software Key Storage Provider",
    "Host Guardian Service",
    "Contoso Issuing CA",
    "Other Maker Root",
    "TPM Maker Root",
    "TPM Maker CA",
    "TPM EK LAP-77",
)
"""Titles of what answers are from, commands within sentences, and names of several words: Windows' and forged ones."""
WORDS = {
    *("BitLocker", "PowerShell", "Windows", "Hyper-V", "True", "My"),
    *("UntrustedGuardian", "BranchGuardian", "AttestedVPN", "AttestedWrong", "EKPub", "EKCertStore"),
    *("Export-HgsGuardian", "Remove-HgsGuardian", "New-HgsGuardian", "Get-Help", "Set-VMKeyProtector"),
    *("Grant-HgsKeyProtectorAccess", "Set-HgsClientConfiguration", "Confirm-CAEndorsementKeyInfo"),
    *("RestoreLastKnownGoodKeyProtector", "EnableLocalMode", "AllowExpired", "vTPM"),
}
"""Names of one word in which small letters are."""
COMMAND = " " * 7
"""What commands stand behind in a text; lists in a step stand behind fewer blanks."""
_UNSAID = re.compile(r"\b[0-9a-f]{64}\b|\b[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\b|0x[0-9A-F]+|\S*\\\S*")
"""Digests, GUIDs, codes and paths."""
_WORD = re.compile(r"[A-Za-z][A-Za-z-]*[A-Za-z]")


@cache
def made(name: str) -> Result:
    return MAKERS[name]()


def words(text: str) -> Iterator[str]:
    """Yield the words of Latin letters in a text that is no command: those in capitals alone are abbreviations."""
    for name in STAYING:
        text = text.replace(name, " ")
    yield from (word for word in _WORD.findall(_UNSAID.sub(" ", text)) if word != word.upper())


def text_of(name: str) -> str:
    """Return the text of a result without its commands."""
    with speaking("ja"):
        return "\n".join(line for line in made(name).render("text").splitlines() if not line.startswith(COMMAND))


def page_of(name: str) -> str:
    """Return what the page of a result shows, without its commands."""
    tree = lxml.html.document_fromstring(forensics.render(made(name), "html", language="ja"))
    for element in tree.xpath("//style | //script | //pre"):
        element.getparent().remove(element)
    return "\n".join(tree.itertext())


@pytest.mark.parametrize("name", MAKERS)
def test_the_text_holds_no_english(name: str) -> None:
    assert sorted(set(words(text_of(name))) - WORDS) == []


@pytest.mark.parametrize("name", MAKERS)
def test_the_page_holds_no_english(name: str) -> None:
    assert sorted(set(words(page_of(name))) - WORDS - {"keymortem"}) == []


def test_every_exception_stands_in_one_of_the_texts() -> None:
    texts = "\n".join(map(text_of, MAKERS))
    assert [name for name in STAYING if name not in texts] == []
    assert WORDS - set(words(texts)) == set()


def test_a_word_of_english_is_found() -> None:
    assert list(words("WEB01 の TPM: the key、UntrustedGuardian")) == ["the", "key", "UntrustedGuardian"]


def test_a_command_is_labelled_in_japanese() -> None:
    with speaking("ja"):
        assert "       # PowerShell (管理者として実行)" in made("back").render("text").splitlines()
