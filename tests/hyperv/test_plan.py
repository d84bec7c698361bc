"""``keymortem migrate``: what becomes of each machine on another host, and the commands that carry what it needs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import forensics
from forensics.cli.main import cli
from forensics.hyperv.migration import MigrationPlan, plan_migration
from forensics.hyperv.operations import OPERATIONS
from forensics.hyperv.plan_steps import Step, steps
from forensics.hyperv.plan_text import migration_document, render_migration
from testdata.builder.key_protector import GuardianPair, guardian_pair
from testdata.builder.scenarios.hyperv_host import BRANCH, FIRST, LOST, SECOND
from testdata.builder.scenarios.hyperv_target import DELETED, HALF, IN_TPM, OWN, STRANGE
from testdata.builder.virtual_machine import VirtualMachine
from tests import exports
from tests.commands.powershell import is_powershell
from tests.exports import APP, AS_OF, PLAIN, machine, write_export
from tests.paths import IMAGES

HV01, HV02, GUARDED1 = (str(IMAGES / f"{name}.vhdx.xz") for name in ("hyperv-source", "hyperv-target", "hyperv-hgs"))
STORE = "Cert:\\LocalMachine\\Shielded VM Local Certificates"


@cache
def _case(*sources: str) -> forensics.Case:
    return forensics.examine(*sources, as_of=AS_OF)


def _plan(source: str | None, target: str, *exported: Path, as_of: datetime = AS_OF) -> MigrationPlan:
    to = forensics.Case([row for rows in _case(target).tables.values() for row in rows], as_of=as_of)
    return plan_migration(_case(source) if source else None, to, _case(*map(str, exported)) if exported else None)


def _matrix(plan: MigrationPlan) -> dict[str, str]:
    """One letter an operation: Works, Fails, Likely fails, Unknown; small: only likely to be so."""
    letters = {"works": "W", "fails": "F", "likely fails": "L", "unknown": "U"}
    return {
        p.name: "".join(
            letters[a.result]
            if a.certainty == "verified" or a.result in ("likely fails", "unknown")
            else letters[a.result].lower()
            for a in p.answers
        )
        for p in plan.vms
    }


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["migrate", "--as-of", "2026-11-22", *arguments])


# --- what becomes of each machine


def test_the_order_of_operations() -> None:
    assert OPERATIONS == (
        "start",
        "live migration",
        "export and import",
        "replica failover",
        "change of the key protector",
        "new virtual TPM",
    )


def test_every_machine_of_hv01_on_hv02() -> None:
    """HV02 has HV01's first pair without private keys and its second in Personal."""
    assert _matrix(_plan(HV01, HV02)) == {
        "COPY01": "LLLLL",
        "DC01": "FLLLF",
        "DIRTY01": "LLLLL",
        "EMPTY01": "UUUUU",
        "GONE01": "FFLFF",
        "ODD01": "UUUUU",
        "SHARED01": "LLLLF",
        "WEB01": "LLLLL",
        "WEB01 - before the update (checkpoint)": "FLLLF",
        "00000006-0a01-4b02-8c03-000000000001": "UUUUU",
        "0000000a-0a01-4b02-8c03-000000000001": "UUUUU",
        "OFF01": "WWWW",
        "PRINT01": "WWWW",
    }


def test_every_way_to_bring_a_certificate(tmp_path: Path) -> None:
    pairs = {"own": OWN, "none": FIRST, "my": SECOND, "locked": STRANGE, "half": HALF, "gone": DELETED, "tpm": IN_TPM}
    plans = {name: _plan(None, HV02, write_export(tmp_path / name, machine(pair))) for name, pair in pairs.items()}
    assert {name: _matrix(plan)["APP01"] for name, plan in plans.items()} == {
        "own": "WWWWW",
        "none": "FLLLF",
        "my": "LLLLL",
        "locked": "LLLLW",
        "half": "wwwwF",
        "gone": "FLLLW",
        "tpm": "UUUUW",
    }


