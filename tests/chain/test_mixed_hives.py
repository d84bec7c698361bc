"""Loose hives of two machines in one folder: told in the head, and no chain that joins the two is called broken."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

import forensics
from forensics.cli.main import cli
from testdata.builder.machine_hives import CONTROL_SET, MachineFacts, MachineHives
from testdata.builder.regf import HiveWriter
from tests.sources.folder_of_everything import files_of

AS_OF = datetime(2026, 11, 29, tzinfo=UTC)
HIVES = ("SYSTEM", "SOFTWARE", "SECURITY", "SAM")
CONFIG = "Windows/System32/config/"
MIXED = "its hives are of two machines, or of two states of one: "
ONE = MachineFacts("9a3c5b1e-0f4d-4e2b-8c77-1d2e3f405162", "S-1-5-21-1-2-3", domain_sid=None)
OTHER = replace(ONE, computer_name="APP02", machine_sid="S-1-5-21-7-8-9")


def written(folder: Path, hives: dict[str, HiveWriter]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, hive in hives.items():
        (folder / name).write_bytes(hive.build())
    return folder


def swapped(facts: MachineFacts, other: MachineFacts, *names: str) -> dict[str, HiveWriter]:
    """Return the hives of one machine, some of them of another."""
    return MachineHives(facts).all() | {name: MachineHives(other).all()[name] for name in names}


def mixed(path: Path) -> str | None:
    (entry,) = forensics.examine(path, as_of=AS_OF).sources
    return entry.mixed


NAMES = "the computer is called WEB01 in SYSTEM and APP02 in SECURITY"
SIDS = "the machine SID is S-1-5-21-7-8-9 in SAM and S-1-5-21-1-2-3 in SECURITY"


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ((), None),
        (("SAM",), SIDS),
        (("SAM", "SECURITY"), NAMES),
        (("SECURITY",), f"{NAMES}; the machine SID is S-1-5-21-1-2-3 in SAM and S-1-5-21-7-8-9 in SECURITY"),
        (("SYSTEM",), "the computer is called APP02 in SYSTEM and WEB01 in SECURITY"),
        # Nothing in these says whose they are.
        (("SOFTWARE",), None),
        (("DEFAULT",), None),
    ],
)
def test_what_each_mix_tells(tmp_path: Path, names: tuple[str, ...], told: str | None) -> None:
    assert mixed(written(tmp_path, swapped(ONE, OTHER, *names))) == (told and MIXED + told)


def joined(hives: dict[str, HiveWriter], name: str) -> None:
    key = "Microsoft\\Windows\\CurrentVersion\\Group Policy\\State\\Machine"
    hives["SOFTWARE"].key(key).sz("Distinguished-Name", f"CN={name},OU=Servers,DC=contoso,DC=test")


def product(hives: dict[str, HiveWriter], kind: str) -> None:
    hives["SYSTEM"].key(f"{CONTROL_SET}\\Control\\ProductOptions").sz("ProductType", kind)


def test_software_of_a_computer_of_another_name(tmp_path: Path) -> None:
    hives = MachineHives(replace(ONE, domain_sid="S-1-5-21-4-4-4")).all()
    joined(hives, "WEB01")
    assert mixed(written(tmp_path / "one", hives)) is None
    joined(hives, "APP02")
    told = "the computer is called WEB01 in SYSTEM and APP02 in SOFTWARE"
    assert mixed(written(tmp_path / "two", hives)) == MIXED + told


def test_a_computer_that_left_its_domain_and_was_renamed(tmp_path: Path) -> None:
    hives = swapped(ONE, OTHER)
    joined(hives, "LAPTOP-OF-DAVE")
    assert mixed(written(tmp_path, hives)) is None


@pytest.mark.parametrize(
    ("kind", "named", "told"),
    [
        ("ServerNT", "Windows Server 2019 Standard", None),
        ("WinNT", "Windows Server 2019 Standard", "SYSTEM is a client's, SOFTWARE is of Windows Server 2019 Standard"),
        ("WinNT", "Windows 10 Pro", None),
        ("ServerNT", "Windows 10 Pro", None),
        ("Odd", "Windows Server 2019 Standard", None),
    ],
)
def test_software_of_another_product(tmp_path: Path, kind: str, named: str, told: str | None) -> None:
    hives = MachineHives(replace(ONE, product_name=named)).all()
    product(hives, kind)
    assert mixed(written(tmp_path, hives)) == (told and MIXED + told)


def test_software_of_a_client_beside_a_server(tmp_path: Path) -> None:
    hives = MachineHives(replace(ONE, product_name="Windows 10 Pro")).all()
    product(hives, "ServerNT")
    hives["SOFTWARE"].key("Microsoft\\Windows NT\\CurrentVersion").sz("InstallationType", "Client")
    assert mixed(written(tmp_path, hives)) == f"{MIXED}SYSTEM is a server's, SOFTWARE is of Windows 10 Pro"


@pytest.mark.parametrize(
    ("accounts", "local", "domain", "told"),
    [
        (("S-1-5-21-7-8-9-1001",), (500, 1002), None, True),
        (("S-1-5-21-7-8-9-1001", "S-1-5-21-1-2-3-500"), (500,), None, False),
        (("S-1-12-1-5-6-7-8",), (500,), None, False),
        (("S-1-5-21-7-8-9-500",), (500,), None, False),
        (("S-1-5-21-7-8-9-1001",), (), None, False),
        # The same number in both: the SID of the machine may have been changed.
        (("S-1-5-21-7-8-9-1001",), (500, 1001), None, False),
        # Numbers as a domain gives them: the machine was its member, and is now in none or in the cloud.
        (("S-1-5-21-7-8-9-1120",), (500, 1001), None, False),
        (("S-1-5-21-7-8-9-1120", "S-1-12-1-5-6-7-8"), (500, 1001), None, False),
        # Of a member of a domain they may be of any domain that it trusts.
        (("S-1-5-21-7-8-9-1001",), (500,), "S-1-5-21-4-4-4", False),
    ],
)
def test_accounts_of_another_machine(
    tmp_path: Path, accounts: tuple[str, ...], local: tuple[int, ...], domain: str | None, told: bool
) -> None:
    hives = MachineHives(replace(ONE, domain_sid=domain))
    for sid in accounts:
        hives.add_profile(sid, "C:\\Users\\anna", ONE.installed)
    for number in local:
        hives.sam.key(f"SAM\\Domains\\Account\\Users\\{number:08X}")
    text = "the accounts in SOFTWARE are of S-1-5-21-7-8-9 and not in SAM, the machine SID is S-1-5-21-1-2-3"
    assert mixed(written(tmp_path, hives.all())) == (MIXED + text if told else None)


def test_a_domain_controller_has_two_sids_and_the_name_of_its_domain(tmp_path: Path) -> None:
    domain = "S-1-5-21-4-4-4"
    hives = MachineHives(replace(ONE, domain_sid=domain)).all()
    controller = replace(ONE, computer_name="CONTOSO", machine_sid=domain, domain_sid=domain)
    hives["SECURITY"] = MachineHives(controller).security
    assert mixed(written(tmp_path, hives)) is None


def test_a_name_that_is_about_to_change(tmp_path: Path) -> None:
    hives = swapped(replace(ONE, computer_name="NEW01"), ONE, "SECURITY")
    hives["SYSTEM"].key(f"{CONTROL_SET}\\Services\\Tcpip\\Parameters").sz("Hostname", "web01")
    assert mixed(written(tmp_path / "renamed", hives)) is None
    sealed = replace(ONE, computer_name="WIN-1", image_state="IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE")
    assert mixed(written(tmp_path / "sealed", swapped(sealed, ONE, "SECURITY"))) is None


def test_a_whole_disk_is_not_accused(tmp_path: Path) -> None:
    for name, hive in swapped(ONE, OTHER, "SECURITY").items():
        (tmp_path / CONFIG).mkdir(parents=True, exist_ok=True)
        (tmp_path / CONFIG / name).write_bytes(hive.build())
    assert mixed(tmp_path) is None


def loose(folder: Path, first: str, second: str, *names: str) -> Path:
    """Lay out the hives and keys of a forged machine, with some hives of another."""
    for path, data in files_of(first).items():
        if path.startswith(("ProgramData/Microsoft/Crypto/", "Windows/System32/Microsoft/Protect/", CONFIG)):
            target = folder / path.removeprefix(CONFIG)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
    for name in names:
        (folder / name).write_bytes(files_of(second)[CONFIG + name])
    return folder


@pytest.mark.parametrize("names", [("SYSTEM",), ("SECURITY",), ("SYSTEM", "SAM"), ("SOFTWARE", "SAM")])
def test_chains_that_join_two_machines_are_unknown(tmp_path: Path, names: tuple[str, ...]) -> None:
    case = forensics.examine(loose(tmp_path, "healthy", "tpm-laptop", *names), as_of=AS_OF)
    (entry,) = case.sources
    assert entry.mixed is not None
    assert entry.mixed.startswith(MIXED)
    rows = case.rows("key_chain")
    assert "unusable" not in {row.verdict for row in rows}
    assert {row.broken_at for row in rows} == {None}
    undecided = [row for row in rows if row.verdict == "unknown" and row.key_file != "not_applicable"]
    assert len(undecided) > 10
    assert {entry.mixed in (row.reason or "") for row in undecided} == {True}


def test_it_stands_in_the_head_and_is_no_exit_code_0(tmp_path: Path) -> None:
    path = loose(tmp_path / "hives", "healthy", "tpm-laptop", "SYSTEM")
    told = (
        f"{path}: {MIXED}the boot key in SYSTEM does not open the secrets in SECURITY; "
        "the computer is called LAP-77 in SYSTEM and WEB01 in SECURITY"
    )
    result = CliRunner().invoke(cli, ["examine", str(path), "--as-of", "2026-11-22"])
    assert result.stderr == f"keymortem: {told}\n"
    assert told in result.stdout.splitlines()[:4]
    assert result.exit_code in (1, 3)
    case = forensics.examine(path)
    assert [row.kind for row in case.rows("problem") if row.kind == "mixed_hives"] == ["mixed_hives"]
    assert case.not_examined == [told]
    case.save(tmp_path / "case.sqlite")
    assert forensics.open_case(tmp_path / "case.sqlite").sources == case.sources
