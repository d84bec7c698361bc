"""A user's profile without its Windows, in each form in which people hold one: the same rows, and whose it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import forensics
from forensics.case import Case
from forensics.cli.main import cli
from forensics.disk.errors import SourceError
from forensics.report.result import UnsuitableCaseError
from forensics.sources.coverage import Place
from forensics.sources.loose_keys import WITHOUT_HIVES
from forensics.sources.source import Source
from testdata.builder import certs
from testdata.builder import lone_profiles as lone
from testdata.builder.capi import Slot
from testdata.builder.files import FileSpec
from testdata.builder.keys import pvk, rsa_key
from testdata.builder.lone_profiles import (
    AS_OF,
    FIRST,
    LOST,
    MAIL,
    MICROSOFT,
    PASSWORD,
    SECOND,
    SID,
    VPN,
    forged,
    lay,
    profile,
)
from testdata.builder.machine import capi_link, machine
from testdata.builder.vhdx import write_differencing
from tests.disk.test_containers import opened
from tests.oracles import needs_tool

BEN = "S-1-5-21-3623811015-3361044348-30300820-1014"
ENTRA = "S-1-12-1-1111111111-1222222222-1333333333-1444444444"
FILES = profile(*forged())
PARTS = lone.parts(FILES)
CAPI = f"{MICROSOFT}/Crypto/RSA/{SID}/9946ff1cba0c854ff171a5619b959161_{FIRST}"
CNG = f"{MICROSOFT}/Crypto/Keys/d5f1d819e7d72ee3ba52041898510bb9_{FIRST}"
OF_ITS_WINDOWS = "of the Windows that the profile belongs to, which is not in this source"
KEYISO = (
    "whether the service CNG Key Isolation (KeyIso), by which keys of CNG are opened, starts there is told by the "
    "Windows that the profile belongs to, which is not in this source"
)
GUID = f"Its key files are named for MachineGuid {FIRST}: that of the computer on which they were made."

OTHER = {"a.txt": FileSpec("a")}

Maker = Callable[[Path], Path]
FORMS: dict[str, tuple[Maker, str, str]] = {
    "a container of FSLogix": (
        lambda at: lone.committed("fslogix", at / f"{SID}_anna" / "Profile_anna.VHDX"), "Profile/", "anna",
    ),
    "a user profile disk": (lambda at: lone.committed("upd", at / f"UVHD-{SID}.vhdx"), "", "anna"),
    "a folder of FSLogix": (lambda at: lay(at, FILES, "Profile"), "Profile/", "anna"),
    "a roaming profile": (lambda at: lay(at, FILES, "anna.V6") / "anna.V6", "", "anna"),
    "a share of roaming profiles": (lambda at: lay(at, FILES, "profiles/anna.V6"), "profiles/anna.V6/", "anna"),
    "a user's folder": (lambda at: lay(at, FILES), "", "anna"),
    "a user's folder in a zip": (lambda at: lone.zipped(at / "anna.zip", FILES, "anna/"), "anna/", "anna"),
    "Users": (lambda at: lay(at, FILES, "Users/anna"), "Users/anna/", "anna"),
    "AppData alone": (lambda at: lay(at, appdata()) / "AppData", "", ""),
    "Roaming alone": (lambda at: lay(at, appdata()) / "AppData" / "Roaming", "", ""),
    "Microsoft alone": (lambda at: lay(at, PARTS, "Microsoft"), "", ""),
    "the three folders": (lambda at: lay(at, PARTS), "", ""),
    "the three folders in a zip": (lambda at: lone.zipped(at / "keys.zip", PARTS), "", ""),
    "the three folders beside other files": (lambda at: lay(lay(at, PARTS, "keys"), OTHER, "x"), "keys/", ""),
}  # fmt: skip


def appdata() -> dict[str, Any]:
    return {path: spec for path, spec in FILES.items() if path.startswith("AppData/")}


def chains(case: Case) -> dict[str, tuple[Any, ...]]:
    return {
        (row.subject or "").removeprefix("CN="): (
            row.key_file,
            row.key_file_path,
            row.public_key,
            row.master_key,
            row.unlocked_by,
            row.private_key,
            row.verdict,
            row.broken_at,
        )
        for row in case.rows("key_chain")
    }


def screen(case: Case) -> list[str]:
    return forensics.render(case, "screen").splitlines()


@pytest.mark.parametrize("form", FORMS)
def test_the_same_rows_in_every_form(tmp_path: Path, form: str) -> None:
    make, folder, name = FORMS[form]
    source = make(tmp_path)
    case = forensics.examine(source, as_of=AS_OF, passwords={SID: PASSWORD})
    [machine] = case.rows("machine")
    who = f"{name} ({SID})" if name else SID
    assert (machine.kind, machine.profiles_of, machine.key_guids, machine.machine_guid, machine.computer_name) == (
        "profile", [who], [FIRST], FIRST, None,
    )  # fmt: skip
    assert [(row.sid, row.name or "") for row in case.rows("user")] == [(SID, name)]
    assert chains(case) == {
        MAIL: ("present", f"{folder}{CAPI}", "match", "present", "password", "proved", "usable", None),
        VPN: ("present", f"{folder}{CNG}", "match", "present", "password", "proved", "unknown", None),
        LOST: (
            "absent", None, "not_examined", "not_examined", "not_tried", "not_examined", "unusable", "key_file",
        ),
    }  # fmt: skip
    assert {row.subject: row.reason for row in case.rows("key_chain")}[f"CN={VPN}"] == KEYISO
    assert [(finding.rule, finding.severity) for finding in case.finding_list] == [("key-file-missing", "high")]
    assert not case.rows("problem")
    assert case.not_examined == []
    assert screen(case)[:5] == [
        "keymortem 0.1.0, as of 2026-11-29. Examined 1 of 1.",
        f"profile of {who}, without the Windows it belongs to, in {machine.source}",
        GUID,
        "Keys of 3 certificates: 1 proved broken, 1 usable, 1 undecided; 0 expired.",
        "Findings: 1 high.",
    ]


@pytest.mark.parametrize("form", FORMS)
def test_what_lies_on_the_machine_is_not_examined(tmp_path: Path, form: str) -> None:
    case = forensics.examine(FORMS[form][0](tmp_path), as_of=AS_OF)
    [machine] = case.rows("machine")
    coverage = case.coverage_of(machine)
    rows = {row.name: (row.outcome, row.detail) for row in case.rows("coverage") if row.machine_id}
    for hive in ("SYSTEM", "SOFTWARE", "SECURITY", "SAM"):
        assert rows[hive] == ("not_examined", OF_ITS_WINDOWS)
        assert coverage.saw(Place.of_hive(hive)).state == "not_examined"
    assert rows["RSA/MachineKeys (capi, machine)"] == ("not_examined", OF_ITS_WINDOWS)
    assert {row.sid for row in case.rows("user")} == {SID}
    assert not [row for row in case.rows("service") if row.name]


def test_without_a_password_the_keys_are_locked_and_no_fault(tmp_path: Path) -> None:
    case = forensics.examine(lay(tmp_path, FILES), as_of=AS_OF)
    assert {name: row[4:] for name, row in chains(case).items() if name != LOST} == {
        MAIL: ("not_tried", "locked", "unknown", None),
        VPN: ("not_tried", "locked", "unknown", None),
    }
    reasons = {row.reason for row in case.rows("key_chain") if row.verdict == "unknown"}
    assert len(reasons) == 1
    assert "the user's password (--password)" in reasons.pop()


@pytest.mark.parametrize("given", ["anna", "ANNA", SID])
def test_the_password_may_be_given_by_name_or_sid(tmp_path: Path, given: str) -> None:
    case = forensics.examine(lay(tmp_path, FILES), as_of=AS_OF, passwords={given: PASSWORD})
    assert chains(case)[MAIL][4:7] == ("password", "proved", "usable")
    assert not case.rows("problem")


def test_the_domain_s_backup_key_and_the_nt_hash_open_a_profile(tmp_path: Path) -> None:
    made = machine("lone/domain", machine_guid=FIRST)
    dave = made.add_user(SID, "dave", None, bytes.fromhex("32ed87bdb5fdc5e9cba88547376818d4"))
    made.put_capi(MAIL, exchange=Slot(rsa_key("2048-09")), owner=dave)
    lone.put(made, dave, MAIL, rsa_key("2048-09"))
    source = lay(tmp_path / "p", profile(made, dave))
    key = tmp_path / "domain.pvk"
    key.write_bytes(pvk(rsa_key("domain-backup")))
    by_domain = forensics.examine(source, as_of=AS_OF, domain_backup_keys=key)
    assert chains(by_domain)[MAIL][4:7] == ("domain_key", "proved", "usable")
    by_hash = forensics.examine(source, as_of=AS_OF, nt_hashes={"dave": "32ed87bdb5fdc5e9cba88547376818d4"})
    assert chains(by_hash)[MAIL][4:7] == ("password", "proved", "usable")


def test_of_an_entra_account_nothing_that_can_be_given_opens_it(tmp_path: Path) -> None:
    source = lay(tmp_path, profile(*forged(ENTRA, "eve", "Cloud-Secret-1")))
    case = forensics.examine(source, as_of=AS_OF, passwords={"eve": "Todays-1"})
    [user] = case.rows("user")
    assert (user.sid, user.name, user.kind) == (ENTRA, "eve", "entra_account")
    row = next(row for row in case.rows("key_chain") if row.subject == f"CN={MAIL}")
    assert (row.private_key, row.verdict) == ("locked", "unknown")
    assert "likely it hangs on a secret that Windows has from Entra ID (CloudAP)" in row.reason


def test_keys_of_several_computers_are_told_with_their_guids(tmp_path: Path) -> None:
    made, owner = forged()
    made.put_capi("roamed", exchange=Slot(rsa_key("2048-11")), owner=owner, suffix=SECOND)
    case = forensics.examine(lay(tmp_path, profile(made, owner)), as_of=AS_OF, passwords={"anna": PASSWORD})
    [machine] = case.rows("machine")
    assert (machine.machine_guid, machine.key_guids) == (None, [FIRST, SECOND])
    told = "Its key files are named for 2 MachineGuids, of the computers on which they were made: "
    assert f"{told}{FIRST}, {SECOND}." in screen(case)
    assert chains(case)[MAIL][6] == "usable"


def test_which_of_two_files_of_a_container_windows_opens_depends_on_the_computer(tmp_path: Path) -> None:
    made, owner = forged()
    made.put_capi(MAIL, exchange=Slot(rsa_key("2048-11")), owner=owner, suffix=SECOND)
    case = forensics.examine(lay(tmp_path, profile(made, owner)), as_of=AS_OF, passwords={"anna": PASSWORD})
    row = next(row for row in case.rows("key_chain") if row.subject == f"CN={MAIL}")
    assert (row.public_key, row.private_key, row.verdict) == ("match", "proved", "unknown")
    assert row.reason == (
        f"its container has files named for 2 MachineGuids ({FIRST}, {SECOND}), and not all of them hold the "
        "certificate's key: which one Windows opens depends on the computer"
    )


def test_users_without_windows_are_one_installation(tmp_path: Path) -> None:
    lay(lay(tmp_path, FILES, "Users/anna"), profile(*forged(BEN, "ben")), "Users/ben")
    case = forensics.examine(tmp_path, as_of=AS_OF, passwords={"anna": PASSWORD})
    [machine] = case.rows("machine")
    assert machine.profiles_of == [f"anna ({SID})", f"ben ({BEN})"]
    assert screen(case)[1] == (
        f"profiles of anna ({SID}) and ben ({BEN}), without the Windows they belong to, in {tmp_path}"
    )


def test_profiles_side_by_side_are_each_their_own(tmp_path: Path) -> None:
    lay(lay(tmp_path, FILES, "anna.V6"), profile(*forged(BEN, "ben")), "ben.V6")
    lone.committed("fslogix", tmp_path / f"{SID}_anna" / "Profile_anna.VHDX")
    case = forensics.examine(tmp_path, as_of=AS_OF)
    assert [(m.kind, m.profiles_of) for m in case.rows("machine")] == [
        ("profile", [f"anna ({SID})"]),
        ("profile", [f"ben ({BEN})"]),
        ("profile", [f"anna ({SID})"]),
    ]
    assert not case.rows("shared_identity")


def test_the_access_lists_of_a_container_are_those_that_windows_gave(tmp_path: Path) -> None:
    """In what was copied there are none."""
    for form, access in (("a container of FSLogix", "ok"), ("a user profile disk", "ok"), ("Users", "not_examined")):
        case = forensics.examine(FORMS[form][0](tmp_path / form), as_of=AS_OF)
        assert {row.access for row in case.rows("key_chain") if row.key_file == "present"} == {access}


def test_a_sid_that_only_the_name_of_the_disk_tells_is_likely(tmp_path: Path) -> None:
    files = {path: spec for path, spec in FILES.items() if SID not in path and "/Crypto/" not in path}
    case = forensics.examine(lay(tmp_path, files, f"{SID}_anna/Profile"), as_of=AS_OF)
    [machine] = case.rows("machine")
    assert machine.profiles_of == [f"anna (likely {SID})"]
    assert screen(case)[1].startswith(f"profile of anna (likely {SID}), without the Windows it belongs to")


def test_a_profile_of_windows_xp(tmp_path: Path) -> None:
    moved = {path.replace("AppData/Roaming", "Application Data"): spec for path, spec in FILES.items()}
    case = forensics.examine(lay(tmp_path, moved, "anna"), as_of=AS_OF, passwords={"anna": PASSWORD})
    assert [machine.kind for machine in case.rows("machine")] == ["profile"]
    assert chains(case)[MAIL][4:7] == ("password", "proved", "usable")


def test_the_present_state_of_a_container_with_a_differencing_disk(tmp_path: Path) -> None:
    """FSLogix keeps what a session changes in RW.VHDX until the session ends."""
    base = lone.committed("fslogix", tmp_path / "Profile_anna.VHDX")
    with Source(str(base)) as source:
        stream = opened(base, source).stream
        stream.seek(0)
        at = stream.read().index((FILES[CAPI].data or b"")[:512])
    write_differencing(base, [(at, bytes(512))], tmp_path / "RW.VHDX")
    case = forensics.examine(tmp_path, as_of=AS_OF, passwords={"anna": PASSWORD})
    assert [machine.source for machine in case.rows("machine")] == [str(tmp_path / "RW.VHDX")]
    assert chains(case)[MAIL][0] == "unreadable"
    assert [e.older_state_of for e in case.sources if e.path == str(base)] == [str(tmp_path / "RW.VHDX")]
    alone = tmp_path / "alone" / "RW.VHDX"
    alone.parent.mkdir()
    (tmp_path / "RW.VHDX").rename(alone)
    with pytest.raises(SourceError, match=r"Profile_anna\.VHDX") as refused:
        forensics.examine(alone)
    assert refused.value.kind == "missing_parent"


@needs_tool("mkntfs", "ntfs-3g")
def test_a_container_for_office_names_the_one_that_has_the_keys(tmp_path: Path) -> None:
    made = lone.container(tmp_path / "ODFC_anna.VHDX", {"Outlook/anna.ost": FILES["NTUSER.DAT"]}, "ODFC/", "O365-anna")
    case = forensics.examine(made, strict=False)
    assert not case.rows("machine")
    [entry] = case.sources
    assert entry.error is not None
    assert (
        "a container of FSLogix for Office (ODFC), in which no keys lie; those are in the container of the"
        in entry.error
    )


def test_hive_and_keys_of_one_user_side_by_side(tmp_path: Path) -> None:
    kept = {p.replace("Protect/", "").replace("Crypto/RSA/", ""): spec for p, spec in PARTS.items() if SID in p}
    lay(tmp_path, kept | {"NTUSER.DAT": FILES["NTUSER.DAT"]})
    case = forensics.examine(tmp_path, as_of=AS_OF, passwords={"anna": PASSWORD})
    [machine] = case.rows("machine")
    assert (machine.kind, machine.profiles_of) == ("profile", [f"anna ({SID})"])
    [chain] = case.rows("key_chain")
    assert (chain.thumbprint, chain.unlocked_by, chain.private_key) == (None, "password", "proved")


@pytest.mark.parametrize("part", ["Protect", "Crypto"])
def test_one_folder_named_directly(tmp_path: Path, part: str) -> None:
    kept = {path: spec for path, spec in PARTS.items() if path.startswith(part)}
    case = forensics.examine(lay(tmp_path, kept) / part, as_of=AS_OF)
    [machine] = case.rows("machine")
    assert (machine.kind, machine.profiles_of) == ("profile", [SID])
    assert case.not_examined == []


def test_keys_of_a_machine_without_its_hives_are_no_profile(tmp_path: Path) -> None:
    made, _ = forged()
    start = "ProgramData/Microsoft/"
    made.put_capi("machine's", exchange=Slot(rsa_key("2048-11")))
    files = {f.path.removeprefix(start): f for f in made.files.values() if f.path.startswith(start) and f.data}
    with pytest.raises(SourceError, match=WITHOUT_HIVES):
        forensics.examine(lay(tmp_path, files))


def test_hives_of_a_machine_beside_a_profile_make_it_a_windows(tmp_path: Path) -> None:
    made, _ = forged()
    hives = {f.path.rpartition("/")[2]: f for f in made.volume() if "/System32/config/" in f.path and f.data}
    lay(lay(tmp_path, hives), FILES, "anna")
    case = forensics.examine(tmp_path, as_of=AS_OF, passwords={"anna": PASSWORD})
    [machine] = case.rows("machine")
    assert (machine.kind, machine.computer_name, machine.machine_guid) == ("windows", "WEB01", FIRST)
    # ProfileList has the user's profile in C:\\Users, which was not copied: the missing file may lie there.
    assert {name: row[6] for name, row in chains(case).items()} == {MAIL: "usable", VPN: "usable", LOST: "unknown"}


def test_what_a_profile_does_not_make(tmp_path: Path) -> None:
    source = lay(tmp_path, FILES)
    case = forensics.examine(source, as_of=AS_OF, passwords={"anna": PASSWORD})
    with pytest.raises(UnsuitableCaseError, match="a runbook is for a computer; this is the profile of anna"):
        forensics.render(case, "runbook")
    text = forensics.render(case, "text")
    for told in (
        "WELL: opened and proved, Windows would open these keys",
        "hold no such file: whichever MachineGuid its name ends in.",
        "PowerShell as the user whose store it is, not elevated",
    ):
        assert told in text
    for never in ("this machine", "this computer", "Windows on this disk", "product name not read", "No service"):
        assert never not in text
    ending = CliRunner().invoke(cli, ["expiring", str(source), "--within", "200", "--as-of", "2026-11-29"]).stdout
    assert f"CN={MAIL}, store My, in the profile of anna, key unknown" in ending
    thumbprint = next(row.thumbprint for row in case.rows("key_chain") if row.subject == f"CN={MAIL}")
    assert "in the profile of anna, store My" in case.explain(thumbprint).render()


def test_no_rule_about_a_machine_is_asked_of_a_profile(tmp_path: Path) -> None:
    """It would count what was never there to read: settings that are "not set", events that came "never"."""
    made, owner = forged()
    certificate = certs.make_certificate("card", rsa_key("2048-11"), eku=[certs.CLIENT_AUTH])
    link = capi_link("card", "Microsoft Base Smart Card Crypto Provider", machine_keyset=False)
    made.put_certificate(certificate, link=link, owner=owner)
    case = forensics.examine(lay(tmp_path, profile(made, owner)), as_of=AS_OF)
    assert {finding.rule for finding in case.finding_list} == {"key-file-missing", "key-on-smart-card"}
    assert {finding.subject_table for finding in case.finding_list} == {"key_chain"}


def test_where_the_key_of_a_profile_lies_is_told_as_its_user_s_session_writes_it(tmp_path: Path) -> None:
    source = lone.committed("fslogix", tmp_path / "Profile_anna.VHDX")
    case = forensics.examine(source, as_of=AS_OF, passwords={"anna": PASSWORD})
    shown = "%USERPROFILE%\\" + CNG.replace("/", "\\")
    assert f"  CN={VPN}, store My, in {shown}" in screen(case)
    assert "Commands are for a session of the user with this profile." in screen(case)[-1]


@needs_tool("mkntfs", "ntfs-3g")
@pytest.mark.parametrize("at", ["Shares/profiles/anna.V6", "Users/anna", "Backup/keys"])
def test_a_profile_that_was_copied_onto_a_data_volume(tmp_path: Path, at: str) -> None:
    """Its access lists there are those of whoever copied it."""
    files = PARTS if at == "Backup/keys" else FILES
    source = lone.container(tmp_path / "data.vhdx", {f"{at}/{path}": spec for path, spec in files.items()})
    case = forensics.examine(source, as_of=AS_OF, passwords={SID: PASSWORD})
    [machine] = case.rows("machine")
    assert (machine.kind, machine.profile_folder, machine.machine_guid) == ("profile", at, FIRST)
    assert chains(case)[MAIL][1:7] == (f"{at}/{CAPI}", "match", "present", "password", "proved", "usable")
    assert {row.access for row in case.rows("key_chain")} == {"not_examined"}