def test_an_expired_owner_starts_its_machine_and_blocks_a_change(tmp_path: Path) -> None:
    plan = _plan(None, HV01, write_export(tmp_path, machine(FIRST)))
    assert _matrix(plan) == {"APP01": "WwwwF"}
    start, *_, change = plan.vms[0].answers
    assert start.because.endswith("; that the certificate expired on 2026-11-07 does not matter for it")
    assert change.because.endswith(" ended on 2026-11-07: blocked unless -AllowExpired is given")
    before = _plan(
        None, HV01, write_export(tmp_path / "again", machine(FIRST)), as_of=datetime(2026, 11, 1, tzinfo=UTC)
    )
    assert _matrix(before) == {"APP01": "WWWWW"}


def test_a_guarded_host_is_not_asked_for_its_own_certificates(tmp_path: Path) -> None:
    plan = _plan(None, GUARDED1, write_export(tmp_path, machine(BRANCH)))
    assert _matrix(plan) == {"APP01": "UUUUU"}
    assert plan.transfers == ()
    assert "asks a Host Guardian Service" in steps(plan)[0].text


def test_a_new_virtual_tpm_depends_on_the_targets_own_pair() -> None:
    assert (_plan(HV02, HV01).new_vm.result, _plan(HV01, HV02).new_vm.result) == ("works", "works")
    # Ten years later HV02's own pair has ended, and so has HV01's second.
    late = datetime(2037, 1, 1, tzinfo=UTC)
    plan = _plan(HV02, HV01, as_of=late)
    assert (plan.new_vm.result, plan.new_vm.certainty) == ("fails", "verified")
    assert [row.thumbprint for row in plan.renew] == [SECOND.signing.thumbprint, SECOND.encryption.thumbprint]
    old = (SECOND.signing.thumbprint, SECOND.encryption.thumbprint)
    save, renewal = [step for step in steps(plan) if "has ended" in step.text or "renew it" in step.text]
    assert _lines(save) == [*_new_folder("C:\\Guardians-HV01-20370101"), *_exports(*old)]
    assert _lines(renewal) == [
        "# PowerShell as administrator",
        "Get-HgsGuardian -Name 'UntrustedGuardian' | Where-Object { $_.EncryptionCertificate.NotAfter -and "
        "$_.EncryptionCertificate.NotAfter -lt (Get-Date).AddDays(0) } | ForEach-Object { Remove-HgsGuardian "
        "-Name 'UntrustedGuardian'; New-HgsGuardian -Name 'UntrustedGuardian' -GenerateCertificates }",
    ]


def _lines(step: Step) -> list[str]:
    return [block.text for block in step.commands]


def _new_folder(folder: str) -> list[str]:
    """What makes a folder of this run, for administrators alone, and asks once for the password."""
    return [
        "# PowerShell as administrator",
        f"$folder = '{folder}'",
        "New-Item -ItemType Directory -Path $folder -ErrorAction Stop | Out-Null",
        'icacls $folder /inheritance:r /grant "*S-1-5-32-544:(OI)(CI)F"',
        "$password = (Get-Credential -UserName pfx -Message 'Password for the PFX files').Password",
    ]


def _exports(*thumbprints: str) -> list[str]:
    """What writes each certificate with its key, and opens the file once."""
    return [
        line
        for t in thumbprints
        for line in (
            f'Export-PfxCertificate -Cert "{STORE}\\{t}" -FilePath "$folder\\{t}.pfx" -Password $password -NoClobber',
            f'Get-PfxData -FilePath "$folder\\{t}.pfx" -Password $password',
        )
    ]


# --- what to carry


def test_what_hv02_needs_of_hv01() -> None:
    plan = _plan(HV01, HV02)
    assert [
        (t.thumbprint, t.purpose, t.on_source, t.on_target, t.can_be_exported, t.target_store) for t in plan.transfers
    ] == [
        (SECOND.encryption.thumbprint, "start", "usable", "wrong_store", True, "MY"),
        (SECOND.signing.thumbprint, "start", "usable", "wrong_store", True, "MY"),
        (FIRST.encryption.thumbprint, "start", "usable", "no_private_key", True, None),
        (FIRST.signing.thumbprint, "start", "usable", "no_private_key", True, None),
        (LOST.encryption.thumbprint, "start", "absent", "absent", False, None),
        (LOST.signing.thumbprint, "start", "absent", "absent", False, None),
        (BRANCH.encryption.thumbprint, "change", "no_private_key", "absent", False, None),
        (BRANCH.signing.thumbprint, "change", "no_private_key", "absent", False, None),
    ]
    users = {t.thumbprint: t.needed_by for t in plan.transfers}
    assert users[SECOND.encryption.thumbprint] == ("COPY01", "DIRTY01", "SHARED01", "WEB01")
    assert users[FIRST.signing.thumbprint] == ("DC01", "WEB01 - before the update (checkpoint)")
    assert users[BRANCH.signing.thumbprint] == ("SHARED01",)


