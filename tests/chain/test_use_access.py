"""Would the account of each use open the key: the key set in which it looks, the access list, the provider, KeyIso."""

from __future__ import annotations

from dataclasses import replace

import pytest

from forensics.chain.judge import judge
from forensics.collectors.local_groups import LocalGroups
from forensics.formats.acl import INHERITED, Ace, SecurityDescriptor
from forensics.tables.key_chain import KeyVerdict
from forensics.tables.machine import UserRow
from forensics.tables.outcome import NOT_COLLECTED, Outcome
from forensics.tables.use import CertificateUseRow, ConsumerName
from testdata.builder.capi import Slot
from testdata.builder.keys import rsa_key
from tests.chain.evidence import CAPI, CNG, MASTER_KEY, SECRET, Windows
from tests.collectors.virtual import OTHER_GUID, USER_SID

KEY = rsa_key("2048-01")
READ, WRITE, INHERIT_ONLY = 0x120089, 0x120116, 0x08
SYSTEM, NETWORK_SERVICE, ADMINISTRATORS = "S-1-5-18", "S-1-5-20", "S-1-5-32-544"
MACHINE = "S-1-5-21-1-2-3"
SQL = f"{MACHINE}-1007"
DOMAIN_SQL, DOMAIN_GROUP = "S-1-5-21-7-8-9-1105", "S-1-5-21-7-8-9-2200"


@pytest.fixture(autouse=True)
def secret_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hives here are empty: DPAPI_SYSTEM is as if it had been read from them."""
    monkeypatch.setattr("forensics.chain.judge.unlock_dpapi_system", lambda _: SECRET)


def allow(sid: str, mask: int = READ, flags: int = 0) -> Ace:
    return Ace(0, flags, mask, sid)


def told(security: SecurityDescriptor | None, **use: object) -> str | None:
    windows = Windows()
    evidence = windows.evidence
    evidence.machine.machine_sid = MACHINE
    evidence.local_groups = LocalGroups({ADMINISTRATORS: frozenset({SQL})}, are_all=True)
    windows.capi("web", KEY, security=security)
    windows.certificate("AA", KEY, "web")
    given = {"thumbprint": "AA", "store": "My", "owner_sid": SYSTEM, "account": SYSTEM, **use}
    row = CertificateUseRow(machine_id=1, source_path="x", consumer="SQL Server", certainty="proved", **given)  # type: ignore[arg-type]
    evidence.certificate_uses.append(row)
    (judged,) = judge(evidence).certificate_uses
    return judged.key_access


@pytest.mark.parametrize(
    ("entries", "account", "expected"),
    [
        ([allow(SYSTEM)], SYSTEM, "ok"),
        ([allow(SYSTEM)], NETWORK_SERVICE, "denied"),
        ([allow(NETWORK_SERVICE), Ace(1, 0, READ, NETWORK_SERVICE)], NETWORK_SERVICE, "ok"),
        ([Ace(1, 0, READ, NETWORK_SERVICE), allow(NETWORK_SERVICE)], NETWORK_SERVICE, "denied"),
        ([allow(NETWORK_SERVICE, WRITE)], NETWORK_SERVICE, "denied"),
        ([allow(NETWORK_SERVICE, READ, INHERIT_ONLY)], NETWORK_SERVICE, "denied"),
        ([allow(ADMINISTRATORS)], SQL, "ok"),
        ([allow(ADMINISTRATORS)], DOMAIN_SQL, "denied"),
        ([allow(DOMAIN_GROUP)], DOMAIN_SQL, "not_examined"),
        ([allow(DOMAIN_GROUP)], SQL, "not_examined"),
        ([allow(SYSTEM), allow(DOMAIN_GROUP)], SQL, "denied"),
    ],
    ids=[
        "SYSTEM",
        "not named",
        "denied after the grant",
        "denied before the grant",
        "write only",
        "inherit only",
        "SAM lists it in Administrators",
        "SAM does not",
        "a group of the domain",
        "which alone leaves open whom it lets in",
        "which no local account is in",
    ],
)
def test_the_list_is_walked(entries: list[Ace], account: str, expected: str) -> None:
    assert told(SecurityDescriptor(SYSTEM, tuple(entries), False), account=account, service="MSSQLSERVER") == expected


def test_what_was_not_there_to_read() -> None:
    sound = SecurityDescriptor(SYSTEM, (allow(SYSTEM),), False)
    assert told(None) == "not_examined"
    assert told(sound, account=None) is None
    assert told(sound, thumbprint="BB") is None
    assert told(sound, store="Remote Desktop") is None
    assert told(SecurityDescriptor(SYSTEM, None, null_dacl=True), account=NETWORK_SERVICE) == "ok"


def judged(windows: Windows, **use: object) -> CertificateUseRow:
    """Return the judged use of certificate AA of the computer's My, by SYSTEM unless told otherwise."""
    given = {"thumbprint": "AA", "store": "MY", "owner_sid": SYSTEM, "account": SYSTEM, "consumer": "other", **use}
    row = CertificateUseRow(machine_id=1, source_path="x", certainty="proved", **given)  # type: ignore[arg-type]
    windows.evidence.certificate_uses.append(row)
    (found,) = judge(windows.evidence).certificate_uses
    return found


