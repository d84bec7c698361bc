"""The runbook of a case: word for word, PowerShell throughout, about what is broken on the disk and nothing else."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest

import forensics
from forensics.report.runbook.role_ways import own_way
from forensics.tables.hyperv import VmRow
from forensics.tables.machine import ServiceRow
from forensics.tables.registry import column_specs
from forensics.tables.use import CertificateUseRow
from tests.commands.powershell import commands_of_script
from tests.examined import examined
from tests.hand_made import chain, machine, utc
from tests.ordinary import ROLES, of_role
from tests.paths import IMAGES
from tests.printed_commands import DELETION, Evidence, absent, thumbprints
from tests.report.runbook.rows import SITE, SYSTEM, case_of, certificate, code, dead, key_file, use
from tests.runbooks import CASES, SCRIPTS, runbook

IMAGE_NAMES = sorted(path.name.removesuffix(".truth.json") for path in IMAGES.glob("*.truth.json"))
COMMANDS = frozenset({"certutil", "icacls", "takeown", "netsh", "sc.exe", "Start-Service", "Restart-Service"}) | {
    *("Copy-Item", "Set-WSManInstance", "Set-CimInstance", "Set-RemoteAccess", "Set-WebApplicationProxySslCertificate")
}
"""What a runbook may call that changes something."""
OWN = frozenset({"Step", "Stop-At", "Invoke-Tool", "Confirm-That"})
LOOKS = re.compile(r"(?:Get|Test|Select|Write|Read-Host|New-Object|Set-StrictMode)\b")


def machines() -> list[Any]:
    return [*IMAGE_NAMES, *(role.__name__ for role in ROLES)]


@cache
def written(name: str) -> tuple[forensics.Case, str] | None:
    """Return a case with its runbook; None where it has none."""
    role = next((role for role in ROLES if role.__name__ == name), None)
    case = examined(name) if role is None else of_role(role, True)[1]
    try:
        return case, runbook(case)
    except forensics.UnsuitableCaseError:
        return None


@pytest.mark.parametrize("name", CASES)
def test_a_script_is_word_for_word_as_kept(name: str) -> None:
    assert runbook(CASES[name]()) == (SCRIPTS / f"{name}.ps1").read_bytes().decode()


@pytest.mark.parametrize("name", machines())
def test_it_calls_nothing_but_what_repairs_or_looks(name: str) -> None:
    if (found := written(name)) is None:
        return
    commands = commands_of_script(found[1])
    assert commands is not None
    assert [c for c in commands if c not in COMMANDS | OWN and not LOOKS.match(c)] == []
    assert DELETION.search(code(found[1])) is None
    assert not re.search(r"password|secret", code(found[1]), re.IGNORECASE)


@pytest.mark.parametrize("name", machines())
def test_it_names_what_is_on_the_disk(name: str) -> None:
    if (found := written(name)) is None:
        return
    case, text = found
    evidence = Evidence(
        {
            table: [{spec.name: getattr(row, spec.name) for spec in column_specs(table)} for row in rows]
            for table, rows in case.tables.items()
        }
    )
    # Where a file is put back under the name of today, no file of that name is there yet.
    made = set(re.findall(r'-not \(Test-Path -LiteralPath ("[^"]+")', text))
    lines = [line for line in code(text).splitlines() if not any(path in line for path in made)]
    assert [(name, line) for line in lines for name in absent(line, evidence)] == []


@pytest.mark.parametrize("name", machines())
def test_it_touches_nothing_that_works(name: str) -> None:
    if (found := written(name)) is None:
        return
    case, text = found
    broken = {c.thumbprint for c in case.rows("key_chain") if c.verdict == "unusable"}
    broken |= {u.thumbprint for u in case.rows("certificate_use") if u.opens == "unusable" or u.present is False}
    broken |= {c.thumbprint for c in case.rows("certificate") if c.not_after is not None and c.not_after < case.as_of}
    successors = {c.successor for c in case.rows("certificate")}
    assert thumbprints(code(text)) <= broken | successors


def test_the_disks_that_have_one_and_those_that_do_not() -> None:
    has_one = {name for name in IMAGE_NAMES if written(name) is not None}
    assert {"sample", "web-server", "server-roles", "hyperv-target", "keyiso-disabled", "odd-server"} <= has_one
    assert not {"healthy", "server-2003", "mbr", "two-windows", "member"} & has_one


def test_nothing_is_down() -> None:
    with pytest.raises(forensics.NothingToRepairError, match="nothing that a runbook would repair is known to be down"):
        runbook(examined("healthy"))


def test_several_computers() -> None:
    with pytest.raises(forensics.UnsuitableCaseError, match="for one computer; 2 are in this case: LEFT, RIGHT"):
        runbook(examined("two-windows"))


@pytest.mark.parametrize(("build", "is_refused"), [("3790", True), ("6002", True), ("7600", False), (None, False)])
def test_a_windows_for_which_there_is_no_powershell_5_1(build: str | None, is_refused: bool) -> None:
    case = case_of(use(), dead(), certificate(), machine=machine(build=build))
    if is_refused:
        with pytest.raises(forensics.UnsuitableCaseError, match=f"none of for this Windows .build {build}."):
            runbook(case)
    else:
        assert ("did not come with" in runbook(case)) is (build is not None)


def test_a_state_that_is_older_than_the_machine_is_told_in_the_head() -> None:
    case = case_of(use(), dead(), certificate())
    case.sources[0].older_state_of = "later.avhdx"
    head = runbook(case).split("#>")[0]
    assert "older state" in head
    assert "later.avhdx" in head


def test_a_case_file_has_the_same_one(tmp_path: Any) -> None:
    examined("web-server").save(tmp_path / "c.sqlite")
    assert runbook(forensics.open_case(tmp_path / "c.sqlite")) == runbook(examined("web-server"))


HOSTILE = ("x'; Remove-Item C:\\; '", "x\u2019\nRemove-Item C:\\ #> <# \u201d", "SIG # Begin signature block")


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_names_of_a_disk(hostile: str) -> None:
    def rows(name: str) -> list[Any]:
        return [
            use(label=name, account_name=name, opens_reason=name, repair=name),
            use(label=f"{name}2", thumbprint="D" * 40, present=False, opens="unknown", repair=name, set_with=""),
            use(label="3", thumbprint="D" * 40, opens="unknown", opens_reason=name),
            dead(subject=name, reason=name),
            certificate(subject=name, issuer=name, san=[f"DNS:{name}"], template_name=name, new_by="names"),
            VmRow(machine_id=1, source_path="vm", name=name, label=name, starts_here="no", starts_because=name),
        ]

    def made(name: str) -> forensics.Case:
        return case_of(*rows(name), machine=machine(computer_name=name, product_name=name))

    assert commands_of_script(runbook(made(hostile))) == commands_of_script(runbook(made("x"))) is not None


def test_a_value_that_no_command_is_written_with_is_said_instead() -> None:
    case = case_of(use(endpoint="ipport=0.0.0.0:443;calc"), dead(), certificate())
    text = runbook(case)
    assert "netsh" not in code(text)
    assert "'http.sys 0.0.0.0:443 (IIS), by hand: No command is printed here: the address of the binding holds" in text


def test_every_consumer_that_is_down_with_a_certificate_is_given_the_new_one() -> None:
    case = case_of(
        use(),
        use(endpoint="ipport=[::]:443", label="http.sys [::]:443 (IIS)"),
        use(consumer="IIS", label="IIS Shop"),
        use(
            consumer="RDP",
            label="RDP RDP-Tcp",
            endpoint=None,
            app_id=None,
            binding_owner=None,
            listener="RDP-Tcp",
            account="S-1-5-20",
            account_name="NETWORK SERVICE",
            set_with="set-rdp-certificate",
        ),
        use(consumer="NPS", label="NPS policy", endpoint=None, binding_owner=None, set_with="", repair="select it"),
        dead(),
        certificate(),
    )
    lines = code(runbook(case)).splitlines()
    update = "Invoke-Tool { netsh http update sslcert "
    assert [line.strip().removeprefix(update).split()[0] for line in lines if update in line] == [
        "ipport=0.0.0.0:443",
        "ipport=[::]:443",
    ]
    assert sum("SSLCertificateSHA1Hash=$new" in line for line in lines) == 1
    text = runbook(case)
    assert "Stop-At 'NPS policy, by hand' @(\n        'select it.'\n    )" in text
    assert "'NETWORK SERVICE (S-1-5-20) must be able to read its key: certlm.msc" in text


def test_what_works_beside_it_keeps_its_certificate() -> None:
    works = use(label="http.sys [::]:443 (IIS)", endpoint="ipport=[::]:443", store="WebHosting", opens="usable")
    text = runbook(case_of(use(), works, dead(), certificate()))
    assert "ipport=[::]:443" not in text


def test_the_certificate_that_can_stand_in_is_taken() -> None:
    text = runbook(case_of(use(), dead(), certificate(successor="B" * 40)))
    assert f"$new = '{'B' * 40}'\nif ($NewCertificate.ContainsKey('{SITE}')) {{ $new = " in text
    assert "Stop-At 'http.sys" not in text


def test_where_no_command_sets_it_the_one_that_can_stand_in_is_named() -> None:
    nps = use(consumer="NPS", label="NPS", endpoint=None, binding_owner=None, set_with="", repair="select it")
    text = runbook(case_of(nps, dead(), certificate(successor="B" * 40)))
    assert f"'On this disk {'B' * 40} can stand in for it: it has its names, and its key opens.'" in text
    assert "ask its issuer" not in text


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"new_by": "template", "new_with": "request-certificate", "template_name": "Web Server 2"},
            "had with: certreq",
        ),
        ({"new_by": "names", "template_name": "WebServer"}, "requested anew with its names in the request"),
        ({"new_by": "maker"}, "signed with its own key: no authority renews it"),
        ({"new_by": "issuer", "issuer": "CN=CA"}, "ask its issuer for a new one (CN=CA)."),
        ({"new_by": "policy"}, "renewed in the policy, not on this computer"),
    ],
)
def test_how_another_certificate_is_had(values: dict[str, Any], words: str) -> None:
    assert words in runbook(case_of(use(), dead(), certificate(**values)))


@pytest.mark.parametrize(
    ("consumer", "words"),
    [
        ("Entra join", "dsregcmd"),
        ("MDM", "dsregcmd"),
        ("Exchange Auth", "dsregcmd"),
        ("NDES", "dsregcmd"),
        ("EFS", "dsregcmd"),
    ],
)
def test_a_role_with_a_way_of_its_own_gets_no_command(consumer: str, words: str) -> None:
    one = use(consumer=consumer, label=consumer, endpoint=None, binding_owner=None, set_with="", repair=words)
    text = runbook(case_of(one, dead(), certificate()))
    assert f"'{consumer}: {words}.'" in text
    assert code(text).strip() == ""


def test_an_authority_comes_back_from_its_backup() -> None:
    one = use(consumer="AD CS", label="AD CS CA 1", endpoint=None, binding_owner=None, set_with="")
    text = runbook(case_of(one, dead(), certificate(kept=True)))
    assert "'AD CS CA 1: bring its key back from a backup of the authority (certutil -restoreKey)" in text
    assert "'Start CertSvc then.'" in text
    assert code(text).strip() == ""
    (missing, start) = own_way(one, "missing")
    assert f"certutil -addstore My FILE.crt, then certutil -repairstore My {SITE};" in missing
    assert start == "Start CertSvc then."


def test_no_pfx_file_holds_a_key_of_a_tpm() -> None:
    text = runbook(case_of(use(), dead(provider_kind="tpm"), certificate()))
    assert f"{SITE}.pfx" not in text


def test_another_certificate_does_not_help_where_only_the_way_to_the_key_is_broken() -> None:
    one = use(opens_broken_at="keyset", stays=True, set_with="", repair="the certificate stays: import it again")
    text = runbook(case_of(one, chain(thumbprint=SITE), certificate()))
    assert "-NewCertificate @{" not in text.split("#>")[1]
    assert 'certutil -f -importPFX "MY" $pfx' in code(text)


def test_what_is_not_known_is_told_with_what_to_look_at() -> None:
    doubtful = use(label="http.sys 10.0.0.1:443", thumbprint="D" * 40, opens="unknown", opens_reason="it is in a TPM")
    text = runbook(case_of(use(), doubtful, dead(), certificate()))
    assert (
        "Stop-At 'http.sys 10.0.0.1:443' @(\n    'It is in a TPM.',\n"
        f"    'See on the computer whether its key opens: certutil -verifystore \"MY\" {'D' * 40}'\n)" in text
    )


class TestKeysOfTheDisk:
    """What the disk alone decides."""

    def test_a_service_that_is_disabled_comes_first(self) -> None:
        service = ServiceRow(machine_id=1, source_path="s", name="keyiso", start=4)
        one = use(opens_broken_at="service", stays=True)
        text = runbook(case_of(one, use(label="other", endpoint="ipport=1.1.1.1:1"), dead(), certificate(), service))
        assert text.index("Invoke-Tool { sc.exe config KeyIso start= demand }") < text.index("# 2. ")
        assert "# 1. CNG Key Isolation is disabled" in text

    def test_a_service_that_is_disabled_and_that_nothing_misses_is_left_alone(self) -> None:
        service = ServiceRow(machine_id=1, source_path="s", name="KeyIso", start=4)
        assert "KeyIso" not in runbook(case_of(use(), dead(), certificate(), service))

    def access(self, **values: Any) -> str:
        known = {"opens_broken_at": "access", "key_file_path": "k/f", "account": "S-1-5-20", "stays": True}
        one = use(**(known | {key: v for key, v in values.items() if key not in ("acl", "file_owner", "chain")}))
        file = key_file(acl=values.get("acl"), file_owner=values.get("file_owner"))
        return code(runbook(case_of(one, values.get("chain") or chain(thumbprint=SITE), certificate(), file)))

    def test_an_account_that_no_entry_permits(self) -> None:
        lines = self.access(not_granted=True, acl="S-1-5-18:F,S-1-5-32-544:F")
        assert 'Invoke-Tool { icacls "C:\\k\\f" /grant "*S-1-5-20:R" }' in lines
        assert "takeown" not in lines
        assert "/remove" not in lines

    def test_system_is_permitted_everything(self) -> None:
        lines = self.access(account=SYSTEM, not_granted=True, acl="S-1-5-32-544:F")
        assert '/grant "*S-1-5-18:F"' in lines

    def test_an_entry_that_denies(self) -> None:
        lines = self.access(denied_by=["S-1-5-20"], denial_inherited=True, acl="-S-1-5-20:R,S-1-5-32-544:F")
        assert [line.strip() for line in lines.splitlines() if "icacls" in line] == [
            'Invoke-Tool { icacls "C:\\k\\f" /inheritance:d }',
            'Invoke-Tool { icacls "C:\\k\\f" /remove:d *S-1-5-20 }',
        ]

    @pytest.mark.parametrize(
        ("acl", "owner", "is_taken"),
        [
            ("S-1-5-18:F", None, True),
            ("S-1-5-18:F", "S-1-5-32-544", False),
            ("S-1-5-32-544:F(IO)", None, True),
            ("S-1-5-32-544:R", None, True),
            ("-S-1-5-32-544:R,S-1-5-32-544:F", None, True),
            ("S-1-5-32-544:F", "S-1-5-18", False),
        ],
    )
    def test_ownership_is_taken_only_where_administrators_may_not_change_the_list(
        self, acl: str, owner: str | None, is_taken: bool
    ) -> None:
        assert ("takeown" in self.access(not_granted=True, acl=acl, file_owner=owner)) is is_taken

    def test_a_list_is_not_mended_where_the_key_would_not_open_then_either(self) -> None:
        lost = chain(thumbprint=SITE, verdict="unusable", broken_at="access", unlocked_by="nothing", recoverable=False)
        assert "icacls" not in self.access(not_granted=True, chain=lost)

    def test_a_link_to_a_key_that_is_here(self) -> None:
        lost = dead(broken_at="claim", recoverable=True, key_file="present", key_file_path="k/f", reason="no link")
        text = runbook(case_of(use(opens_broken_at="claim", stays=True), lost, certificate(), key_file()))
        assert f'Invoke-Tool {{ certutil -repairstore "MY" {SITE} }}\n    certutil -verifystore "MY" {SITE}\n' in text
        assert '(Test-Path -LiteralPath "C:\\k\\f")' in text

    @pytest.mark.parametrize("values", [{"scope": "user"}, {"guid_is_current": False}])
    def test_certutil_does_not_look_there(self, values: dict[str, Any]) -> None:
        lost = dead(broken_at="claim", recoverable=True, key_file="present", key_file_path="k/f")
        text = runbook(case_of(use(opens_broken_at="claim"), lost, certificate(), key_file(**values)))
        assert "-repairstore" not in text

    def test_a_copy_that_goes_back(self) -> None:
        lost = dead(recoverable=True, recoverable_from="copies/f", restore_to="k/f")
        others = use(label="NPS", consumer="NPS", account="S-1-5-20", opens="usable", set_with="")
        text = runbook(case_of(use(), others, lost, certificate()))
        assert (
            """{
    (Test-Path -LiteralPath "C:\\copies\\f") -and
    (-not (Test-Path -LiteralPath "C:\\k\\f")) -and
    (Test-Path -LiteralPath "Cert:\\LocalMachine\\MY\\"""
            in text
        )
        assert [line.strip() for line in code(text).splitlines() if "Invoke-Tool" in line] == [
            'Invoke-Tool { if (-not (Test-Path -LiteralPath "C:\\k\\f")) { Copy-Item -LiteralPath "C:\\copies\\f" '
            '-Destination "C:\\k\\f" -Force } }',
            'Invoke-Tool { icacls "C:\\k\\f" /setowner *S-1-5-18 }',
            'Invoke-Tool { icacls "C:\\k\\f" /inheritance:r /grant "*S-1-5-18:F" "*S-1-5-32-544:F" "*S-1-5-20:R" }',
        ]

    def test_a_key_that_nothing_uses_is_repaired_and_one_that_is_not_missed_is_not(self) -> None:
        unused = dead(standing="unused", not_after=utc(2028, 1, 1))
        text = runbook(case_of(unused, certificate()))
        assert "its key does not open, and nothing on this disk is known to use it" in text
        assert "If something uses it after all, another certificate does as well." in text
        ended, request = dead(standing="unused", not_after=utc(2020, 1, 1)), dead(standing="unused", store="REQUEST")
        for chain_row in (dead(standing="superseded"), ended, request):
            with pytest.raises(forensics.NothingToRepairError):
                runbook(case_of(chain_row, certificate()))
        for certificate_row in (certificate(kept=True), certificate(superseded="archived")):
            with pytest.raises(forensics.NothingToRepairError):
                runbook(case_of(unused, certificate_row))


def test_rows_of_a_drive_without_letter_are_said_not_typed() -> None:
    one = use(opens_broken_at="access", key_file_path="partition 3/k", account=SYSTEM, not_granted=True, stays=True)
    text = runbook(case_of(one, chain(thumbprint=SITE), certificate()))
    assert "is on a drive whose letter this disk does not tell." in text
    assert "icacls" not in text


def test_what_the_disk_decides_comes_first_then_files_then_certificates_then_words() -> None:
    def other(number: int, **values: Any) -> CertificateUseRow:
        known = {"thumbprint": f"{number:040X}", "label": f"use {number}", "endpoint": f"ipport=10.0.0.{number}:443"}
        return use(**(known | values))

    case = case_of(
        other(1, consumer="EFS", set_with="", repair="import the backup"),
        other(2),
        other(3, set_with="", opens_broken_at="keyset", stays=True),
        other(4, opens_broken_at="access", key_file_path="k/f", account="S-1-5-20", not_granted=True, stays=True),
        use(thumbprint="E" * 40, label="doubtful", opens="unknown"),
    )
    headings = [line for line in runbook(case).splitlines() if re.match(r"# \d+\. ", line)]
    assert headings == [
        "# 1. use 4",
        "# 2. use 3",
        "# 3. use 2",
        "# 4. use 1",
        "# 5. Not known whether these work: nothing is done",
    ]


def test_one_binding_of_several_that_one_command_sets_is_enough() -> None:
    sstp = {"binding_owner": "SSTP", "set_with": "set-sstp-certificate", "label": "http.sys 0.0.0.0:443 (SSTP)"}
    chosen = use(consumer="SSTP", label="SSTP", endpoint=None, binding_owner=None, set_with="set-sstp-certificate")
    case = case_of(use(**sstp), use(endpoint="ipport=[::]:443", **sstp), chosen, dead(), certificate())
    text = runbook(case)
    assert code(text).count("Invoke-Tool { Set-RemoteAccess ") == 1
    assert "'This restarts RemoteAccess: open tunnels end, also yours.'" in text
    assert "by hand" not in text
