"""From certificates and key files to the rows that design.md, section 3 states for each state of a chain."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from forensics.chain.across import found_elsewhere
from forensics.chain.judge import Judge, judge
from forensics.collectors.evidence import KeyFolder
from forensics.collectors.service_identities import ServiceIdentity
from forensics.dpapi.user_secrets import UserSecrets
from forensics.formats.acl import parse_security_descriptor
from forensics.formats.pcpkey import parse_pcpkey
from forensics.tables.certificate import KeyFileScope
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.outcome import NOT_COLLECTED, PRESENT, Outcome
from testdata.builder import acl
from testdata.builder.capi import Slot
from testdata.builder.dpapi import make_master_key, password_prekey
from testdata.builder.keys import ec_key, rsa_key
from testdata.builder.pcpkey import make_pcpkey, pcp_blob
from tests.chain.evidence import CAPI, CNG, MASTER_KEY, SECRET, Key, Windows, name_hash, public
from tests.collectors.virtual import MACHINE_GUID, OTHER_GUID, USER_SID

KEY, OTHER, THIRD = rsa_key("2048-01"), rsa_key("2048-02"), rsa_key("2048-03")
EC = ec_key("P-256", "judge")
# As sc.exe showsid TermService prints it.
TERM_SERVICE = "S-1-5-80-446051430-1559341753-4161941529-1950928533-810483104"
FOREIGN = make_master_key("foreign", "S-1-5-18", b"z" * 20, rounds=1)


@pytest.fixture(autouse=True)
def secret_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hives here are empty: DPAPI_SYSTEM is as if it had been read from them."""
    monkeypatch.setattr("forensics.chain.judge.unlock_dpapi_system", lambda _: SECRET)


def chains(windows: Windows) -> list[KeyChainRow]:
    return judge(windows.evidence).key_chains


def only(windows: Windows) -> KeyChainRow:
    (row,) = chains(windows)
    return row


def told(row: KeyChainRow) -> tuple[str, str | None, str, bool | None, str]:
    return row.verdict, row.broken_at, row.key_file, row.recoverable, row.known_by


def test_a_sound_machine_key() -> None:
    windows = Windows()
    path = windows.capi("web", Slot(KEY, exportable=True))
    windows.certificate("AA", KEY, "web")
    row = only(windows)
    assert told(row) == ("usable", None, "present", None, "decryption")
    assert (row.thumbprint, row.store, row.store_scope, row.owner_sid) == ("AA", "MY", "machine", "S-1-5-18")
    assert (row.container, row.provider_kind, row.key_file_path, row.public_key) == ("web", "capi", path, "match")
    assert (row.master_key, row.master_key_guid, row.unlocked_by) == ("present", MASTER_KEY.guid, "current")
    assert (row.private_key, row.exportable, row.access, row.reason) == ("proved", "yes", "not_examined", "")
    assert (row.recoverable_from, row.recoverable_on) == (None, None)