def opens(windows: Windows, **use: object) -> tuple[KeyVerdict, str | None]:
    found = judged(windows, **use)
    assert bool(found.opens_reason) is (found.opens != "usable")
    return found.opens, found.opens_broken_at


def admits(*sids: str) -> SecurityDescriptor:
    return SecurityDescriptor(SYSTEM, tuple(allow(sid) for sid in (SYSTEM, ADMINISTRATORS, *sids)), False)


def test_a_certificate_that_is_not_there() -> None:
    found = judged(Windows(), present=False)
    assert (found.opens, found.key_file_path) == ("unknown", None)
    assert found.opens_reason == "the certificate is not in store MY on this disk, so nothing leads to its key"


def test_a_certificate_whose_store_was_not_seen() -> None:
    found = judged(Windows())
    assert (found.opens, found.key_file_path) == ("unknown", None)
    assert found.opens_reason == "whether the certificate is in store MY is not known: that was not seen whole"


def test_a_use_of_no_known_certificate() -> None:
    assert judged(Windows(), thumbprint=None).opens_reason == "this disk does not tell which certificate it uses"


class TestTheKeySet:
    """A link without the machine-keyset flag leads into the key set of whoever opens the key."""

    @pytest.mark.parametrize(
        ("account", "expected"),
        [
            (SYSTEM, ("usable", None)),
            (NETWORK_SERVICE, ("unusable", "keyset")),
            (USER_SID, ("unusable", "keyset")),
        ],
    )
    def test_a_key_of_systems_own(self, account: str, expected: tuple[str, str | None]) -> None:
        windows = Windows()
        windows.capi("web", KEY, scope="system", security=admits(account))
        windows.certificate("AA", KEY, "web", flags=0)
        assert opens(windows, account=account) == expected

    @pytest.mark.parametrize(
        ("account", "expected"), [(SYSTEM, ("unusable", "claim")), (NETWORK_SERVICE, ("usable", None))]
    )
    def test_a_key_of_network_services_own(self, account: str, expected: tuple[str, str | None]) -> None:
        windows = Windows()
        windows.master_key(MASTER_KEY, NETWORK_SERVICE)
        windows.capi("web", KEY, scope="service", owner=NETWORK_SERVICE, security=admits(NETWORK_SERVICE))
        windows.certificate("AA", KEY, "web", flags=0)
        assert opens(windows, account=account) == expected

    @pytest.mark.parametrize(
        ("seen", "expected"),
        [
            (NOT_COLLECTED, ("unknown", None)),
            (Outcome("partial", "bad sectors"), ("unknown", None)),
            (Outcome("absent"), ("unusable", "keyset")),
        ],
        ids=["not collected", "damaged", "there is none"],
    )
    def test_where_the_accounts_own_keys_were_not_seen_whole(
        self, seen: Outcome, expected: tuple[str, str | None]
    ) -> None:
        windows = Windows()
        folders = windows.evidence.key_folders
        folders[:] = [replace(f, outcome=seen) if f.owner_sid == NETWORK_SERVICE else f for f in folders]
        windows.capi("web", KEY, scope="system", security=admits(NETWORK_SERVICE))
        windows.certificate("AA", KEY, "web", flags=0)
        assert opens(windows, account=NETWORK_SERVICE) == expected

    def test_an_account_without_profile_where_profile_list_was_not_read(self) -> None:
        windows = Windows()
        windows.capi("web", KEY, scope="system", security=admits())
        windows.certificate("AA", KEY, "web", flags=0)
        assert opens(windows, account=DOMAIN_SQL) == ("unknown", None)
        windows.evidence.certificate_uses.clear()
        windows.evidence.knows_all_profiles = True
        assert opens(windows, account=DOMAIN_SQL) == ("unusable", "keyset")

    def test_the_flag_says_nothing_of_keys_in_a_tpm(self) -> None:
        windows = Windows()
        windows.file("tpm", "web", None)
        windows.certificate("AA", KEY, "web", provider="Microsoft Platform Crypto Provider", flags=0)
        assert opens(windows, account=NETWORK_SERVICE) == ("unusable", "key_file")

    @pytest.mark.parametrize(
        ("account", "expected"), [(SYSTEM, ("unknown", None)), (NETWORK_SERVICE, ("unusable", "claim"))]
    )
    def test_a_key_of_the_machine_that_system_may_find_without_the_flag(
        self, account: str, expected: tuple[str, str | None]
    ) -> None:
        windows = Windows()
        windows.capi("web", KEY, security=admits(NETWORK_SERVICE))
        windows.certificate("AA", KEY, "web", flags=0)
        assert opens(windows, account=account) == expected

    def test_what_else_is_broken_of_such_a_key(self) -> None:
        windows = Windows()
        windows.capi("web", KEY, security=SecurityDescriptor(SYSTEM, (allow(NETWORK_SERVICE),), False))
        windows.certificate("AA", KEY, "web", flags=0)
        assert opens(windows) == ("unusable", "claim")


