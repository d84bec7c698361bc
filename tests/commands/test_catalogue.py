"""Every command is PowerShell as another parser reads it, and refuses what would make another command of it."""

from __future__ import annotations

import pytest

from forensics.commands.catalogue import CATALOGUE
from forensics.commands.command import Command
from forensics.commands.refusal import Refused, refusal
from tests.commands.powershell import is_powershell
from tests.each import each

TP = "A1B2C3D4E5F60718293A4B5C6D7E8F9001122334"
GOOD = {
    "scope": "machine",
    "store": "Remote Desktop",
    "thumbprint": TP,
    "file": "FILE.pfx",
    "dead": "1",
    "superseded": "1",
    "valid": "1",
    "enabled": "1",
    "template": "Web Server 2",
    "serial": "1F00A2",
    "endpoint": "hostnameport=shop.contoso.test:443",
    "app_id": "{4dc3e181-e14b-4a21-b022-59fc669b0914}",
    "listener": "RDP-Tcp",
    "path": "C:\\ProgramData\\Microsoft\\Crypto\\RSA\\MachineKeys\\abc_def",
    "target": "C:\\ProgramData\\x y",
    "sid": "S-1-5-20",
    "sids": "*S-1-1-0 *S-1-5-11",
    "grants": "*S-1-5-18:F *S-1-5-20:(OI)(CI)(R)",
    "name": "abc_def.old",
    "service": "KeyIso",
    "guardian": "UntrustedGuardian of it's host",
    "vm": "00000006-0a01-4b02-8c03-000000000001",
    "thumbprints": f"{TP} {TP[::-1]}",
    "signing": TP,
    "encryption": TP,
    "folder": "C:\\Guardians-HV01-20261122",
    "days": "365",
    "work": "0x5944",
    "value": "1",
    "hash": "ab" * 32,
    "volume": "D:",
    "attestation": "https://hgs.contoso.test/Attestation",
    "protection": "https://hgs.contoso.test:8443/KeyProtection",
    "new": TP,
    "exportable": "yes",
    "library": "rsaenh.dll",
    "provider": "Microsoft Strong Cryptographic Provider",
    "attributes": "+h +s",
}
SPECIAL = {
    "set-winrm-listener": {"listener": "Address=*+Transport=HTTPS"},
    "winrm-listener-has": {"listener": "Address=*+Transport=HTTPS"},
    "delete-certificate": {"store": "MY"},
    "trust-certificate": {"store": "Root", "file": "FILE.cer"},
    "place-file": {"file": f"{'a1' * 16}_64023be8-9c1a-4eee-b6ec-0f951b6c7610", "target": "C:\\k\\f"},
}


def values_for(command: Command) -> dict[str, str | None]:
    values = {name: GOOD[name] for name, p in command.parameters.items() if p.default is None or name in GOOD}
    return {**values, **SPECIAL.get(command.name, {})}


@each("command", CATALOGUE.values(), ids=lambda c: c.name)
def test_is_powershell_as_another_parser_reads_it(command: Command) -> None:
    written = command.write(values_for(command))
    assert written.shell == command.shell
    assert [line for line in written.lines if not is_powershell(line)] == []
    assert not any("<" in line for line in written.lines)


def test_the_parser_sees_what_is_broken() -> None:
    assert not is_powershell("icacls x /grant *S-1-5-18:(OI)(CI)F")
    assert not is_powershell('certutil -store "MY')
    assert is_powershell('netsh http x appid="{4dc3e181-e14b-4a21-b022-59fc669b0914}"')


@each("command", CATALOGUE.values(), ids=lambda c: c.name)
def test_refuses_a_value_that_is_not_known(command: Command) -> None:
    values = values_for(command)
    for name, parameter in command.parameters.items():
        if parameter.default is None:
            with pytest.raises(Refused) as refused:
                command.write({**values, name: None})
            assert (refused.value.reason, refused.value.parameter) == ("unknown", name)


@pytest.mark.parametrize(
    "hostile",
    ['x" ; Remove-Item C:\\ -Recurse #', "x' ; calc '", "x`n", "$(calc)", "x\ncalc", "%PATH%", "x\u201d;calc"],
)
@each("command", CATALOGUE.values(), ids=lambda c: c.name)
def test_a_hostile_value_ends_no_word(command: Command, hostile: str) -> None:
    values = values_for(command)
    for name in command.parameters:
        try:
            lines = command.write({**values, name: hostile}).lines
        except Refused:
            continue
        assert all(is_powershell(line) for line in lines)
        for line in (line for form, line in zip(command.lines, lines, strict=True) if f"<{name}>" in form):
            # Whatever is taken stands in single quotes, in which nothing is acted on, or holds nothing that would be.
            assert hostile.replace("'", "''") in line
            assert f"'{hostile.replace(chr(39), chr(39) * 2)}'" in line or not set(hostile) & set("$`\"'%\u201d\n")