class TestClaim:
    @pytest.mark.parametrize("store", ["MY", "Remote Desktop", "Shielded VM Local Certificates", "WebHosting"])
    def test_without_key_prov_info_the_key_is_found_by_its_public_half(self, store: str) -> None:
        windows = Windows()
        path = windows.capi("web", KEY)
        windows.certificate("AA", KEY, None, store=store)
        row = only(windows)
        assert told(row) == ("unusable", "claim", "present", True, "public_key")
        assert (row.key_file_path, row.public_key, row.private_key) == (path, "match", "proved")
        assert row.reason == "the certificate's link to its key (KEY_PROV_INFO) is missing"

    @pytest.mark.parametrize("store", ["Root", "CA", "EKCertStore", "TrustedPeople"])
    def test_other_stores_hold_certificates_without_keys(self, store: str) -> None:
        windows = Windows()
        windows.certificate("AA", KEY, None, store=store)
        assert chains(windows) == []

    def test_without_key_prov_info_and_without_key(self) -> None:
        windows = Windows()
        windows.capi("web", OTHER)
        windows.certificate("AA", KEY, None)
        row = chains(windows)[0]
        assert told(row) == ("unusable", "claim", "absent", False, "inference")
        windows = Windows(outcome=NOT_COLLECTED)
        windows.certificate("AA", KEY, None)
        assert told(only(windows))[2:4] == ("not_examined", None)

    def test_without_key_prov_info_a_key_under_another_suffix_is_named_so(self) -> None:
        windows = Windows()
        windows.capi("web", KEY, guid=OTHER_GUID)
        windows.certificate("AA", KEY, None)
        assert told(only(windows)) == ("unusable", "claim", "other_machine_guid", True, "public_key")

    def test_the_slot_that_is_named_is_empty(self) -> None:
        windows = Windows()
        windows.capi("web", KEY)
        windows.certificate("AA", KEY, "web", key_spec=2)
        row = only(windows)
        assert told(row) == ("unusable", "claim", "present", True, "public_key")
        assert row.reason == "KEY_PROV_INFO names the signature slot, which is empty"

    def test_the_slot_that_is_named_counts(self) -> None:
        windows = Windows()
        windows.capi("web", Slot(OTHER), Slot(KEY))
        windows.certificate("AA", KEY, "web", key_spec=2)
        windows.certificate("BB", KEY, "web", key_spec=1)
        signature, exchange = chains(windows)
        assert told(signature) == ("usable", None, "present", None, "decryption")
        assert told(exchange)[:4] == ("unusable", "public_key", "present", True)
        assert exchange.reason == "the key file holds another key than the certificate's"

    def test_a_container_without_any_key(self) -> None:
        windows = Windows()
        windows.capi("web", None)
        windows.certificate("AA", KEY, "web")
        row = only(windows)
        assert told(row)[:3] == ("unusable", "claim", "present")
        assert row.reason == "the key container is empty"

    def test_without_the_flag_a_machines_key_is_not_looked_for_among_the_machines(self) -> None:
        windows = Windows()
        path = windows.capi("web", KEY)
        windows.certificate("AA", KEY, "web", flags=0)
        row = only(windows)
        assert told(row) == ("unusable", "claim", "present", True, "public_key")
        assert (row.key_file_path, row.reason) == (
            path,
            "KEY_PROV_INFO lacks the machine-keyset flag, so Windows does not look among the machine keys",
        )

    def test_without_the_flag_systems_own_keys_are_fine(self) -> None:
        windows = Windows()
        own = windows.capi("web", KEY, scope="system")
        windows.capi("web", OTHER)
        windows.certificate("AA", KEY, "web", flags=0)
        row = chains(windows)[0]
        assert (told(row), row.key_file_path) == (("usable", None, "present", None, "decryption"), own)

    def test_the_key_of_a_computers_certificate_lies_in_a_profile(self) -> None:
        windows = Windows()
        windows.capi("web", KEY, scope="user", owner=USER_SID)
        windows.certificate("AA", KEY, "web", flags=0)
        row = only(windows)
        assert told(row)[:3] == ("unusable", "claim", "present")
        assert row.reason == f"the certificate is the computer's, the key lies in the profile of {USER_SID}"

    def test_a_users_certificate_is_looked_for_in_its_own_profile(self) -> None:
        windows = Windows()
        windows.capi("web", KEY)
        windows.capi("web", OTHER, scope="user", owner="S-1-5-21-9-9-9-1001")
        windows.certificate("AA", KEY, "web", flags=0, scope="user", owner=USER_SID)
        assert told(chains(windows)[0])[:4] == ("unusable", "key_file", "absent", True)

    def test_the_claim_names_a_file(self) -> None:
        windows = Windows()
        path = windows.capi("web", KEY)
        windows.certificate("AA", KEY, f"{name_hash('capi', 'web')}_{MACHINE_GUID}".upper())
        row = only(windows)
        assert (told(row), row.key_file_path) == (("usable", None, "present", None, "decryption"), path)

    def test_the_claim_names_a_file_of_an_earlier_machine_guid(self) -> None:
        windows = Windows()
        windows.capi("web", KEY)
        windows.certificate("AA", KEY, f"{name_hash('capi', 'web')}_{OTHER_GUID}")
        row = only(windows)
        assert told(row) == ("unusable", "claim", "present", True, "public_key")
        assert (
            row.reason
            == f"KEY_PROV_INFO names a key file of MachineGuid {OTHER_GUID}, which this machine no longer has"
        )