def test_the_commands_from_hv01_to_hv02() -> None:
    plan = _plan(HV01, HV02)
    carried = FIRST.encryption.thumbprint, FIRST.signing.thumbprint
    moved = SECOND.encryption.thumbprint, SECOND.signing.thumbprint
    make = f'if (-not (Test-Path "{STORE}")) {{ New-Item "{STORE}" }}'
    folder = "$folder = 'C:\\Guardians-HV01-20261122'"
    shell = "# PowerShell as administrator"
    password = "$password = (Get-Credential -UserName pfx -Message 'Password of the PFX files').Password"
    assert [_lines(step) for step in steps(plan) if step.commands] == [
        [*_new_folder("C:\\Guardians-HV01-20261122"), *_exports(*carried)],
        [
            shell,
            make,
            *(f'Move-Item -LiteralPath "Cert:\\LocalMachine\\MY\\{t}" -Destination "{STORE}"' for t in moved),
        ],
        _new_folder("C:\\Guardians-HV01-20261122")[:-1],
        [
            shell,
            folder,
            password,
            make,
            *(
                f'Import-PfxCertificate -FilePath "$folder\\{t}.pfx" -CertStoreLocation "{STORE}" -Exportable '
                "-Password $password"
                for t in carried
            ),
            f'Get-ChildItem "{STORE}" | Where-Object Thumbprint -in '
            f"'{moved[0]}', '{moved[1]}', '{carried[0]}', '{carried[1]}' | Format-Table 'Thumbprint', 'HasPrivateKey'",
        ],
        [
            shell,
            folder,
            password,
            f"New-HgsGuardian -Name 'UntrustedGuardian of HV01 {carried[1][:8]}' "
            f'-SigningCertificate "$folder\\{carried[1]}.pfx" -SigningCertificatePassword $password '
            f'-EncryptionCertificate "$folder\\{carried[0]}.pfx" -EncryptionCertificatePassword $password '
            "-AllowExpired -AllowUntrustedRoot",
            "Get-HgsGuardian | Format-Table 'Name', 'HasPrivateSigningKey'",
        ],
        [shell, "manage-bde -protectors -get C:"],
        [
            shell,
            folder,
            "$backup = 'BACKUP-FOLDER'",
            password,
            *(
                f'if ($backup -ne $folder -and (Get-PfxData -FilePath "$backup\\{t}.pfx" -Password $password)) '
                f'{{ Remove-Item -LiteralPath "$folder\\{t}.pfx" }}'
                for t in carried
            ),
        ],
    ]


def test_the_import_comes_before_the_first_virtual_tpm_only_where_there_is_none_yet(tmp_path: Path) -> None:
    export = write_export(tmp_path, machine(LOST))
    fresh = str(IMAGES / "healthy.vhdx.xz")
    words = "before the first virtual machine with a virtual TPM is made there"
    assert [words in " ".join(s.text for s in steps(_plan(None, target, export))) for target in (fresh, HV02)] == [
        True,
        False,
    ]


def test_nothing_to_carry(tmp_path: Path) -> None:
    plan = _plan(None, HV01, write_export(tmp_path, machine(SECOND)))
    assert plan.transfers == ()
    assert [t.thumbprint for t in plan.keep] == [SECOND.encryption.thumbprint, SECOND.signing.thumbprint]
    assert steps(plan)[0].text == (
        "Nothing needs to be carried: HV01 has the certificates and keys that these virtual machines need."
    )