@pytest.mark.parametrize(
    ("name", "values", "lines"),
    [
        (
            "recover-key",
            {"thumbprint": TP, "exportable": "yes"},
            (f"keymortem recover SOURCE {TP} --to FOLDER --password-file FILE",),
        ),
        (
            "recover-key-of-user",
            {"thumbprint": TP, "sid": "S-1-5-21-1-2-3-1001", "exportable": "unknown"},
            (
                f"keymortem recover SOURCE {TP} --password S-1-5-21-1-2-3-1001:FILE-WITH-PASSWORD --to FOLDER"
                " --password-file FILE --even-not-exportable",
            ),
        ),
        ("import-pfx", {"store": "WebHosting"}, ('certutil -f -importPFX "WebHosting" "FILE.pfx"',)),
        ("import-pfx", {"scope": "user", "store": "My"}, ('certutil -user -f -importPFX "My" "FILE.pfx"',)),
        ("show-certificate", {"store": "a$b", "thumbprint": TP}, (f"certutil -store 'a$b' {TP}",)),
        ("restart-service", {"service": "MSSQL$SHOP"}, ("Restart-Service 'MSSQL$SHOP'",)),
        ("set-adfs-certificate", {"new": TP}, (f"Set-AdfsSslCertificate -Thumbprint {TP}",)),
        ("take-ownership", {"path": "%SystemDrive%\\a b"}, ('takeown /f "$env:SystemDrive\\a b" /a',)),
        (
            "grant",
            {"path": "D:\\k", "grants": "*S-1-5-20:(R) S-1-5-18:F"},
            ('icacls "D:\\k" /grant "*S-1-5-20:(R)" "*S-1-5-18:F"',),
        ),
        (
            "place-file",
            {"file": "D:\\copies\\f", "target": "C:\\k\\f", "sid": "S-1-5-18", "grants": "*S-1-5-18:F"},
            (
                '$place = "C:\\k\\f"',
                'if (-not (Test-Path -LiteralPath $place)) { Copy-Item -LiteralPath "D:\\copies\\f" -Destination '
                '$place -Force; icacls $place /setowner *S-1-5-18; icacls $place /inheritance:r /grant "*S-1-5-18:F" }',
            ),
        ),
        ("set-attributes", {"attributes": "+h +s", "path": "C:\\k"}, ('attrib +h +s "C:\\k"',)),
        ("has-no-file", {"path": "C:\\k $x"}, ("-not (Test-Path -LiteralPath 'C:\\k $x')",)),
        ("has-no-certificate", {"thumbprint": TP}, (f'-not (Test-Path -LiteralPath "Cert:\\LocalMachine\\MY\\{TP}")',)),
        (
            "has-new-certificate",
            {"store": "MY"},
            (
                'Test-Key "Cert:\\LocalMachine\\MY\\$new"',
                '(Get-Item -LiteralPath "Cert:\\LocalMachine\\MY\\$new").NotAfter -gt (Get-Date)',
            ),
        ),
        (
            "winrm-listener-has",
            {"listener": "Address=*+Transport=HTTPS", "thumbprint": TP},
            (
                "(Get-WSManInstance -ResourceURI winrm/config/Listener -SelectorSet @{Address='*'; Transport='HTTPS'})"
                f".CertificateThumbprint -replace ' ' -eq '{TP}'",
            ),
        ),
        (
            "binding-has",
            {"endpoint": "ipport=[::]:443", "thumbprint": TP},
            (f"[bool](netsh http show sslcert ipport=[::]:443 | Select-String -SimpleMatch '{TP}')",),
        ),
        (
            "set-binding",
            {"endpoint": "ipport=[::]:443", "store": "MY", "app_id": "{4dc3e181-e14b-4a21-b022-59fc669b0914}"},
            (
                "netsh http show sslcert ipport=[::]:443",
                "netsh http update sslcert ipport=[::]:443 certhash=NEW-THUMBPRINT "
                'certstorename="MY" appid="{4dc3e181-e14b-4a21-b022-59fc669b0914}"',
            ),
        ),
    ],
)
def test_lines(name: str, values: dict[str, str], lines: tuple[str, ...]) -> None:
    assert CATALOGUE[name].write({"scope": "machine", "store": "MY", **values}).lines == lines