class TestKeyFile:
    def test_under_another_suffix_only(self) -> None:
        windows = Windows()
        path = windows.capi("web", KEY, guid=OTHER_GUID)
        windows.certificate("AA", KEY, "web")
        row = only(windows)
        assert told(row) == ("unusable", "key_file", "other_machine_guid", True, "inference")
        assert (row.key_file_path, row.private_key, row.unlocked_by) == (path, "proved", "current")
        expected = f"the key file is named for MachineGuid {OTHER_GUID}; this machine's is {MACHINE_GUID}"
        assert row.reason == expected

    def test_the_current_suffix_counts_although_another_file_holds_the_right_key(self) -> None:
        windows = Windows()
        right = windows.capi("web", KEY, guid=OTHER_GUID)
        path = windows.capi("web", OTHER)
        windows.certificate("AA", KEY, "web")
        row, orphan = chains(windows)
        assert (told(row), row.key_file_path) == (("unusable", "public_key", "present", True, "public_key"), path)
        assert (row.public_key, row.recoverable_from) == ("mismatch", right)
        assert (orphan.thumbprint, orphan.key_file_path, orphan.key_file) == (None, right, "other_machine_guid")

    def test_of_several_suffixes_the_file_with_the_right_key_is_judged_else_the_newest(self) -> None:
        guids = [f"{number:08}-0000-0000-0000-000000000000" for number in range(3)]
        windows = Windows()
        windows.capi("web", OTHER, guid=guids[0], year=2025)
        right = windows.capi("web", KEY, guid=guids[1], year=2022)
        newest = windows.capi("web", OTHER, guid=guids[2], year=2026)
        windows.certificate("AA", KEY, "web")
        windows.certificate("BB", THIRD, "web")
        rows = {row.thumbprint: row.key_file_path for row in chains(windows) if row.thumbprint}
        assert rows == {"AA": right, "BB": newest}

    def test_absent_only_where_every_folder_was_seen(self) -> None:
        windows = Windows()
        windows.certificate("AA", KEY, "web")
        row = only(windows)
        assert told(row) == ("unusable", "key_file", "absent", False, "inference")
        assert (row.key_file_path, row.private_key, row.reason) == (
            None,
            "not_examined",
            "the key file is not on this disk",
        )
        windows = Windows(outcome=NOT_COLLECTED)
        windows.certificate("AA", KEY, "web")
        assert told(only(windows)) == ("unknown", None, "not_examined", None, "inference")
        windows = Windows(outcome=Outcome("unreadable", "damaged"))
        windows.certificate("AA", KEY, "web")
        assert told(only(windows)) == ("unknown", None, "not_examined", None, "inference")

    def test_unreadable(self) -> None:
        windows = Windows()
        path = windows.file("capi", "web", None)
        windows.certificate("AA", KEY, "web")
        row = only(windows)
        assert told(row) == ("unusable", "key_file", "unreadable", False, "inference")
        assert (row.key_file_path, row.reason) == (
            path,
            "the key file is empty, truncated or lies about its lengths",
        )

    def test_cng_looks_into_its_own_files_first_and_then_into_containers_of_capi(self) -> None:
        windows = Windows()
        fallback = windows.capi("web", KEY)
        windows.certificate("AA", KEY, "web", provider=CNG, key_spec=0)
        row = only(windows)
        assert (told(row)[:3], row.key_file_path, row.provider_kind) == (("usable", None, "present"), fallback, "cng")
        own = windows.cng("web", KEY)
        row = chains(windows)[0]
        assert (told(row)[:3], row.key_file_path) == (("usable", None, "present"), own)

    def test_a_cng_file_under_another_suffix_does_not_hide_a_container_that_opens(self) -> None:
        windows = Windows()
        windows.cng("web", KEY, guid=OTHER_GUID)
        container = windows.capi("web", KEY)
        windows.certificate("AA", KEY, "web", provider=CNG, key_spec=0)
        row = chains(windows)[0]
        assert (told(row)[:3], row.key_file_path) == (("usable", None, "present"), container)

    def test_capi_does_not_look_into_files_of_cng(self) -> None:
        windows = Windows()
        windows.cng("web", KEY)
        windows.certificate("AA", KEY, "web")
        row = chains(windows)[0]
        assert told(row)[:4] == ("unusable", "key_file", "absent", True)
        assert row.reason == (
            "there is no key file where the certificate's link leads; the key lies in %SystemDrive%\\"
            + (row.recoverable_from or "").replace("/", "\\")
        )

    def test_without_machine_guid_a_suffix_proves_nothing(self) -> None:
        windows = Windows(guid=None)
        windows.capi("web", KEY, guid=OTHER_GUID)
        windows.certificate("AA", KEY, "web")
        assert told(only(windows)) == ("unknown", None, "present", True, "decryption")