def test_no_step_where_no_machine_has_a_virtual_tpm(tmp_path: Path) -> None:
    plan = _plan(None, HV02, write_export(tmp_path, VirtualMachine("PLAIN01", PLAIN, vtpm=False)))
    assert steps(plan) == []
    assert "No virtual machine with a virtual TPM was found.\nWithout a virtual TPM: 1." in render_migration(plan)


def test_of_several_guardians_the_one_that_the_target_has_counts(tmp_path: Path) -> None:
    """Its own pair starts the machine: of the owner only the change of the protector is left to wish for."""
    vm = VirtualMachine("TWO01", APP, protector=_protector(LOST, [OWN]))
    plan = _plan(None, HV02, write_export(tmp_path, vm))
    assert _matrix(plan) == {"TWO01": "WWWWF"}
    assert {t.purpose for t in plan.transfers} == {"change"}
    assert {t.thumbprint for t in plan.transfers} == {LOST.encryption.thumbprint, LOST.signing.thumbprint}


def _protector(owner: GuardianPair, guardians: Sequence[GuardianPair]) -> bytes:
    from testdata.builder.key_protector import write_key_protector

    return write_key_protector(owner, guardians)


def test_an_export_tells_more_than_the_old_hosts_list(tmp_path: Path) -> None:
    """FAR01 is only listed on HV01's disk; with its export it is known, and listed once."""
    far = "00000006-0a01-4b02-8c03-000000000001"
    plan = _plan(HV01, HV02, write_export(tmp_path, machine(FIRST, far, "FAR01")))
    assert [p.name for p in plan.vms if p.vm.vm_id == far] == ["FAR01"]
    assert _matrix(plan)["FAR01"] == "FLLLF"


def test_the_guest_in_an_export_is_not_the_old_host(tmp_path: Path) -> None:
    """Its disk holds a Windows without the certificates; that says nothing of the host that has them."""
    export = write_export(tmp_path, machine(SECOND))
    exports.add_guest_disk(export)
    plan = _plan(str(export), HV02)
    assert plan.source.machine_id == 0
    assert {t.on_source for t in plan.transfers} == {"not_examined"}


def test_several_hosts_are_not_guessed_among() -> None:
    with pytest.raises(ValueError, match=r"target holds several Hyper-V hosts \(HV01, HV02\): name the disk of one"):
        plan_migration(None, _case(HV01, HV02))
    two = str(IMAGES / "two-windows.vhdx.xz")
    with pytest.raises(ValueError, match=r"target holds several installations of Windows \(LEFT, RIGHT\)"):
        plan_migration(None, _case(two))


# --- the command


def test_the_text(tmp_path: Path) -> None:
    result = _run("--from", HV01, "--to", HV02, "--vm", str(write_export(tmp_path, machine(FIRST))))
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[:7] == [
        "Moving virtual machines from HV01 to HV02, as of 2026-11-22",
        "",
        "With a virtual TPM: 10 (checkpoints counted). On HV02 as it is now: 0 start, 4 likely do not, 4 do not, "
        "2 cannot be told.",
        "To start them, HV02 needs 6 certificates with private keys: see the steps below.",
        "HV01 cannot give what these need: GONE01.",
        "Without a virtual TPM: 2. They need no certificate.",
        "Not known: 2, whose configuration was not there to read or does not tell.",
    ]
    headings = [line for line in lines if line and not line.startswith(" ")][6:]
    assert headings == ["WHAT TO DO, in this order", "WHAT WORKS ON HV02 AS IT IS", "WHY"]
    assert [line[:5] for line in lines if line.startswith("  ") and line[2:3].isdigit() and line[3] == "."] == [
        f"  {n}. " for n in range(1, 10)
    ]
    assert (
        "  DC01                                    fails         likely fails  likely fails  likely fails  fails"
        in lines
    )
    assert "  APP01, DC01, WEB01 - before the update (checkpoint)" in lines


