"""Settings that name a certificate and are wrong in themselves, while certificate and key are sound."""

from __future__ import annotations

import hashlib

from forensics.tables.finding import Finding
from testdata.builder import acl
from testdata.builder.ordinary.gateways import SSTP, WIN_RM
from testdata.builder.ordinary.web import SQL_ACCOUNT
from testdata.builder.ordinary.windows import SERVER_2022, SERVICES, Windows
from tests.ordinary import examined

RULE = "reference-at-odds"


def found(windows: Windows) -> Finding:
    """Return the finding, which is the only one above information."""
    (finding,) = [f for f in examined(windows.machine).finding_list if f.severity != "info"]
    assert finding.rule == RULE
    return finding


def test_sql_server_finds_nothing_by_a_hash_with_an_invisible_character() -> None:
    windows = Windows("SQL01", SERVER_2022)
    admitted = acl.security_descriptor(
        [acl.Ace(acl.SYSTEM), acl.Ace(acl.ADMINISTRATORS), acl.Ace(SQL_ACCOUNT, acl.READ)]
    )
    served = windows.put(windows.issue("sql.contoso.test", "2025-11-03", "2027-11-03"), sd=admitted)
    network = "Microsoft\\Microsoft SQL Server\\MSSQL15.MSSQLSERVER\\MSSQLServer\\SuperSocketNetLib"
    windows.software.key(network).sz("Certificate", f"\u200e{served.thumbprint}")
    windows.service("MSSQLSERVER", "NT Service\\MSSQLSERVER")
    finding = found(windows)
    assert (finding.severity, finding.confidence) == ("high", "likely")
    assert [subject.id for subject in finding.subjects] == [served.thumbprint]


def test_sstp_and_winrm_name_others_than_http_sys_serves() -> None:
    windows = Windows("VPN01", SERVER_2022)
    windows.service("SstpSvc", "NT Authority\\LocalService")
    one, other = (
        windows.put(windows.issue("vpn.contoso.test", "2026-01-03", until)) for until in ("2027-11-03", "2028-01-03")
    )
    windows.bind("0.0.0.0:443", one.thumbprint, application=SSTP)
    windows.bind("0.0.0.0:5986", one.thumbprint, application=WIN_RM)
    parameters = windows.system.key(f"{SERVICES}\\SstpSvc\\Parameters")
    parameters.binary("SHA256CertificateHash", hashlib.sha256(other.der).digest())
    listener = windows.software.key("Microsoft\\Windows\\CurrentVersion\\WSMAN\\Listener\\*+HTTPS")
    listener.sz("certThumbprint", other.thumbprint).dword("Port", 5986)
    told = [f for f in examined(windows.machine).finding_list if f.severity != "info"]
    assert [(f.rule, f.severity) for f in told] == [(RULE, "medium"), (RULE, "low")]
