"""What settings of applications name: hashes as people paste them, subjects as Kestrel takes them, and neither."""

from __future__ import annotations

import pytest

from forensics.formats.certificate_mention import MAX_MENTIONS, Mention, mentions
from tests.time_bound import within

HASH = "032e40a068868f1fe7660afbf79ba71f9dfbb4f2"
UPPER = HASH.upper()


def one(text: str) -> Mention:
    (found,) = mentions(text)
    return found


@pytest.mark.parametrize(
    ("text", "store", "of_user", "role"),
    [
        (f'<add key="SigningCertificateThumbprint" value="{HASH}" />', None, False, "uses"),
        (
            f'<serviceCertificate findValue="{HASH}" storeLocation="LocalMachine" storeName="My" '
            'x509FindType="FindByThumbprint" />',
            "My",
            False,
            "uses",
        ),
        (
            f'<clientCertificate storeName="TrustedPeople" storeLocation="CurrentUser" findValue="{HASH}" />',
            "TrustedPeople",
            True,
            "trusts",
        ),
        (f'{{"Certificate":{{"Thumbprint":"{HASH}","Store":"My","Location":"CurrentUser"}}}}', "My", True, "uses"),
        (f"[tls]\nport=1\ncertHash = {UPPER}\nother=2\n", None, False, "uses"),
        (f"server.ssl.thumbprint={HASH}\n", None, False, "uses"),
        (f"<Thumbprint>{HASH}</Thumbprint>", None, False, "uses"),
        (f'<trustedIssuers><add thumbprint="{HASH}" name="sts" /></trustedIssuers>', None, False, "trusts"),
        (f'{{"TrustedThumbprints":["{HASH}"]}}', None, False, "trusts"),
        (f'<issuerNameRegistry type="x"/><add key="Thumbprint" value="{HASH}"/>', None, False, "uses"),
        (f'<add key="commit" value="{HASH}" />', None, False, "names"),
    ],
)
def test_a_hash_and_what_stands_around_it(text: str, store: str | None, of_user: bool, role: str) -> None:
    assert one(text) == Mention(UPPER, None, store, of_user, role)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "written",
    [
        HASH,
        UPPER,
        " ".join(HASH[n : n + 2] for n in range(0, 40, 2)),
        ":".join(UPPER[n : n + 2] for n in range(0, 40, 2)),
        f"\u200e{HASH}",
        f"{HASH[:2]}\u200e{HASH[2:]}",
    ],
)
def test_a_hash_as_people_paste_it(written: str) -> None:
    assert one(f'<add key="thumbprint" value="{written}"/>').thumbprint == UPPER


@pytest.mark.parametrize(
    "text",
    [
        f"thumbprint={HASH}ab",
        f"thumbprint=ab{HASH}",
        f"thumbprint={HASH[:38]}",
        f"sha256={HASH}{HASH[:24]}",
        f'<!-- <add key="Thumbprint" value="{HASH}" /> -->',
        '{"Subject": "mail of today"}',
        "",
    ],
)
def test_what_is_no_hash_and_what_is_a_comment(text: str) -> None:
    assert list(mentions(text)) == []


def test_a_comment_that_never_ends_hides_nothing() -> None:
    assert one(f'<!-- <add key="Thumbprint" value="{HASH}" />').thumbprint == UPPER


def test_kestrel_names_a_subject_beside_a_store() -> None:
    text = '{"Certificate": {"Subject": "wac.contoso.test", "Store": "My", "Location": "LocalMachine"}}'
    assert one(text) == Mention(None, "wac.contoso.test", "My", False, "uses")


def test_each_is_told_once_and_so_many_of_a_file() -> None:
    assert len(list(mentions(f"thumbprint={HASH}\n" * 3))) == 1
    assert len(list(mentions("\n".join(f"thumbprint={n:040x}" for n in range(MAX_MENTIONS + 50))))) == MAX_MENTIONS + 1


@pytest.mark.parametrize(
    "text",
    [
        "<!--" * 260_000,
        "ab" * 500_000,
        "ab " * 340_000,
        f"<trustedIssuers>{HASH} " * 18_000,
        '{"Subject":"' * 80_000,
        "<" * 1_000_000,
    ],
    ids=["comments", "hex", "bytes", "sections", "subjects", "brackets"],
)
def test_a_hostile_file_is_read_in_bounded_time(text: str) -> None:
    with within(2):
        assert len(list(mentions(text))) <= 1
