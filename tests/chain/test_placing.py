"""Which files bring a dead key back: each is put where it is said to belong, and the machine is judged again."""

from __future__ import annotations

from copy import deepcopy

import pytest

from forensics.chain.judge import Judge
from forensics.chain.placing import Placing, placings
from forensics.chain.vault import OfCertificate
from forensics.collectors.name_search import FoundFile
from forensics.dpapi.user_secrets import UserSecrets
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.shadow_path import shadow_path
from forensics.tables.windows_path import windows_path
from testdata.builder import acl
from testdata.builder.capi import Slot, make_capi_key
from testdata.builder.certs import CAPI_ENHANCED, CNG_SOFTWARE, make_certificate
from testdata.builder.cng import CngKey, make_cng_key
from testdata.builder.dpapi import LOCAL_MACHINE, DpapiSystem, make_master_key
from testdata.builder.folders import LOCAL_SYSTEM, MACHINE, Owner, service
from testdata.builder.keys import rsa_key
from testdata.builder.machine import ForgedMachine, capi_link, cng_link, machine
from testdata.builder.names import capi_file_name, cng_file_name
from tests.forged_machine import chains, evidence_of
from tests.memory_tree import MemoryTree

KEY, OTHER = rsa_key("2048-01"), rsa_key("2048-02")
ALICE, PASSWORD = "S-1-5-21-1-2-3-1001", "Correct-Horse-9"
EARLIER = "c0ffee00-1111-4222-8333-0123456789ab"
WEB = make_certificate("web.contoso.test", KEY)
KEYS = MACHINE.capi_folder
NOTHING = UserSecrets()


def server(seed: str = "placing") -> ForgedMachine:
    """A machine whose only certificate names the container ``web``, of which there is no file."""
    made = machine(seed, computer_name="WEB01")
    made.put_certificate(WEB, link=capi_link("web", CAPI_ENHANCED))
    return made


def name_of(made: ForgedMachine, suffix: str | None = None) -> str:
    return capi_file_name("web", suffix or made.suffix)


def copy_of(made: ForgedMachine, owner: Owner = MACHINE, key: object = KEY) -> bytes:
    flags = LOCAL_MACHINE if owner.shared else 0
    return make_capi_key("copy", "web", made.keys[owner], exchange=Slot(key), flags=flags)  # type: ignore[arg-type]


def all_placings(made: ForgedMachine, given: UserSecrets = NOTHING) -> dict[OfCertificate, Placing]:
    judge = Judge(evidence_of(made), given)
    judge.judged()
    return dict(placings([judge]))


def placing(made: ForgedMachine, given: UserSecrets = NOTHING) -> Placing:
    """Return the placing of the one certificate whose key is dead."""
    (found,) = (placing for (_, thumbprint, *_), placing in all_placings(made, given).items() if thumbprint)
    return found


def put(made: ForgedMachine, placing: Placing) -> ForgedMachine:
    """Do on a copy of the machine what the commands do."""
    mended = deepcopy(made)
    for file in placing.files:
        if file.in_the_way is not None:
            mended.move(file.in_the_way, f"{file.in_the_way}.today")
        own = acl.owner_file_sd(file.owner_sid) if file.owner_sid != "S-1-5-18" else acl.KEY_FILE_SD
        mended.write(file.target, file.lying.data, sd=own)
    return mended


def chain_of(made: ForgedMachine, given: UserSecrets = NOTHING, name: str = "web.contoso.test") -> KeyChainRow:
    return chains(made, given)[name]


def told(placing: Placing) -> list[tuple[str, str, str, str | None]]:
    return [(file.what, file.target, file.found, file.in_the_way_is) for file in placing.files]


@pytest.mark.parametrize("form", ["Backup/{}", "Backup/copy of {}.bak", "Windows.old/ProgramData/{}"])
def test_a_copy_of_a_missing_key_file(form: str) -> None:
    made = server()
    name = name_of(made)
    found = made.write(form.format(name), copy_of(made))
    assert (chain_of(made).verdict, chain_of(made).broken_at) == ("unusable", "key_file")
    got = placing(made)
    assert told(got) == [("key_file", f"{KEYS}/{name}", found, None)]
    assert (got.refusal, got.doubts, got.unlocked_by, got.exportable) == (None, (), "current", "no")
    assert got.files[0].lying.data == made.files[found].data
    assert (got.files[0].name, got.files[0].owner_sid, got.files[0].is_at_home) == (name, "S-1-5-18", False)
    assert chain_of(put(made, got)).verdict == "usable"