class TestTheAccessList:
    @pytest.mark.parametrize(
        ("account", "expected"),
        [(SYSTEM, ("usable", None)), (NETWORK_SERVICE, ("unknown", None)), (SQL, ("unknown", None))],
    )
    def test_where_it_is_not_in_the_source_only_the_owner_is_sure(
        self, account: str, expected: tuple[str, str | None]
    ) -> None:
        windows = Windows()
        windows.capi("web", KEY)
        windows.certificate("AA", KEY, "web")
        assert opens(windows, account=account) == expected

    def test_who_is_let_in_though_system_is_not(self) -> None:
        windows = Windows()
        windows.capi("web", KEY, security=SecurityDescriptor(SYSTEM, (allow(NETWORK_SERVICE),), False))
        windows.certificate("AA", KEY, "web")
        assert opens(windows, account=NETWORK_SERVICE) == ("usable", None)
        windows.evidence.certificate_uses.clear()
        assert opens(windows, account=SYSTEM) == ("unusable", "access")


class TestWhatShutsOut:
    """What a remedy must take out of the list, and whether it must add to it, for the account of the use alone."""

    @pytest.mark.parametrize(
        ("entries", "denied_by", "inherited", "not_granted"),
        [
            ([], [], False, True),
            ([Ace(1, 0, READ, NETWORK_SERVICE)], [NETWORK_SERVICE], False, True),
            ([Ace(1, INHERITED, READ, "S-1-1-0"), allow(NETWORK_SERVICE)], ["S-1-1-0"], True, False),
        ],
        ids=["not named", "denied", "denied by way of the folder, and granted"],
    )
    def test_it(self, entries: list[Ace], denied_by: list[str], inherited: bool, not_granted: bool) -> None:
        windows = Windows()
        windows.capi("web", KEY, security=SecurityDescriptor(SYSTEM, (allow(SYSTEM), *entries), False))
        windows.certificate("AA", KEY, "web")
        found = judged(windows, account=NETWORK_SERVICE)
        assert found.opens_broken_at == "access"
        assert (found.denied_by, found.denial_inherited, found.not_granted) == (denied_by, inherited, not_granted)

    def test_one_that_may_read_is_not_shut_out(self) -> None:
        windows = Windows()
        windows.capi("web", KEY, security=admits(NETWORK_SERVICE))
        windows.certificate("AA", KEY, "web")
        found = judged(windows, account=NETWORK_SERVICE)
        assert (found.key_access, found.denied_by, found.not_granted) == ("ok", [], None)