def test_the_document(tmp_path: Path) -> None:
    result = _run("--from", HV01, "--to", HV02, "--format", "json")
    document = json.loads(result.stdout)
    assert result.exit_code == 1
    assert document == migration_document(_plan(HV01, HV02))
    assert (document["format"], document["from"], document["to"]) == (1, "HV01", "HV02")
    (dc01,) = [vm for vm in document["virtual_machines"] if vm["name"] == "DC01"]
    assert [o["result"] for o in dc01["operations"]] == ["fails", *["likely fails"] * 3, "fails"]
    (first,) = [c for c in document["certificates"] if c["thumbprint"] == FIRST.encryption.thumbprint]
    assert (first["not_after"], first["needed_by"]) == (
        "2026-11-07T09:30:00Z",
        ["DC01", "WEB01 - before the update (checkpoint)"],
    )
    assert LOST.encryption.thumbprint in document["keep"]
    assert document["renew"] == []


def test_exit_codes(tmp_path: Path) -> None:
    export = str(write_export(tmp_path, machine(SECOND)))
    good = _run("--vm", export, "--to", HV01)
    assert (good.exit_code, "works" in good.stdout) == (0, True)
    assert _run("--to", HV01).exit_code == 2
    assert _run("--vm", export).exit_code == 2
    empty = _run("--vm", export, "--to", export)
    assert (empty.exit_code, empty.stdout) == (3, "")
    assert "no Windows was found in what --to names" in empty.stderr
    assert _run("--vm", export, "--to", str(tmp_path / "nothing")).exit_code == 3


@pytest.mark.parametrize("target", [HV02, str(IMAGES / "sample.vhdx.xz")])
def test_a_disk_that_is_no_hyper_v_host_has_nothing_to_move(target: str) -> None:
    result = _run("--from", str(IMAGES / "healthy.vhdx.xz"), "--to", target)
    assert (result.exit_code, result.stdout) == (3, "")
    assert "there is nothing to move in what --from names, neither a virtual machine nor a guardian" in result.stderr


def test_a_new_host_is_moved_to(tmp_path: Path) -> None:
    """Nothing of Hyper-V is on it yet."""
    export = str(write_export(tmp_path, machine(SECOND)))
    assert _run("--vm", export, "--to", str(IMAGES / "healthy.vhdx.xz")).exit_code == 1


# --- names from a stranger's disk

HOSTILE = (
    "it's",
    "‘typographic’ ‚low‛",
    '"; Remove-Item C:\\ -Recurse; "',
    "'; Remove-Item C:\\ -Recurse; '",
    "’; Remove-Item C:\\ -Recurse; ‘",
    "$(Stop-Computer) `n $env:PATH",
    "line\r\nRemove-Item C:\\ -Recurse",
    "next\u2028line\x85end\x0bx",
    "\x1b[2Jcleared\x07 \u202egnp.exe \u200bwide",
    "nul\x00inside",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_inside_their_quotes(name: str, tmp_path: Path) -> None:
    pair = guardian_pair("G", "HOST", number=10)
    plan = _plan(None, HV02, write_export(tmp_path, replace(machine(pair))))
    hostile = replace(
        plan,
        source=replace(plan.source, machine_id=1, name=name),
        target=replace(plan.target, name=name),
        transfers=tuple(
            replace(t, guardian=name, host=name, needed_by=(name,), target_store=name if t.role == "signing" else None)
            for t in plan.transfers
        ),
    )
    hostile.vms[0].vm.name = name
    text = render_migration(hostile)
    assert not [c for c in text if c != "\n" and not c.isprintable()]
    lines = [block.text for step in steps(hostile) for block in step.commands if block.kind == "command"]
    assert [line for line in lines if not is_powershell(line)] == []
    for line in lines:
        bare = _outside_quotes(line)
        assert "Remove-Item C:" not in bare
        assert "Stop-Computer" not in bare
    shown = [line[7:] for line in text.splitlines() if line.startswith(" " * 7) and line[7:] in lines]
    assert shown == lines


def _outside_quotes(command: str) -> str:
    """What PowerShell reads as code outside of single quotes, of which it takes five; a doubled one is itself."""
    quotes = "'\u2018\u2019\u201a\u201b"
    bare, at, inside = "", 0, False
    while at < len(command):
        character = command[at]
        if character in quotes:
            if inside and command[at + 1 : at + 2] and command[at + 1] in quotes:
                at += 2
                continue
            inside = not inside
        elif not inside:
            bare += character
        at += 1
    assert not inside, "a string is not closed"
    return bare