def test_a_file_under_an_earlier_suffix_gets_the_name_of_today() -> None:
    made = server()
    found = made.put_capi("web", exchange=Slot(KEY), suffix=EARLIER, sd=acl.RDP_KEY_SD)
    assert chain_of(made).key_file == "other_machine_guid"
    got = placing(made)
    assert told(got) == [("key_file", f"{KEYS}/{name_of(made)}", found, None)]
    assert got.files[0].is_at_home
    assert got.files[0].lying.security is not None
    assert [ace.sid for ace in got.files[0].lying.security.dacl or ()][-1] == "S-1-5-20"
    assert chain_of(put(made, got)).verdict == "usable"


def test_a_key_of_cng() -> None:
    made = machine("placing/cng")
    made.put_certificate(WEB, link=cng_link("web", CNG_SOFTWARE))
    name = cng_file_name("web", made.suffix)
    data = make_cng_key("copy", "web", made.keys[MACHINE], CngKey.rsa(KEY), flags=LOCAL_MACHINE)
    found = made.write(f"Backup/{name}", data)
    got = placing(made)
    assert told(got) == [("key_file", f"{MACHINE.cng_folder}/{name}", found, None)]
    assert chain_of(put(made, got)).verdict == "usable"


def test_a_key_of_system_itself() -> None:
    made = machine("placing/system")
    made.put_certificate(WEB, link=capi_link("web", CAPI_ENHANCED, machine_keyset=False))
    found = made.write(f"Backup/{name_of(made)}", copy_of(made, LOCAL_SYSTEM))
    got = placing(made)
    assert told(got) == [("key_file", f"{LOCAL_SYSTEM.capi_folder}/{name_of(made)}", found, None)]
    assert got.doubts == ()
    assert chain_of(put(made, got)).verdict == "usable"


def test_a_file_of_the_past_of_a_kind_that_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """A place that yields what it found with the tree in which that lies needs nothing more."""
    made = server()
    target = f"{KEYS}/{name_of(made)}"
    label = shadow_path(target, "11111111-2222-3333-4444-555555555555", None)
    then = MemoryTree({target: copy_of(made)}, descriptors={target: acl.RDP_KEY_SD})
    monkeypatch.setattr(
        "forensics.collectors.key_copies.on_own_volume", lambda *_: iter([FoundFile(then, target, label)])
    )
    got = placing(made)
    assert told(got) == [("key_file", target, label, None)]
    assert got.files[0].is_at_home
    assert got.files[0].lying.data == copy_of(made)
    assert chain_of(put(made, got)).verdict == "usable"
    assert chain_of(made).restore_to is None