class TestWhatIsBrokenForEverybody:
    def test_no_use_says_that_a_key_lies_nowhere_on_the_disk(self) -> None:
        windows = Windows()
        windows.capi("elsewhere", KEY)
        windows.certificate("AA", KEY, "web")
        found = judged(windows)
        assert (found.opens, found.opens_broken_at) == ("unusable", "key_file")
        assert found.opens_reason == "there is no key file where the certificate's link leads"

    @pytest.mark.parametrize("account", [SYSTEM, NETWORK_SERVICE, None])
    def test_a_key_file_of_another_identity(self, account: str | None) -> None:
        windows = Windows()
        path = windows.capi("web", KEY, security=admits(NETWORK_SERVICE), guid=OTHER_GUID)
        windows.certificate("AA", KEY, "web")
        found = judged(windows, account=account)
        assert (found.opens, found.opens_broken_at, found.key_file_path) == ("unusable", "key_file", path)

    @pytest.mark.parametrize("account", [SYSTEM, NETWORK_SERVICE, None])
    def test_cng_keys_while_key_isolation_is_disabled(self, account: str | None) -> None:
        windows = Windows()
        windows.service("KeyIso", 4)
        windows.cng("web", KEY, security=admits(NETWORK_SERVICE))
        windows.certificate("AA", KEY, "web", provider=CNG)
        assert opens(windows, account=account) == ("unusable", "service")

    @pytest.mark.parametrize(
        ("consumer", "account", "expected"),
        [
            ("http.sys", SYSTEM, ("unknown", None)),
            ("LDAPS", SYSTEM, ("unknown", None)),
            ("SQL Server", SYSTEM, ("unusable", "service")),
            ("RDP", NETWORK_SERVICE, ("unusable", "service")),
        ],
    )
    def test_what_lsass_serves_itself_while_key_isolation_is_disabled(
        self, consumer: ConsumerName, account: str, expected: tuple[str, str | None]
    ) -> None:
        """That every other process fails is published; of LSASS, in which Key Isolation is, it is not."""
        windows = Windows()
        windows.service("KeyIso", 4)
        windows.cng("web", KEY, security=admits(NETWORK_SERVICE))
        windows.certificate("AA", KEY, "web", provider=CNG)
        assert opens(windows, account=account, consumer=consumer) == expected

    def test_keys_of_cryptoapi_do_not_need_it(self) -> None:
        windows = Windows()
        windows.service("KeyIso", 4)
        windows.capi("web", KEY, security=admits(NETWORK_SERVICE))
        windows.certificate("AA", KEY, "web")
        assert opens(windows, account=NETWORK_SERVICE) == ("usable", None)

    @pytest.mark.parametrize("account", [NETWORK_SERVICE, None])
    def test_a_provider_that_is_not_registered(self, account: str | None) -> None:
        windows = Windows()
        windows.providers(["microsoft strong cryptographic provider"], [])
        windows.capi("web", KEY, security=admits(NETWORK_SERVICE))
        windows.certificate("AA", KEY, "web")
        assert opens(windows, account=account) == ("unusable", "provider")

    def test_a_lost_link(self) -> None:
        windows = Windows()
        windows.capi("web", KEY, security=admits(NETWORK_SERVICE))
        windows.certificate("AA", KEY, None)
        assert opens(windows, account=NETWORK_SERVICE) == ("unusable", "claim")

    @pytest.mark.parametrize("flags", [0, 0x20])
    def test_of_an_account_that_is_not_known_nothing_else_is_said(self, flags: int) -> None:
        windows = Windows()
        windows.capi("web", KEY, security=SecurityDescriptor(SYSTEM, (), False))
        windows.certificate("AA", KEY, "web", flags=flags)
        found = judged(windows, account=None)
        assert (found.opens, found.opens_broken_at) == ("unknown", None)
        assert (
            found.opens_reason
            == "this disk does not tell which account opens the key, so whether that may is not known"
        )

    @pytest.mark.parametrize(
        ("entries", "expected"),
        [
            ([allow("S-1-5-11")], ("usable", None)),
            ([allow("S-1-1-0"), Ace(1, 0, READ, DOMAIN_GROUP)], ("usable", None)),
            ([Ace(1, 0, READ, DOMAIN_GROUP), allow("S-1-1-0")], ("unknown", None)),
            ([allow(DOMAIN_GROUP)], ("unknown", None)),
        ],
        ids=["whoever logs on", "a denial that comes too late", "a denial that may be of it", "a group"],
    )
    def test_an_account_that_only_its_domain_knows(self, entries: list[Ace], expected: tuple[str, str | None]) -> None:
        windows = Windows()
        windows.capi("web", KEY, security=SecurityDescriptor(SYSTEM, (allow(SYSTEM), *entries), False))
        windows.certificate("AA", KEY, "web")
        assert opens(windows, account=None, account_name="CONTOSO\\svc") == expected


