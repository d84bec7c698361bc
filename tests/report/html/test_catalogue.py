"""The report in Japanese: every word of its own is there, and the sentences that other modules write are found."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import lxml.html
import pytest

import forensics.report.html.chains as chains
import forensics.report.html.page as page
import forensics.report.html.tables as tables
import forensics.report.html.times as times
from forensics.chain.undecided import REASONS as OPEN
from forensics.language import standing
from forensics.rendering import render
from forensics.report.facts import Facts
from forensics.report.html.catalogue import Catalogue
from forensics.report.reason import reason_of
from forensics.tables.certificate import KeyFileRow
from forensics.tables.key_chain import KeyChainRow
from tests.hand_made import OLD_FILE, OLD_GUID, OLD_NAME, case, chain, dead_chain
from tests.language.translations import translated
from tests.time_bound import within

PACKAGE = Path(page.__file__).parent
ENTRIES: dict[str, dict[str, str]] = json.loads((PACKAGE / "ja.json").read_text(encoding="utf-8"))
JAPANESE = {**translated(), **ENTRIES["sentences"]}
VALUES = re.compile(r"\{[a-z_]+\}")
ENGLISH = re.compile(r"\b[a-z]{2,} [a-z]{2,}")


def own_words() -> Iterator[str]:
    for template in PACKAGE.glob("*.j2"):
        yield from re.findall(r"\bt\('((?:[^'\\]|\\.)*)'", template.read_text(encoding="utf-8"))
    for module in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if called == "t":
                    yield str(node.args[0].value)
    for words in (chains._TITLES, chains._WORDS, tables.VERDICTS, tables.OPENS, times.LANES, page.GROUP_TITLES):
        yield from words.values()
    yield from (
        "critical",
        "high",
        "medium",
        "low",
        "info",
        "proved",
        "likely",
        "possible",
        "candidate",
        "yes",
        "no",
        "unknown",
    )


def test_every_word_of_the_report_is_translated() -> None:
    missing = sorted({word for word in own_words() if word not in JAPANESE and word != "–"})
    assert missing == []


def test_translations_put_in_the_same_values() -> None:
    for english, japanese in JAPANESE.items():
        assert sorted(VALUES.findall(english)) == sorted(VALUES.findall(japanese)), english


def test_sentences_of_hostile_names_do_not_take_long() -> None:
    assert max(len(VALUES.findall(english)) for english in ENTRIES["sentences"]) <= 4
    ja = Catalogue("ja")
    with within(0.2):
        for n in range(20):
            ja.sentence(f"{n} in store : ends, flags , key spec (set " * 9)


REASONS = (
    "the provider 'Acme KSP' is not registered on this disk",
    "the provider 'Microsoft Strong Cryptographic Provider' is of type 1, and the link names it with 12",
    "'Microsoft Software Key Storage Provider' is a key storage provider, and its type is 0; the link says 12",
    "the certificate's link to its key (KEY_PROV_INFO) is missing",
    "the certificate's link to its key (KEY_PROV_INFO) cannot be read",
    "the certificate is the computer's, the key lies in the profile of S-1-5-20",
    "KEY_PROV_INFO lacks the machine-keyset flag, so Windows does not look among the machine keys",
    f"KEY_PROV_INFO names a key file of MachineGuid {OLD_GUID}, which this machine no longer has",
    "KEY_PROV_INFO names the signature slot, which is empty",
    "the key container is empty",
    "the key file is not on this disk",
    "the key file is empty, truncated or lies about its lengths",
    OLD_NAME,
    f"there is no key file where the certificate's link leads; the key lies in {OLD_FILE}",
    "there is no key file where the certificate's link leads",
    f"there is no key file where the certificate's link leads; {OLD_FILE} has its public key, and does not open with "
    "what this disk holds",
    f"there is no key file where the certificate's link leads; the key lies in {OLD_FILE} of WEB02",
    "no container leads to this file name",
    "the key file holds another key than the certificate's",
    "the access list of the key file shuts out SYSTEM (S-1-5-18), which must read it",
    f"master key {OLD_GUID} is not on this disk",
    f"master key {OLD_GUID} is not where Windows looks for it",
    f"master key {OLD_GUID} is not where Windows looks for it; a file of it lies in 1/{OLD_GUID}",
    f"master key {OLD_GUID} cannot be read",
    f"master key {OLD_GUID} cannot be read; a file of it lies in 1/{OLD_GUID}",
    f"master key {OLD_GUID} opens only with the previous DPAPI_SYSTEM (OldVal), which Windows no longer uses",
    f"no DPAPI_SYSTEM secret on this disk opens master key {OLD_GUID}",
    f"no DPAPI_SYSTEM secret that could be read opens master key {OLD_GUID}",
    f"only the DPAPI_SYSTEM of the backup hives in W/System32/config/RegBack opens master key {OLD_GUID}; Windows no "
    "longer has that secret",
    f"only the DPAPI_SYSTEM of the hives in W/System32/config opens master key {OLD_GUID}; "
    "Windows no longer has that secret",
    "the private key's DPAPI blob is damaged",
    "the key lived for one boot only (VBS per-boot key)",
    "the service CNG Key Isolation (KeyIso) is disabled",
    "it is a key file of CryptoAPI (CAPI) in a folder of CNG, where CryptoAPI (CAPI) does not look",
)
"""What the chain gives for reasons."""

DOUBTS = (
    "how CryptoAPI spells '証明書' in the name of a key file could not be shown: the name is not ASCII",
    "the key's DPAPI blob opens and is whole; its kind (ML-DSA) is not modelled, so the key in it is not checked",
    "the key's DPAPI blob opens and is whole; its form (RSA1) is not modelled, so the key in it is not checked",
    "the key's DPAPI blob opens and is whole; its form is not modelled, so the key in it is not checked",
    "SYSTEM: not in this source",
    "SECURITY: it was being written when it was copied, and its logs are not here: what it says may be old",
    "SOFTWARE: a list of sub-keys above it is damaged",
    "SOFTWARE: this copy of the hive holds some of its keys only",
    "the key file could not be read: Permission denied: run keymortem as a user who may read it",
    "the key file could not be read: packed with Deflate64, which is not unpacked here: unpack the archive and examine "
    "the folder",
    f"master key {OLD_GUID} of S-1-5-18 lies in 1/{OLD_GUID}, in the folder of S-1-5-20; whether Windows looks there "
    "is not published",
    f"master key {OLD_GUID} of S-1-5-19 lies in 1/{OLD_GUID}, in the profile of S-1-5-20; whether Windows looks "
    "there is not published",
    f"the file of master key {OLD_GUID}, 1/{OLD_GUID}, is damaged, and 2/{OLD_GUID} opens; whether Windows reads that "
    "is not published",
    f"the file of master key {OLD_GUID} does not open, and its copy 1/{OLD_GUID} does",
    f"master key {OLD_GUID} could not be read: encrypted by EFS: only who holds its key can read it",
    "under the name of the container lies a file of another kind: it is a key file of CryptoAPI (CAPI) in a folder of "
    "CNG, where CryptoAPI (CAPI) does not look; whether Windows opens it all the same is not "
    "published",
    "the access list of the key file could not be read: not in this source",
    "SOFTWARE has no MachineGuid: for which machine key files must be named is not known",
    "SOFTWARE has MachineGuid in its 32-bit view (WOW6432Node) only: for which machine key files must be named is not "
    "known",
    "MachineGuid in SOFTWARE is no GUID: for which machine key files must be named is not known",
    "MachineGuid in SOFTWARE is empty: for which machine key files must be named is not known",
    "MachineGuid in SOFTWARE is no text (its type is 4): for which machine key files must be named is not known",
    f"master key {OLD_GUID} opens with the backup key of the domain; that DPAPI_SYSTEM, with which Windows opens it, "
    "does so too was not shown",
    *sorted(OPEN),
    f"the access list of the file of master key {OLD_GUID} could not be read: not in this source",
    "the service CNG Key Isolation (KeyIso) is disabled, and the certificate leads to its CryptoAPI container by way "
    "of CNG (provider type 0): likely Windows does not open it; that is published of keys of CNG only",
    "the service CNG Key Isolation (KeyIso) is not registered: its key is gone, which likely disables it, and the "
    "certificate leads to its CryptoAPI container by way of CNG (provider type 0): likely Windows does not open it; "
    "that is published of keys of CNG only",
)
"""What it gives where a verdict is unknown for want of evidence."""


def told() -> Iterator[KeyChainRow]:
    yield from (dead_chain(reason=reason) for reason in REASONS)
    yield dead_chain(reason="")
    yield from (chain(verdict="unknown", reason=reason) for reason in DOUBTS)
    yield chain(access="too_open")
    for values in (
        {"private_key": "needs_pin"},
        {"private_key": "needs_pin", "provider_kind": "smart_card"},
        {"private_key": "sealed_tpm"},
        {"private_key": "sealed_vbs"},
        {"provider_kind": "other"},
        {"key_file": "not_examined"},
        {"master_key": "not_examined"},
        {"unlocked_by": "not_tried"},
        {"unlocked_by": "not_tried", "key_file_path": "user"},
        {"unlocked_by": "nothing", "key_file_path": "user"},
        {"unlocked_by": "current"},
    ):
        yield chain(verdict="unknown", **values)


@pytest.mark.parametrize("row", list(told()), ids=lambda row: row.reason or str(row.private_key))
def test_what_is_said_of_a_chain_is_translated(row: KeyChainRow) -> None:
    user = KeyFileRow(machine_id=1, source_path="user", path="user", file_name="user", kind="cng", scope="user")
    said = Catalogue("ja").sentence(reason_of(row, Facts(case(user))))
    # Names stay as they are.
    assert not ENGLISH.search(said.replace("CNG Key Isolation", "")), said
    assert said.endswith("。")


OF_USES = (
    "KEY_PROV_INFO lacks the machine-keyset flag, so NT Service\\SQL (S-1-5-80-1) looks among its own keys; the key "
    "lies among those of SYSTEM",
    "KEY_PROV_INFO lacks the machine-keyset flag, so SYSTEM (S-1-5-18) looks among its own keys; the key lies "
    "among the machine's",
    "KEY_PROV_INFO lacks the machine-keyset flag, so A (S-1-5-18) looks among its own keys, and the key is not there",
    "KEY_PROV_INFO lacks the machine-keyset flag, and the key lies among the machine's; SYSTEM was seen to open such "
    "keys all the same",
    "CNG Key Isolation (KeyIso) does not start, and whether LSASS, which does TLS for this, needs it is not published",
    "the access list of the key file shuts out CONTOSO\\sql (S-1-5-19), which must read it",
    "the access list of the key file, which CONTOSO\\sql (S-1-5-19) must read, was not read",
    "whether the access list of the key file lets in CONTOSO\\sql (S-1-5-19) rests on what is not known of its groups",
    "CONTOSO\\gone is no account that this disk knows by its SID, so whether that may is not known",
    "this disk does not tell which account opens the key, so whether that may is not known",
    "this disk does not tell which certificate it uses",
    "the certificate is not in store MY on this disk, so nothing leads to its key",
    "the certificate is not in any store on this disk, so nothing leads to its key",
    "whether the certificate is in store MY is not known: that was not seen whole",
    "whether the certificate is in any store is not known: that was not seen whole",
    "its key lies where the policy was made",
    "nothing says that its key should be on this machine",
    "there is no key container iisWasKey on this disk",
    "where the key container iisWasKey would lie was not seen whole",
    "SCOM agent takes keys of CryptoAPI only, and 'A KSP' is reached through CNG",
    "KEY_PROV_INFO names a key for signatures (AT_SIGNATURE); Schannel serves with keys for exchange only",
)
"""What judging a use gives for reasons, beside those of the chain."""


@pytest.mark.parametrize("reason", OF_USES)
def test_what_is_said_of_a_use_is_translated(reason: str) -> None:
    said = Catalogue("ja").sentence(standing(reason))
    assert not ENGLISH.search(re.sub("NT Service|CNG Key Isolation", "", said)), said
    assert said.endswith("。")


def test_sentences_with_values() -> None:
    ja = Catalogue("ja").sentence
    assert ja("The previous DPAPI_SYSTEM was set") == "以前の DPAPI_SYSTEM の設定"
    assert ja("CN=a in store MY in store MY: ends") == "CN=a (ストア MY in store MY): 有効期間の終了"
    assert ja("vm1: undecided; no Hyper-V host was examined with it") == (
        "vm1: 判定不能。Hyper-V ホストが一緒に調査されていません"
    )
    assert ja("Nobody ever wrote this. It stays.") == "Nobody ever wrote this. It stays."
    assert Catalogue("en").sentence("It stays.") == "It stays."


def test_page_in_japanese_holds_no_english_of_its_own() -> None:
    parsed = lxml.html.document_fromstring(
        render(case(chain(verdict="unknown", private_key="sealed_tpm")), "html", language="ja")
    )
    for element in parsed.xpath("//script | //style | //code | //pre | //title | //*[@class='problems']"):
        element.drop_tree()
    texts = [" ".join(str(text).split()) for text in parsed.xpath("//body//text() | //@aria-label | //@title")]
    known = re.compile(
        r"Windows Server 2019 Standard|Microsoft Enhanced Cryptographic Provider|Windows/|key spec|flags"
    )
    assert [text for text in texts if ENGLISH.search(text) and not known.search(text)] == []
    assert "WEB01 の秘密キー 3 個のうち 1 個を Windows は開けません" in parsed.xpath("string(//h1)")


@pytest.mark.parametrize(
    "detail",
    [
        "it was searched",
        "all 3 were searched",
        "1 of 3 were searched, which was enough",
        "a shadow copy was not searched: its blocks are put together by libvshadow, which is missing: pip install "
        "'keymortem[shadow]'",
        "only the newest 64 of 70 shadow copies are searched",
    ],
)
def test_what_became_of_shadow_copies_is_translated(detail: str) -> None:
    said = Catalogue("ja").sentence(detail)
    assert not ENGLISH.search(said.replace("pip install", "")), said