class TestUsers:
    GIVEN = UserSecrets(passwords={"alice": PASSWORD})

    def made(self) -> tuple[ForgedMachine, Owner]:
        made = machine("placing/alice", machine_sid=ALICE.rpartition("-")[0])
        alice = made.add_user(ALICE, "alice", PASSWORD)
        link = capi_link("web", CAPI_ENHANCED, machine_keyset=False)
        made.put_certificate(WEB, link=link, owner=alice)
        made.put_capi("mail", exchange=Slot(OTHER), owner=alice)
        return made, alice

    def test_a_users_own_key(self) -> None:
        made, alice = self.made()
        found = made.write(f"Backup/{name_of(made)}", copy_of(made, alice))
        got = placing(made, self.GIVEN)
        assert told(got) == [("key_file", f"{alice.capi_folder}/{name_of(made)}", found, None)]
        assert (got.files[0].owner_sid, got.unlocked_by, got.doubts) == (ALICE, "password", ())
        assert chain_of(put(made, got), self.GIVEN).verdict == "usable"

    def test_without_the_password_nothing_is_proved(self) -> None:
        made, alice = self.made()
        made.write(f"Backup/{name_of(made)}", copy_of(made, alice))
        got = placing(made)
        assert (got.files, got.refusal) == ((), "no file that holds it was opened with a secret of this Windows")

    def test_the_master_key_of_a_user(self) -> None:
        made, alice = self.made()
        made.put_capi("web", exchange=Slot(KEY), owner=alice)
        home = f"{alice.protect_folder}/{made.keys[alice].guid}"
        found = made.move(home, f"Backup/{made.keys[alice].guid}")
        got = placing(made, self.GIVEN)
        assert told(got) == [("master_key", home, found, None)]
        assert got.files[0].owner_sid == ALICE
        assert chain_of(put(made, got), self.GIVEN).verdict == "usable"

    def test_both_files_of_a_user(self) -> None:
        """No master key at home tells whose the copy is; the certificate does."""
        made, alice = self.made()
        key = made.write(f"Backup/{name_of(made)}", copy_of(made, alice))
        guid = made.keys[alice].guid
        home = f"{alice.protect_folder}/{guid}"
        master = made.move(home, f"Backup/{guid}")
        got = placing(made, self.GIVEN)
        assert told(got) == [
            ("key_file", f"{alice.capi_folder}/{name_of(made)}", key, None),
            ("master_key", home, master, None),
        ]
        assert chain_of(put(made, got), self.GIVEN).verdict == "usable"
        row = chain_of(made)
        assert (row.recoverable, row.key_copy, row.recovery_doubt) == (
            None,
            key,
            f"a file of master key {guid} lies in {windows_path(master, drive='C:')}, and nothing known here opens it",
        )

    def test_a_whole_one_at_home_is_not_replaced(self) -> None:
        """It may be under the password of today, which was not given."""
        made, alice = self.made()
        made.put_capi("web", exchange=Slot(KEY), owner=alice)
        guid = made.keys[alice].guid
        home = f"{alice.protect_folder}/{guid}"
        made.move(home, f"Backup/{guid}")
        strange = make_master_key("placing/strange", ALICE, b"n" * 20, flags=5)
        made.write(home, strange.file.replace(strange.guid.encode("utf-16-le"), guid.encode("utf-16-le")))
        got = placing(made, self.GIVEN)
        assert (
            got.refusal
            == f"a sound file lies in {windows_path(home, drive='C:')}, and nothing shows that it is of no use"
        )


class TestMasterKeys:
    def made(self) -> tuple[ForgedMachine, str]:
        made = server()
        made.put_capi("web", exchange=Slot(KEY))
        return made, f"{MACHINE.protect_folder}/{made.keys[MACHINE].guid}"

    @pytest.mark.parametrize("folder", ["Backup", "Windows.old/Windows/System32/Microsoft/Protect/S-1-5-18"])
    def test_one_that_lies_elsewhere(self, folder: str) -> None:
        made, home = self.made()
        found = made.move(home, f"{folder}/{made.keys[MACHINE].guid}.bak")
        got = placing(made)
        assert told(got) == [("master_key", home, found, None)]
        assert (got.found, got.unlocked_by) == (f"{KEYS}/{name_of(made)}", "current")
        assert chain_of(put(made, got)).verdict == "usable"

    def test_one_in_the_folder_of_the_other_half(self) -> None:
        made, home = self.made()
        found = made.move(home, f"{LOCAL_SYSTEM.protect_folder}/{made.keys[MACHINE].guid}")
        assert chain_of(made).verdict == "unknown"
        got = placing(made)
        assert told(got) == [("master_key", home, found, None)]
        assert chain_of(put(made, got)).verdict == "usable"

    def test_a_damaged_one_is_set_aside(self) -> None:
        made, home = self.made()
        found = made.write(f"Backup/{made.keys[MACHINE].guid}", made.files[home].data or b"")
        made.change(home, lambda data: b"\0" * len(data))
        got = placing(made)
        assert told(got) == [("master_key", home, found, "damaged")]
        assert got.files[0].in_the_way == home
        assert chain_of(put(made, got)).verdict == "usable"

    def test_both_files(self) -> None:
        made, home = self.made()
        guid = made.keys[MACHINE].guid
        key = made.move(f"{KEYS}/{name_of(made)}", f"Backup/{name_of(made)}")
        master = made.move(home, f"Backup/{guid}")
        got = placing(made)
        assert told(got) == [
            ("key_file", f"{KEYS}/{name_of(made)}", key, None),
            ("master_key", home, master, None),
        ]
        assert chain_of(put(made, got)).verdict == "usable"

    def test_a_folder_that_is_gone_is_not_made(self) -> None:
        made, home = self.made()
        guid = made.keys[MACHINE].guid
        made.move(home, f"Backup/{guid}")
        for path in [path for path in made.files if path.startswith("Windows/System32/Microsoft/Protect")]:
            made.remove(path)
        assert placing(made).refusal == (f"the folder in which Windows looks for master key {guid} is not on this disk")