class TestKeysOnCards:
    def test_a_smart_card(self) -> None:
        windows = Windows()
        windows.certificate("AA", KEY, "web", provider="Microsoft Smart Card Key Storage Provider")
        assert judged(windows).opens_reason == "the key is on a smart card, which no disk shows"

    def test_another_makers_provider(self) -> None:
        windows = Windows()
        windows.providers([], ["contoso hsm"])
        windows.certificate("AA", KEY, "web", provider="Contoso HSM")
        assert judged(windows).opens_reason == "the key is kept by a provider that this tool cannot look into"


class TestKeysWithoutCertificate:
    """Such as those with which IIS encrypts its configuration: the consumer names the container."""

    @pytest.mark.parametrize("account", [SYSTEM, NETWORK_SERVICE])
    def test_a_key_that_opens(self, account: str) -> None:
        windows = Windows()
        path = windows.cng("iisCngWasKey", KEY, security=admits(NETWORK_SERVICE))
        windows.capi("other", KEY)
        found = judged(windows, thumbprint=None, store=None, container="iisCngWasKey", account=account)
        assert (found.opens, found.opens_broken_at, found.key_file_path) == ("usable", None, path)

    def test_one_that_shuts_the_account_out(self) -> None:
        windows = Windows()
        windows.capi("iisWasKey", KEY, security=admits())
        use = {"thumbprint": None, "container": "iisWasKey", "account": NETWORK_SERVICE}
        assert opens(windows, **use) == ("unusable", "access")

    def test_one_of_another_identity(self) -> None:
        windows = Windows()
        windows.capi("iisWasKey", KEY, security=admits(), guid=OTHER_GUID)
        assert opens(windows, thumbprint=None, container="iisWasKey") == ("unusable", "key_file")

    def test_one_that_is_not_there(self) -> None:
        found = judged(Windows(), thumbprint=None, container="iisWasKey")
        assert (found.opens, found.opens_broken_at) == ("unusable", "key_file")
        assert found.opens_reason == "there is no key container iisWasKey on this disk"

    def test_one_that_may_lie_where_nobody_looked(self) -> None:
        assert opens(Windows(outcome=NOT_COLLECTED), thumbprint=None, container="iisWasKey") == ("unknown", None)

    def test_whoever_opens_it(self) -> None:
        windows = Windows()
        windows.capi("iisWasKey", KEY, security=admits())
        assert opens(windows, thumbprint=None, container="iisWasKey", account=None) == ("unknown", None)