class TestSecretsAndServices:
    def test_a_key_under_a_master_key_that_does_not_open(self) -> None:
        windows = Windows()
        windows.master_key(FOREIGN)
        windows.capi("web", KEY, master_key=FOREIGN)
        windows.certificate("AA", KEY, "web")
        row = only(windows)
        assert told(row) == ("unusable", "secret", "present", False, "decryption")
        assert (row.unlocked_by, row.private_key) == ("nothing", "locked")
        assert row.reason == f"no DPAPI_SYSTEM secret on this disk opens master key {FOREIGN.guid}"

    def test_a_key_whose_master_key_is_gone(self) -> None:
        windows = Windows()
        windows.capi("web", KEY, master_key=FOREIGN)
        windows.certificate("AA", KEY, "web")
        row = only(windows)
        assert told(row) == ("unusable", "master_key", "present", False, "inference")
        assert (row.master_key, row.reason) == ("absent", f"master key {FOREIGN.guid} is not on this disk")

    def test_the_key_of_a_certificate_that_does_not_open_is_had_from_another_file(self) -> None:
        windows = Windows()
        windows.capi("web", KEY, master_key=FOREIGN)
        copy = windows.capi("copy", KEY)
        windows.certificate("AA", KEY, "web")
        row = chains(windows)[0]
        assert (row.broken_at, row.recoverable, row.recoverable_from) == ("master_key", True, copy)

    @pytest.mark.parametrize(("name", "start", "broken"), [("KeyIso", 4, "service"), ("keyiso", 3, None)])
    def test_key_isolation_stops_cng_keys(self, name: str, start: int, broken: str | None) -> None:
        windows = Windows()
        windows.service(name, start)
        windows.cng("web", EC)
        windows.capi("old", KEY)
        windows.certificate("AA", EC, "web", provider=CNG, key_spec=0)
        windows.certificate("BB", KEY, "old")
        cng, capi = chains(windows)
        assert (cng.broken_at, cng.recoverable) == (broken, True if broken else None)
        assert (capi.verdict, capi.broken_at) == ("usable", None)

    @pytest.mark.parametrize(("readable", "verdict"), [(False, "unknown"), (True, "usable"), (None, "usable")])
    def test_a_master_key_file_that_shuts_out_system(self, readable: bool | None, verdict: str) -> None:
        """settled.md: whether LSASS can read it all the same is not published."""
        windows = Windows()
        own = make_master_key("own", "S-1-5-18", b"m" * 20, rounds=1)
        windows.master_key(own, system_can_read=readable)
        windows.capi("web", KEY, master_key=own)
        windows.certificate("AA", KEY, "web")
        row = only(windows)
        assert (row.verdict, row.broken_at, row.private_key) == (verdict, None, "proved")
        assert (f"Protect\\{own.guid}, shuts out SYSTEM" in row.reason) == (readable is False)

    @pytest.mark.parametrize(
        ("reader", "access", "verdict"),
        [
            ("S-1-5-20", "ok", "usable"),
            (TERM_SERVICE, "ok", "usable"),
            ("S-1-5-21-7-8-9-2200", "denied", "unusable"),
            ("S-1-5-80-1-2-3-4-5", "denied", "unusable"),
        ],
    )
    def test_the_listeners_key_may_be_given_to_the_service_alone(self, reader: str, access: str, verdict: str) -> None:
        windows = Windows()
        windows.evidence.service_identities = {
            "termservice": ServiceIdentity("TermService", "NT AUTHORITY\\NetworkService", "S-1-5-20", 1, "termsvcs")
        }
        windows.capi("rdp", KEY, security=parse_security_descriptor(_allows("S-1-5-18", reader)))
        windows.certificate("AA", KEY, "rdp")
        windows.evidence.rdp_thumbprints = frozenset({"AA"})
        row = only(windows)
        assert (row.access, row.verdict) == (access, verdict)

    @pytest.mark.parametrize(
        ("runs_as", "build", "access", "verdict"),
        [
            ("S-1-5-18", "2600", "ok", "usable"),
            ("S-1-5-18", "3790", "ok", "usable"),
            (None, "2600", "ok", "usable"),
            (None, "3790", "ok", "usable"),
            ("S-1-5-20", "6001", "denied", "unusable"),
            ("S-1-5-20", "17763", "denied", "unusable"),
            (None, "6000", "denied", "unusable"),
            (None, None, "denied", "unusable"),
        ],
    )
    def test_the_listener_runs_as_system_before_vista(
        self, runs_as: str | None, build: str | None, access: str, verdict: str
    ) -> None:
        windows = Windows()
        windows.evidence.machine.build = build
        if runs_as is not None:
            identity = ServiceIdentity("TermService", "x", runs_as, None, "dcomlaunch")
            windows.evidence.service_identities = {"termservice": identity}
        windows.capi("rdp", KEY, security=parse_security_descriptor(_allows("S-1-5-18", "S-1-5-32-544")))
        windows.certificate("AA", KEY, "rdp")
        windows.evidence.rdp_thumbprints = frozenset({"AA"})
        row = only(windows)
        assert (row.access, row.verdict) == (access, verdict)

    def test_a_listener_of_an_account_that_only_its_domain_knows(self) -> None:
        windows = Windows()
        identity = ServiceIdentity("TermService", "CONTOSO\\svc-rdp", None, None, None)
        windows.evidence.service_identities = {"termservice": identity}
        windows.capi("rdp", KEY, security=parse_security_descriptor(_allows("S-1-5-18", "S-1-5-32-544")))
        windows.certificate("AA", KEY, "rdp")
        windows.evidence.rdp_thumbprints = frozenset({"AA"})
        assert (only(windows).access, only(windows).verdict) == ("ok", "usable")

    def test_a_users_key_for_a_group_of_the_domain_is_left_open(self) -> None:
        windows = Windows()
        windows.evidence.machine.machine_sid = "S-1-5-21-1-2-3"
        security = parse_security_descriptor(_allows("S-1-5-21-7-8-9-2200"))
        windows.capi("own", KEY, scope="user", owner=USER_SID, security=security)
        row = only(windows)
        assert (row.access, row.verdict, row.broken_at) == ("not_examined", "unknown", None)
        assert f"lets in {USER_SID} rests on what is not known of its groups" in row.reason

    def test_a_machines_key_for_a_group_of_the_domain_alone_is_left_open(self) -> None:
        windows = Windows()
        windows.evidence.machine.machine_sid = "S-1-5-21-1-2-3"
        windows.capi("web", KEY, security=parse_security_descriptor(_allows("S-1-5-21-7-8-9-2200")))
        row = only(windows)
        assert (row.access, row.verdict, row.broken_at) == ("not_examined", "unknown", None)
        assert "lets in SYSTEM (S-1-5-18) rests on what is not known of its groups" in row.reason

    @pytest.mark.parametrize(
        ("readers", "reads", "said"),
        [
            (("S-1-5-18",), True, None),
            (("S-1-5-32-544",), True, None),
            (("S-1-5-32-545",), False, "shuts out SYSTEM"),
            (("S-1-5-21-1-2-3-1001",), False, "shuts out SYSTEM"),
            ((), False, "shuts out SYSTEM"),
            (("S-1-5-21-7-8-9-2200",), None, "lets in SYSTEM rests on what is not known of its groups"),
        ],
    )
    def test_who_may_read_the_file_of_a_master_key(
        self, readers: tuple[str, ...], reads: bool | None, said: str | None
    ) -> None:
        windows = Windows()
        windows.evidence.machine.machine_sid = "S-1-5-21-1-2-3"
        own = make_master_key("own", "S-1-5-18", b"m" * 20, rounds=1)
        windows.master_key(own)
        windows.evidence.master_keys[-1].security = parse_security_descriptor(_allows(*readers))
        windows.capi("web", KEY, master_key=own)
        judged = judge(windows.evidence)
        (row,) = judged.key_chains
        assert [r.system_can_read for r in judged.master_keys if r.guid == own.guid] == [reads]
        assert row.verdict == ("unknown" if said else "usable")
        assert (said or "") in row.reason

    @pytest.mark.parametrize(
        ("services", "verdict", "broken"),
        [
            ({"CryptSvc": 2}, "unusable", "service"),
            ({}, "usable", None),
            ({"KeyIso": 3, "CryptSvc": 2}, "usable", None),
        ],
        ids=["gone", "no service known", "there"],
    )
    def test_a_key_isolation_that_is_gone(self, services: dict[str, int], verdict: str, broken: str | None) -> None:
        windows = Windows()
        for name, start in services.items():
            windows.service(name, start)
        windows.cng("web", EC)
        windows.capi("old", KEY)
        windows.certificate("AA", EC, "web", provider=CNG, key_spec=0)
        windows.certificate("BB", KEY, "old")
        cng, capi = chains(windows)
        assert (cng.verdict, cng.broken_at) == (verdict, broken)
        assert "likely" in cng.reason if broken else cng.reason == ""
        assert (capi.verdict, capi.broken_at) == ("usable", None)

    @pytest.mark.parametrize(
        ("sid", "scope", "verdict", "broken", "found"),
        [
            ("S-1-5-20", "service", "usable", None, "present"),
            ("S-1-5-18", "system", "usable", None, "present"),
            ("S-1-5-20", "machine", "unusable", "claim", "present"),
            ("S-1-5-18", "service", "unusable", "claim", "present"),
            ("S-1-5-19", "service", "unusable", "claim", "present"),
            (None, "service", "unknown", None, "not_examined"),
        ],
    )
    def test_the_store_of_a_service_is_read_as_its_account(
        self, sid: str | None, scope: KeyFileScope, verdict: str, broken: str | None, found: str
    ) -> None:
        """The key lies among those of NETWORK SERVICE, where the scope is service; the service runs as ``sid``."""
        windows = Windows()
        owner = "S-1-5-20" if scope == "service" else "S-1-5-18"
        windows.master_key(MASTER_KEY, owner)
        windows.capi("adam", KEY, scope=scope, owner=owner)
        windows.certificate("AA", KEY, "adam", flags=0, scope="service")
        certificate = windows.evidence.certificates[0]
        certificate.service = ServiceIdentity("ADAM", "account", sid, None, None)
        row = next(row for row in chains(windows) if row.thumbprint == "AA")
        assert (row.verdict, row.broken_at, row.key_file) == (verdict, broken, found)

    @pytest.mark.parametrize(
        ("capi", "cng", "broken"),
        [([CAPI.lower()], [], None), (["microsoft strong cryptographic provider"], [], "provider"), ([], [], None)],
    )
    def test_a_provider_that_is_not_registered(self, capi: list[str], cng: list[str], broken: str | None) -> None:
        windows = Windows()
        windows.providers(capi, cng)
        windows.capi("web", KEY)
        windows.certificate("AA", KEY, "web")
        row = only(windows)
        assert row.broken_at == broken
        assert row.reason == (f"the provider {CAPI!r} is not registered on this disk" if broken else "")

    def test_a_smart_card(self) -> None:
        windows = Windows()
        windows.certificate("AA", KEY, "web", provider="Microsoft Smart Card Key Storage Provider")
        row = only(windows)
        assert told(row)[:3] == ("unknown", None, "not_applicable")
        assert (row.provider_kind, row.private_key) == ("smart_card", "needs_pin")

    def test_no_key_is_had_from_a_smart_card_even_where_folders_are_missing(self) -> None:
        windows = Windows(outcome=NOT_COLLECTED)
        windows.providers([], ["microsoft software key storage provider"])
        windows.certificate("AA", KEY, "web", provider="Microsoft Smart Card Key Storage Provider")
        row = only(windows)
        assert told(row) == ("unusable", "provider", "not_applicable", False, "inference")

    def test_a_provider_of_somebody_else_that_is_not_registered(self) -> None:
        windows = Windows()
        windows.providers([], ["microsoft software key storage provider"])
        windows.certificate("AA", KEY, "web", provider="Vendor KSP")
        assert told(only(windows)) == ("unusable", "provider", "not_examined", None, "inference")

    def test_a_provider_of_somebody_else(self) -> None:
        windows = Windows()
        windows.certificate("AA", KEY, "web", provider="Vendor KSP")
        assert (only(windows).provider_kind, told(only(windows))) == (
            "other",
            ("unknown", None, "not_examined", None, "inference"),
        )