class TestWhatIsInTheWay:
    def test_a_damaged_key_file_is_set_aside(self) -> None:
        made = server()
        home = made.put_capi("web", exchange=Slot(KEY))
        made.change(home, lambda data: data[:40])
        found = made.write(f"Backup/{name_of(made)}", copy_of(made))
        got = placing(made)
        assert told(got) == [("key_file", home, found, "damaged")]
        assert chain_of(put(made, got)).verdict == "usable"

    def test_a_key_that_somebody_made_anew(self) -> None:
        made = server()
        home = made.put_capi("web", exchange=Slot(OTHER))
        found = made.put_capi("web", exchange=Slot(KEY), suffix=EARLIER)
        got = placing(made)
        assert told(got) == [("key_file", home, found, "another key")]
        assert chain_of(put(made, got)).verdict == "usable"

    def test_the_key_of_another_certificate_stays(self) -> None:
        """A certificate that was renewed with a new key in the same container must not lose it."""
        made = server()
        made.put_certificate(make_certificate("shop.contoso.test", OTHER), link=capi_link("web", CAPI_ENHANCED))
        home = made.put_capi("web", exchange=Slot(OTHER))
        made.put_capi("web", exchange=Slot(KEY), suffix=EARLIER)
        assert chain_of(made, name="shop.contoso.test").verdict == "usable"
        got = placing(made)
        assert got.files == ()
        assert got.refusal == "in C:\\{} lies the key of CN=shop.contoso.test".format(home.replace("/", "\\"))

    def test_the_same_key_under_a_secret_that_is_gone(self) -> None:
        made = server()
        made.previous = DpapiSystem.seeded("placing/previous")
        old = made.add_master_key(MACHINE, "old", secret=made.previous, in_use=False)
        home = made.put_capi("web", exchange=Slot(KEY), master_key=old)
        found = made.put_capi("web", exchange=Slot(KEY), suffix=EARLIER)
        got = placing(made)
        assert told(got) == [("key_file", home, found, "locked")]
        assert chain_of(put(made, got)).verdict == "usable"

    def test_a_key_that_no_certificate_names_stays(self) -> None:
        made = machine("placing/alone")
        home = made.put_capi("iisWasKey", exchange=Slot(OTHER))
        old = made.put_capi("iisWasKey", exchange=Slot(KEY), suffix=EARLIER)
        got = {key[2]: placing for key, placing in all_placings(made).items()}
        assert got[old].refusal == (
            "in C:\\{} lies another key of its container, which may be in use".format(home.replace("/", "\\"))
        )
        made.remove(home)
        got = {key[2]: placing for key, placing in all_placings(made).items()}
        assert told(got[old]) == [("key_file", home, old, None)]