@pytest.mark.parametrize(
    "word", ["NewLocalKeyProtector", "VMTPM", "EnableLocalMode", "sysprep", "shutdown", "dsregcmd"]
)
def test_what_cannot_be_undone_is_no_command(word: str) -> None:
    lines = [line for command in CATALOGUE.values() for line in command.write(values_for(command)).lines]
    assert [line for line in lines if word.lower() in line.lower()] == []


def test_a_guardian_is_renewed_only_where_its_certificate_has_ended() -> None:
    """Pasted twice, or where the guardian is not there, it does nothing."""
    (renew,) = CATALOGUE["renew-guardian"].write({"guardian": "UntrustedGuardian"}).lines
    assert renew == (
        "Get-HgsGuardian -Name 'UntrustedGuardian' | Where-Object { $_.EncryptionCertificate.NotAfter -and "
        "$_.EncryptionCertificate.NotAfter -lt (Get-Date).AddDays(0) } | ForEach-Object { Remove-HgsGuardian "
        "-Name 'UntrustedGuardian'; New-HgsGuardian -Name 'UntrustedGuardian' -GenerateCertificates }"
    )


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("import-pfx", {"scope": "service", "store": "NTDS\\MY"}, "service_store"),
        ("relink-key", {"scope": "policy", "store": "MY", "thumbprint": TP}, "policy_store"),
        ("grant", {"path": "partition 3:\\k", "grants": "*S-1-5-18:F"}, "other_volume"),
        ("keep-copy", {"path": "C:\\k\\f (deleted, file record 98)"}, "deleted"),
        ("rename-file", {"path": "C:\\k\\f (deleted, file record 98)", "name": "f.old"}, "deleted"),
        ("place-file", {"file": "f", "target": "C:\\k\\f", "sid": "S-1-5-18", "grants": "*S-1-5-18:F"}, "other_volume"),
        ("set-attributes", {"attributes": "+h /s", "path": "C:\\k"}, "unsafe"),
        *(
            ("relink-key", {"store": s, "thumbprint": TP}, "unsafe")
            for s in ("-delstore", "/f", "@list", "*", "M?", "[a]")
        ),
        ("export-pfx", {"store": "*", "thumbprint": TP}, "unsafe"),
        ("request-certificate", {"template": "-user"}, "unsafe"),
        *(
            ("grant-alone", {"path": p, "grants": "*S-1-5-18:F"}, "unsafe")
            for p in ("C:\\MachineKeys\\*", "C:\\k\\?", "C:\\EK\\..\\Windows", "%SystemDrive%\\k\\*")
        ),
        *(
            ("remove-grants-below", {"path": p, "sids": "S-1-1-0"}, "not_shown")
            for p in (
                "C:\\",
                "c:\\windows\\",
                "D:\\Users",
                "%SystemDrive%\\Windows\\System32",
                "C:\\Program Files (x86)",
            )
        ),
        ("set-eklist-folder", {"folder": "C:\\EK List\\"}, "unsafe"),
        ("recover-key", {"thumbprint": TP, "exportable": ""}, "unknown"),
        ("renew-certificate", {"serial": "01", "valid": "0"}, "not_shown"),
        ("enrol-now", {"enabled": "0"}, "not_shown"),
        *(
            ("delete-certificate", {"store": s, "thumbprint": TP, "dead": "1", "superseded": "1"}, "kept")
            for s in ("Shielded VM Local Certificates", "REMOTE DESKTOP", "SMS", "FVE_NKP")
        ),
        ("delete-certificate", {"store": "MY", "thumbprint": TP, "dead": "0", "superseded": "1"}, "not_shown"),
        ("delete-certificate", {"store": "MY", "thumbprint": TP, "dead": "1", "superseded": "0"}, "not_shown"),
    ],
)
def test_refusals(name: str, values: dict[str, str], reason: str) -> None:
    with pytest.raises(Refused) as refused:
        CATALOGUE[name].write({"scope": "machine", **values})
    assert refused.value.reason == reason
    assert refusal(refused.value, "en")
    assert refusal(refused.value, "ja")


def test_a_backslash_at_the_end_leaves_its_word_whole() -> None:
    """Windows PowerShell hands a program ``"C:\\EK List\\"`` with its last quote as part of the name."""
    written = CATALOGUE["grant"].write({"path": "C:\\EK List\\", "grants": "*S-1-5-18:F"})
    assert written.lines == ('icacls "C:\\EK List" /grant "*S-1-5-18:F"',)


def test_a_users_store_is_that_users_shell() -> None:
    command = CATALOGUE["verify-certificate"]
    assert command.write({"scope": "user", "store": "My", "thumbprint": TP}).shell == "user"
    assert command.write({"scope": "machine", "store": "My", "thumbprint": TP}).shell == "administrator"