def _allows(*sids: str) -> bytes:
    return acl.security_descriptor([acl.Ace(sid) for sid in sids])


class TestFilesWithoutCertificate:
    def test_a_sound_one(self) -> None:
        windows = Windows()
        path = windows.capi("web", KEY)
        row = only(windows)
        assert told(row) == ("usable", None, "present", None, "decryption")
        assert (row.thumbprint, row.key_file_path, row.container, row.owner_sid) == (None, path, "web", "S-1-5-18")
        assert row.public_key == "not_examined"

    def test_a_name_that_no_container_leads_to(self) -> None:
        windows = Windows()
        windows.capi("web", KEY)
        windows.evidence.key_files[0].row.name_matches = False
        row = only(windows)
        assert told(row) == ("unusable", "key_file", "present", True, "inference")
        assert row.reason == "no container leads to this file name"
        # How CAPI hashes a name beyond ASCII is not known.
        windows.evidence.key_files[0].row.container = "wéb"
        assert told(only(windows))[:2] == ("usable", None)

    def test_of_two_slots_the_row_speaks_of_the_worse_one(self) -> None:
        windows = Windows()
        windows.capi("web", Slot(KEY, exportable=True), Slot(OTHER))
        assert only(windows).private_key == "proved"
        # One may be exported, the other may not.
        assert [file.exportable for file in judge(windows.evidence).key_files] == ["unknown"]