def test_of_copies_in_two_stores_the_one_that_the_use_was_read_from() -> None:
    windows = Windows()
    windows.master_key(MASTER_KEY, NETWORK_SERVICE)
    windows.capi("mine", KEY, scope="service", owner=NETWORK_SERVICE, security=admits(NETWORK_SERVICE))
    windows.certificate("AA", KEY, "gone")
    windows.certificate("AA", KEY, "mine", flags=0, scope="service")
    windows.evidence.certificates[1].row.source_path = "store of the service"
    assert opens(windows, account=NETWORK_SERVICE) == ("unusable", "key_file")
    windows.evidence.certificate_uses.clear()
    row = CertificateUseRow(
        machine_id=1, source_path="store of the service", consumer="service", certainty="likely", thumbprint="AA"
    )
    windows.evidence.certificate_uses.append(replace(row, store="MY", owner_sid=SYSTEM, account=NETWORK_SERVICE))
    (found,) = judge(windows.evidence).certificate_uses
    assert found.opens == "usable"


def test_accounts_get_the_names_that_this_disk_has_for_them() -> None:
    windows = Windows()
    windows.evidence.users.append(UserRow(machine_id=1, source_path="x", sid=SQL, name="sql", kind="machine_account"))
    windows.evidence.machine.computer_name = "DB01"
    windows.capi("web", KEY, security=admits())
    windows.certificate("AA", KEY, "web")
    names = {}
    for account in (SYSTEM, "S-1-5-19", NETWORK_SERVICE, SQL, DOMAIN_SQL):
        windows.evidence.certificate_uses.clear()
        names[account] = judged(windows, account=account).account_name
    assert list(names.values()) == ["SYSTEM", "LOCAL SERVICE", "NETWORK SERVICE", "DB01\\sql", None]
    windows.evidence.certificate_uses.clear()
    assert judged(windows, account=SYSTEM, account_name="LocalSystem").account_name == "LocalSystem"


class TestKindsOfKeys:
    """A key that its account may open, and that the consumer does not take."""

    @pytest.mark.parametrize(
        ("consumer", "provider", "key_spec", "expected"),
        [
            ("SQL Server", CAPI, 2, ("unusable", "kind")),
            ("SQL Server", CAPI, 1, ("usable", None)),
            ("SQL Server", CNG, 0, ("usable", None)),
            ("EFS", CAPI, 2, ("usable", None)),
            ("SCOM agent", CNG, 0, ("unusable", "kind")),
            ("SCOM agent", CAPI, 1, ("usable", None)),
        ],
        ids=["for signatures", "for exchange", "of CNG", "no server", "CryptoAPI only", "of CryptoAPI"],
    )
    def test_one(self, consumer: ConsumerName, provider: str, key_spec: int, expected: tuple[str, str | None]) -> None:
        windows = Windows()
        if provider == CNG:
            windows.cng("web", KEY, security=admits())
        else:
            windows.capi("web", KEY if key_spec == 1 else None, Slot(KEY) if key_spec == 2 else None, security=admits())
        windows.certificate("AA", KEY, "web", provider=provider, key_spec=key_spec)
        row = CertificateUseRow(machine_id=1, source_path="x", consumer=consumer, certainty="proved", thumbprint="AA")
        windows.evidence.certificate_uses.append(replace(row, account=SYSTEM))
        (found,) = judge(windows.evidence).certificate_uses
        assert (found.opens, found.opens_broken_at) == expected

    def test_what_is_broken_before_is_told_first(self) -> None:
        windows = Windows()
        windows.capi("web", None, Slot(KEY), security=admits(), guid=OTHER_GUID)
        windows.certificate("AA", KEY, "web", key_spec=2)
        row = CertificateUseRow(machine_id=1, source_path="x", consumer="RDP", certainty="proved", thumbprint="AA")
        windows.evidence.certificate_uses.append(replace(row, account=SYSTEM))
        (found,) = judge(windows.evidence).certificate_uses
        assert found.opens_broken_at == "key_file"
