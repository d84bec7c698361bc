"""Links whose provider, type and key spec are unusual or do not go together, and containers without key."""

from __future__ import annotations

from dataclasses import replace

import pytest

from forensics.chain.judge import judge
from forensics.collectors.evidence import Providers
from forensics.tables.key_chain import KeyChainRow
from testdata.builder.capi import Slot
from testdata.builder.keys import ec_key, rsa_key
from tests.chain.evidence import CAPI, CNG, SECRET, Windows
from tests.collectors.virtual import MACHINE_GUID, OTHER_GUID

KEY, OTHER = rsa_key("2048-01"), rsa_key("2048-02")
EC = ec_key("P-256", "claims")
STRONG, AES = "Microsoft Strong Cryptographic Provider", "Microsoft Enhanced RSA and AES Cryptographic Provider"


@pytest.fixture(autouse=True)
def secret_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hives here are empty: DPAPI_SYSTEM is as if it had been read from them."""
    monkeypatch.setattr("forensics.chain.judge.unlock_dpapi_system", lambda _: SECRET)


def named(windows: Windows, provider: str, provider_type: int, key_spec: int = 1) -> KeyChainRow:
    """Judge a certificate that names the container ``web``."""
    windows.certificate("AA", KEY, "web", provider=provider, key_spec=key_spec)
    evidence = windows.evidence.certificates[-1]
    assert evidence.link is not None
    evidence.link = replace(evidence.link, provider_type=provider_type)
    (row,) = [row for row in judge(windows.evidence).key_chains if row.thumbprint]
    return row


class TestTypeZero:
    """CNG opens its own file first, then the container of CryptoAPI; .NET writes key spec 0, and sometimes 2."""

    @pytest.mark.parametrize("provider", [CAPI, STRONG, AES, AES.upper()])
    @pytest.mark.parametrize("key_spec", [0, 1, 2, 0xFFFFFFFF])
    def test_the_name_of_a_legacy_provider(self, provider: str, key_spec: int) -> None:
        windows = Windows()
        path = windows.capi("web", KEY)
        row = named(windows, provider, 0, key_spec)
        assert (row.verdict, row.broken_at, row.provider_kind, row.key_file_path) == ("usable", None, "capi", path)

    def test_the_slot_that_is_named_counts_where_both_are_filled(self) -> None:
        windows = Windows()
        windows.capi("web", Slot(KEY), Slot(OTHER))
        assert named(windows, AES, 0, 2).broken_at == "public_key"
        windows = Windows()
        windows.capi("web", Slot(OTHER), Slot(KEY))
        assert named(windows, AES, 0, 2).verdict == "usable"

    def test_its_own_file_is_opened_first(self) -> None:
        windows = Windows()
        windows.capi("web", OTHER)
        path = windows.cng("web", KEY)
        row = named(windows, AES, 0, 0)
        assert (row.verdict, row.provider_kind, row.key_file_path) == ("usable", "cng", path)

    def test_no_key_at_all(self) -> None:
        windows = Windows()
        row = named(windows, AES, 0, 0)
        assert (row.verdict, row.broken_at, row.key_file) == ("unusable", "key_file", "absent")

    @pytest.mark.parametrize("provider", [CAPI, STRONG, AES])
    @pytest.mark.parametrize("services", [{"KeyIso": 4}, {"CryptSvc": 2}])
    def test_without_key_isolation_it_is_open_whether_cng_opens_it(
        self, provider: str, services: dict[str, int]
    ) -> None:
        windows = Windows()
        windows.capi("web", KEY)
        for name, start in services.items():
            windows.service(name, start)
        row = named(windows, provider, 0)
        assert (row.verdict, row.broken_at, row.private_key, row.recoverable) == ("unknown", None, "proved", True)
        assert "by way of CNG (provider type 0): likely Windows does not open it" in row.reason
        assert row.reason.startswith("the service CNG Key Isolation (KeyIso) is ")

    def test_without_key_isolation_what_is_dead_is_dead(self) -> None:
        windows = Windows()
        windows.capi("web", OTHER)
        windows.service("KeyIso", 4)
        row = named(windows, AES, 0)
        assert (row.verdict, row.broken_at) == ("unusable", "public_key")

    @pytest.mark.parametrize(("provider", "provider_type"), [(CAPI, 12), (STRONG, 1), (AES, 24)])
    def test_key_isolation_is_nothing_to_cryptoapi(self, provider: str, provider_type: int) -> None:
        windows = Windows()
        windows.capi("web", KEY)
        windows.service("KeyIso", 4)
        assert named(windows, provider, provider_type).verdict == "usable"

    def test_its_own_file_of_cng_does_not_open_without_key_isolation(self) -> None:
        windows = Windows()
        windows.cng("web", KEY)
        windows.service("KeyIso", 4)
        row = named(windows, AES, 0, 0)
        assert (row.verdict, row.broken_at) == ("unusable", "service")


class TestType:
    @pytest.mark.parametrize(("provider", "provider_type"), [(STRONG, 12), (STRONG, 24), (CAPI, 1), (AES, 12)])
    def test_that_of_another_provider(self, provider: str, provider_type: int) -> None:
        windows = Windows()
        windows.capi("web", KEY)
        types = {STRONG.lower(): 1, CAPI.lower(): 12, AES.lower(): 24}
        windows.evidence.providers = Providers(frozenset(types), frozenset(), types)
        row = named(windows, provider, provider_type)
        assert (row.verdict, row.broken_at, row.recoverable) == ("unusable", "provider", True)
        assert (row.key_file, row.public_key, row.private_key) == ("present", "match", "proved")

    def test_a_key_storage_provider_with_a_type_of_cryptoapi(self) -> None:
        windows = Windows()
        windows.cng("web", KEY)
        windows.evidence.providers = Providers(frozenset({STRONG.lower()}), frozenset({CNG.lower()}))
        row = named(windows, CNG, 12)
        assert (row.verdict, row.broken_at, row.recoverable) == ("unusable", "provider", True)

    def test_a_type_of_which_the_disk_says_nothing(self) -> None:
        windows = Windows()
        windows.capi("web", KEY)
        assert named(windows, STRONG, 24).verdict == "usable"


class TestEmptyContainers:
    """Programs make a container and put no key in it: six of six on a real XP."""

    @pytest.mark.parametrize("guid", [MACHINE_GUID, OTHER_GUID])
    def test_without_certificate_there_is_nothing_to_judge(self, guid: str) -> None:
        windows = Windows()
        windows.capi("web", None, guid=guid)
        judged = judge(windows.evidence)
        assert judged.key_chains == []
        assert [row.container for row in judged.key_files] == ["web"]

    @pytest.mark.parametrize("provider_type", [0, 12])
    def test_a_certificate_that_names_one_is_broken(self, provider_type: int) -> None:
        windows = Windows()
        windows.capi("web", None)
        row = named(windows, CAPI, provider_type)
        assert (row.verdict, row.broken_at, row.reason) == ("unusable", "claim", "the key container is empty")

    def test_beside_others_it_changes_nothing(self) -> None:
        windows = Windows()
        windows.capi("web", KEY)
        windows.capi("empty", None)
        windows.cng("own", EC)
        rows = judge(windows.evidence).key_chains
        assert sorted((row.container, row.verdict) for row in rows) == [("own", "usable"), ("web", "usable")]


class TestSharedKeys:
    def test_one_key_of_two_certificates(self) -> None:
        windows = Windows()
        windows.capi("web", KEY)
        for thumbprint in ("AA", "BB"):
            windows.certificate(thumbprint, KEY, "web")
        rows = judge(windows.evidence).key_chains
        assert [(row.thumbprint, row.verdict) for row in rows] == [("AA", "usable"), ("BB", "usable")]

    def test_one_key_as_a_file_of_cng_and_of_cryptoapi(self) -> None:
        """NCRYPT_WRITE_KEY_TO_LEGACY_STORE_FLAG writes both."""
        windows = Windows()
        windows.capi("web", KEY)
        path = windows.cng("web", KEY)
        row = named(windows, CNG, 0, 0)
        assert (row.verdict, row.key_file_path) == ("usable", path)
        assert [row.verdict for row in judge(windows.evidence).key_chains] == ["usable", "usable"]