def two() -> tuple[Windows, Windows]:
    """Two installations of one disk; the first misses the key of its certificate."""
    one, other = Windows(1), Windows(2)
    one.certificate("AA", KEY, "web")
    return one, other


def judged(*machines: Windows) -> list[KeyChainRow]:
    judges = [Judge(windows.evidence, UserSecrets()) for windows in machines]
    rows = [row for each in judges for row in each.judged().key_chains if row.thumbprint]
    better = {id(row): other for row, other in found_elsewhere(judges)}
    return [better.get(id(row), row) for row in rows]


class TestAcross:
    def test_a_key_in_another_windows(self) -> None:
        one, other = two()
        other.capi("unrelated", OTHER)
        path = other.capi("web", KEY)
        (row,) = judged(one, other)
        assert (row.recoverable, row.recoverable_from, row.recoverable_on) == (True, path, 2)
        assert (row.verdict, row.broken_at, row.key_file) == ("unusable", "key_file", "absent")

    def test_another_key_in_another_windows(self) -> None:
        one, other = two()
        other.capi("web", OTHER)
        (row,) = judged(one, other)
        assert (row.recoverable, row.recoverable_from, row.recoverable_on) == (False, None, None)

    def test_another_windows_of_whose_key_files_not_all_were_read(self) -> None:
        one, other = two()
        folder = other.evidence.key_folders[0]
        other.evidence.key_folders[0] = replace(folder, contents=Outcome("partial", "2 of 3 read"))
        assert [row.recoverable for row in judged(one, other)] == [None]
        other.evidence.key_folders[0] = replace(other.evidence.key_folders[0], lacks=frozenset([public(KEY)]))
        assert [row.recoverable for row in judged(one, other)] == [False]

    def test_a_key_in_another_windows_that_does_not_open(self) -> None:
        one, other = two()
        other.master_key(FOREIGN)
        other.capi("web", KEY, master_key=FOREIGN)
        assert [(row.recoverable, row.recoverable_from) for row in judged(one, other)] == [(False, None)]

    def test_a_key_in_another_windows_that_could_not_be_tried(self) -> None:
        one, other = two()
        del other.evidence.master_key_folders["S-1-5-18", "machine"]
        other.capi("web", KEY, master_key=FOREIGN)
        assert [(row.recoverable, row.recoverable_on) for row in judged(one, other)] == [(None, None)]

    def test_a_usable_key_is_looked_for_nowhere(self) -> None:
        one, other = two()
        one.capi("web", KEY)
        other.capi("web", KEY)
        assert [(row.verdict, row.recoverable, row.recoverable_on) for row in judged(one, other)] == [
            ("usable", None, None)
        ]

    def test_the_first_of_several(self) -> None:
        one, other = two()
        third = Windows(3)
        other.capi("web", KEY)
        third.capi("web", KEY)
        assert [row.recoverable_on for row in judged(one, third, other)] == [3]