class TestRefusals:
    def test_a_secret_of_yesterday(self) -> None:
        made = server()
        made.previous = DpapiSystem.seeded("placing/previous")
        old = made.add_master_key(MACHINE, "old", secret=made.previous, in_use=False)
        made.put_capi("web", exchange=Slot(KEY), master_key=old)
        got = placing(made)
        assert (got.files, got.unlocked_by) == ((), "previous")
        assert got.refusal == (
            f"master key {old.guid} opens only with the earlier DPAPI_SYSTEM (OldVal), which Windows no longer uses"
        )

    def test_a_secret_of_another_machine(self) -> None:
        made = server()
        foreign = make_master_key("foreign", "S-1-5-18", b"z" * 20)
        made.write(f"Backup/{foreign.guid}", foreign.file)
        made.write(f"Backup/{name_of(made)}", make_capi_key("copy", "web", foreign, exchange=Slot(KEY)))
        assert placing(made).refusal == "no file that holds it was opened with a secret of this Windows"

    def test_a_certificate_without_link(self) -> None:
        made = machine("placing/no-link")
        made.put_certificate(WEB)
        made.put_capi("web", exchange=Slot(KEY))
        assert placing(made).refusal == (
            "the certificate has no link to a key (KEY_PROV_INFO) that says which file Windows looks for"
        )

    def test_a_link_that_leads_past_the_key(self) -> None:
        made = machine("placing/flags")
        made.put_certificate(WEB, link=capi_link("web", CAPI_ENHANCED, machine_keyset=False))
        made.put_capi("web", exchange=Slot(KEY))
        assert placing(made).refusal == (
            "KEY_PROV_INFO lacks the machine-keyset flag, so Windows does not look among the machine keys; "
            "no file mends that"
        )

    def test_a_provider_that_is_not_registered(self) -> None:
        made = machine("placing/provider")
        made.put_certificate(WEB, link=capi_link("web", "Nobody's Provider"))
        made.put_capi("web", exchange=Slot(KEY))
        got = placing(made)
        assert got.refusal == ('the provider "Nobody\'s Provider" is not registered on this disk; no file mends that')

    def test_another_container(self) -> None:
        made = server()
        made.put_capi("other", exchange=Slot(KEY))
        assert placing(made).refusal == "its name is that of another container than the certificate's link names"

    def test_a_file_of_the_other_kind(self) -> None:
        made = server()
        made.put_cng("web", CngKey.rsa(KEY))
        assert placing(made).refusal == (
            "it is a key file of CNG, and the certificate's link leads to one of CryptoAPI"
        )

    def test_one_whose_file_lies_in_its_place(self) -> None:
        made = server()
        made.put_capi(
            "web", exchange=Slot(KEY), sd=acl.security_descriptor([acl.Ace(acl.ADMINISTRATORS, type=acl.DENY)])
        )
        assert placing(made).refusal == (
            "it and its master key lie where Windows looks for them, so nothing is to be placed; what is wrong is that "
            "the access list of the key file shuts out SYSTEM (S-1-5-18), which must read it"
        )

    def test_without_machine_guid_nobody_knows_the_name(self) -> None:
        made = server()
        made.write(f"Backup/{name_of(made)}", copy_of(made))
        evidence = evidence_of(made)
        evidence.machine.machine_guid = None
        judge = Judge(evidence, NOTHING)
        judge.judged()
        (got,) = dict(placings([judge])).values()
        assert got.refusal == "the MachineGuid of this machine, in which the name of the file must end, is not known"

    def test_a_sound_key_needs_nothing(self) -> None:
        made = server()
        made.put_capi("web", exchange=Slot(KEY))
        assert all_placings(made) == {}


class TestDoubts:
    def test_key_isolation_that_does_not_start(self) -> None:
        made = machine("placing/keyiso", service_starts={"KeyIso": 4})
        made.put_certificate(WEB, link=cng_link("web", CNG_SOFTWARE))
        data = make_cng_key("copy", "web", made.keys[MACHINE], CngKey.rsa(KEY), flags=LOCAL_MACHINE)
        made.write(f"Backup/{cng_file_name('web', made.suffix)}", data)
        got = placing(made)
        assert len(got.files) == 1
        assert got.doubts == (
            "the service CNG Key Isolation (KeyIso) is disabled; until it starts, Windows opens no key of CNG",
        )

    def test_a_file_of_another_key_set(self) -> None:
        made = server()
        made.write(f"Backup/{name_of(made)}", copy_of(made, LOCAL_SYSTEM))
        assert placing(made).doubts == (
            "the file was made in the key set of an account, and Windows looks in another one",
        )

    def test_an_export_flag_that_does_not_open(self) -> None:
        made = server()
        data = copy_of(made)
        made.write(f"Backup/{name_of(made)}", data[:-1] + bytes([data[-1] ^ 1]))
        got = placing(made)
        assert (len(got.files), got.exportable) == (1, "unknown")
        assert got.doubts == (
            "its export flag, a blob of its own, did not open; what Windows makes of that is not known",
        )


def test_a_key_of_a_service_account() -> None:
    made = machine("placing/service")
    network = service(acl.NETWORK_SERVICE)
    made.add_master_key(network)
    made.put_capi("other", exchange=Slot(OTHER), owner=network)
    link = capi_link("web", CAPI_ENHANCED, machine_keyset=False)
    made.put_certificate(WEB, link=link, owner=network)
    key = made.write(f"Backup/{name_of(made)}", copy_of(made, network))
    got = placing(made)
    assert told(got) == [("key_file", f"{network.capi_folder}/{name_of(made)}", key, None)]
    assert (got.files[0].owner_sid, got.unlocked_by) == (acl.NETWORK_SERVICE, "current")
    mended = put(made, got)
    assert chain_of(mended).verdict == "usable"
    guid = made.keys[network].guid
    master = mended.move(f"{network.protect_folder}/{guid}", f"Backup/{guid}")
    got = placing(mended)
    assert told(got) == [("master_key", f"{network.protect_folder}/{guid}", master, None)]
    assert got.files[0].owner_sid == acl.NETWORK_SERVICE
    assert chain_of(put(mended, got)).verdict == "usable"