class TestTpm:
    """Keys of the Platform Crypto Provider: public halves and wrapped bytes, which only their TPM opens."""

    PROVIDER = "Microsoft Platform Crypto Provider"

    def windows(self, key: EllipticCurvePrivateKey, outcome: Outcome = PRESENT, **where: Any) -> Windows:
        windows = Windows(outcome=outcome)
        owners: dict[KeyFileScope, str] = {"machine": "S-1-5-18", "user": USER_SID}
        for scope, owner in owners.items():
            windows.evidence.key_folders.append(KeyFolder("tpm", scope, owner, f"tpm/{scope}", outcome))
        made = make_pcpkey("judge", "web", "ECDSA", pcp_blob("judge", key), **where)
        windows.file("tpm", "web", parse_pcpkey(made))
        windows.certificate("AA", EC, "web", provider=self.PROVIDER, key_spec=0)
        return windows

    def test_a_key_that_its_own_tpm_would_open(self) -> None:
        row = only(self.windows(EC))
        assert told(row) == ("unknown", None, "present", None, "public_key")
        assert (row.provider_kind, row.private_key, row.public_key) == ("tpm", "sealed_tpm", "match")

    def test_the_wrapped_key_of_another_certificate(self) -> None:
        """No private half is on the disk, whatever else of it was not seen."""
        for outcome in (PRESENT, NOT_COLLECTED):
            row = only(self.windows(ec_key("P-256", "another"), outcome))
            assert told(row) == ("unusable", "public_key", "present", False, "public_key")

    def test_a_suffix_means_nothing_to_it(self) -> None:
        windows = self.windows(EC)
        windows.evidence.key_files[0].row.name_guid = OTHER_GUID
        assert told(only(windows))[:3] == ("unknown", None, "present")

    def test_a_wrapped_key_under_a_master_key_that_does_not_open(self) -> None:
        windows = self.windows(EC, master_key=FOREIGN)
        windows.master_key(FOREIGN)
        row = only(windows)
        assert told(row)[:3] == ("unusable", "secret", "present")
        assert (row.private_key, row.unlocked_by, row.public_key) == ("locked", "nothing", "not_stored")

    def test_flags_do_not_tell_the_machines_keys_from_systems_own(self) -> None:
        windows = self.windows(EC)
        windows.evidence.certificates.clear()
        windows.certificate("AA", EC, "web", provider=self.PROVIDER, key_spec=0, flags=0)
        assert told(only(windows)) == ("unknown", None, "present", None, "public_key")

    def test_a_file_without_certificate(self) -> None:
        windows = self.windows(EC)
        windows.evidence.certificates.clear()
        assert told(only(windows))[:4] == ("unknown", None, "present", None)


class TestRemoteDesktop:
    @pytest.mark.parametrize(
        ("sids", "access", "broken"),
        [
            (("S-1-5-18", "S-1-5-20"), "ok", None),
            (("S-1-5-18",), "denied", "access"),
            (("S-1-5-20",), "denied", "access"),
            (("S-1-5-18", "S-1-5-20", "S-1-1-0"), "too_open", None),
        ],
    )
    def test_network_service_must_read_the_listeners_key(
        self, sids: tuple[str, ...], access: str, broken: str | None
    ) -> None:
        windows = Windows()
        windows.capi("TSSecKeySet1", KEY, security=parse_security_descriptor(_allows(*sids)))
        windows.certificate("AA", KEY, "TSSecKeySet1")
        windows.evidence.rdp_thumbprints = frozenset({"AA"})
        row = only(windows)
        assert (row.access, row.broken_at) == (access, broken)
        if broken:
            who = "SYSTEM (S-1-5-18)" if "S-1-5-20" in sids else "NETWORK SERVICE (S-1-5-20)"
            assert row.reason == f"the access list of the key file shuts out {who}, which must read it"

    def test_other_keys_need_system_alone(self) -> None:
        windows = Windows()
        windows.capi("web", KEY, security=parse_security_descriptor(_allows("S-1-5-18")))
        windows.certificate("AA", KEY, "web")
        windows.evidence.rdp_thumbprints = frozenset({"BB"})
        assert only(windows).access == "ok"

    def test_the_listeners_key_without_certificate(self) -> None:
        """It is known by its name, unless the listener is known to use another certificate."""
        windows = Windows()
        windows.capi("tsseckeyset1", KEY, security=parse_security_descriptor(_allows("S-1-5-18")))
        assert only(windows).access == "denied"
        windows.evidence.rdp_thumbprints = frozenset({"BB"})
        assert only(windows).access == "ok"


class TestMovedUsers:
    """A user who was moved to another account: keys and master keys under the SID that he had."""

    OLD = "S-1-5-21-9-9-9-1001"

    def moved(self, outcome: Outcome = PRESENT, master_keys_of: str = "S-1-5-21-9-9-9-1001", key: Key = KEY) -> Windows:
        windows = Windows(outcome=outcome)
        made = make_master_key("moved", self.OLD, password_prekey("Sommer", self.OLD), rounds=1, flags=5)
        windows.master_key(made, master_keys_of)
        windows.capi("mail", key, scope="user", owner=self.OLD, master_key=made)
        windows.certificate("AA", KEY, "mail", flags=0, scope="user", owner=USER_SID)
        return windows

    def told(self, windows: Windows) -> tuple[object, ...]:
        given = UserSecrets(passwords={self.OLD.lower(): "Sommer"})
        row = judge(windows.evidence, given).key_chains[0]
        return row.verdict, row.broken_at, row.key_file, row.public_key, row.private_key, row.recoverable

    def test_the_key_is_found_by_container_and_public_half(self) -> None:
        assert self.told(self.moved()) == ("unusable", "claim", "present", "match", "proved", True)

    def test_where_the_own_folder_was_not_seen_it_may_lie_there_too(self) -> None:
        said = ("unknown", None, "present", "match", "proved", True)
        assert self.told(self.moved(NOT_COLLECTED)) == said

    def test_another_key_of_that_name_is_not_it(self) -> None:
        assert self.told(self.moved(key=OTHER))[:3] == ("unusable", "key_file", "absent")

    def test_a_master_key_under_another_sid_is_tried_and_its_place_told(self) -> None:
        windows = Windows()
        made = make_master_key("moved", self.OLD, password_prekey("Sommer", self.OLD), rounds=1, flags=5)
        windows.master_key(made, self.OLD)
        windows.capi("mail", KEY, scope="user", owner=USER_SID, master_key=made)
        windows.certificate("AA", KEY, "mail", flags=0, scope="user", owner=USER_SID)
        assert self.told(windows) == ("unknown", None, "present", "match", "proved", True)
        row = judge(windows.evidence, UserSecrets()).key_chains[0]
        assert (row.verdict, row.master_key, row.recoverable) == ("unknown", "present", None)
        assert f"lies in the folder of {self.OLD}, likely an earlier account of this user" in row.reason
