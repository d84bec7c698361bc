"""Who uses a key, as which account, and whether that opens it: situations that administrators reported."""

from __future__ import annotations

import lzma
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import forensics
from forensics.tables.finding import Finding, as_text
from forensics.tables.use import CertificateUseRow
from tests.oracles import needs_shared
from tests.paths import CASES

pytestmark = needs_shared(CASES)


@cache
def case(name: str) -> forensics.Case:
    packed = CASES / f"{name}.vhdx.xz"
    if not packed.exists():
        return forensics.examine(CASES / f"{name}.zip")
    with TemporaryDirectory() as folder:
        disk = Path(folder) / f"{name}.vhdx"
        disk.write_bytes(lzma.decompress(packed.read_bytes()))
        return forensics.examine(disk)


def use(name: str) -> CertificateUseRow:
    rows: list[CertificateUseRow] = case(name).rows("certificate_use")
    assert len(rows) == 1
    return rows[0]


def finding(name: str, rule: str) -> Finding:
    (found,) = (f for f in case(name).finding_list if f.rule == rule)
    return found


def test_a_key_of_systems_own_that_sql_server_does_not_look_for() -> None:
    row = use("05-system-own-keyset-sql")
    assert (row.consumer, row.detail, row.certainty) == ("SQL Server", "instance MSSQLSERVER", "proved")
    assert row.account == "S-1-5-80-3880718306-3832830129-1677859214-2598158968-1052248003"
    assert (row.account_name, row.service) == ("NT Service\\MSSQLSERVER", "MSSQLSERVER")
    assert (row.opens, row.opens_broken_at) == ("unusable", "keyset")
    assert row.opens_reason == (
        "KEY_PROV_INFO lacks the machine-keyset flag, so NT Service\\MSSQLSERVER "
        "(S-1-5-80-3880718306-3832830129-1677859214-2598158968-1052248003) looks among its own keys; "
        "the key lies among those of SYSTEM"
    )
    assert row.key_file_path == (
        "C/ProgramData/Microsoft/Crypto/RSA/S-1-5-18/410bbfb7082f3c11598254b41565ac71_35d8db97-ba86-4bde-ad4e-91b61d20b6df"
    )
    (chain,) = case("05-system-own-keyset-sql").rows("key_chain")
    assert chain.verdict == "usable"  # for SYSTEM
    found = finding("05-system-own-keyset-sql", "consumer-looks-in-another-key-set")
    assert (found.severity, found.confidence) == ("critical", "likely")
    assert [s.id for s in found.subjects] == ["EAF1E032DCFB8C44283673A0BB0AB6D5060D9BBA"]
    assert "whatever its access list says" in as_text(found.because)
    assert "into the machine's key set" in as_text(found.remedy)


def test_sql_server_runs_as_another_account_than_the_access_list_names() -> None:
    row = use("19-sql-account-changed")
    assert (row.account_name, row.account) == (
        "CONTOSO\\svc-sql-new",
        "S-1-5-21-2052111302-1275210071-1644491937-1311",
    )
    assert (row.opens, row.opens_broken_at, row.key_access) == ("unusable", "access", "denied")
    assert row.opens_reason == (
        "the access list of the key file shuts out CONTOSO\\svc-sql-new "
        "(S-1-5-21-2052111302-1275210071-1644491937-1311), which must read it"
    )
    found = finding("19-sql-account-changed", "consumer-cannot-read-key")
    assert (found.severity, found.confidence) == ("critical", "likely")
    assert [s.id for s in found.subjects] == ["792EE1C0A1BCE74EAD60D9BF867CD99E2373284E"]
    assert '/grant "*S-1-5-21-2052111302-1275210071-1644491937-1311:R"' in as_text(found.remedy)


def test_schannel_names_a_process_whose_service_cannot_open_the_key() -> None:
    name = "21-wac-network-service"
    events = case(name).rows("event")
    assert [(e.event_id, e.process, e.service, e.account) for e in events] == [
        (36870, "WindowsAdminCenter", "WindowsAdminCenter", "S-1-5-20")
    ] * 3
    (row,) = (
        u for u in case(name).rows("certificate_use") if u.thumbprint == "D988A805B4E535CE4BE02BE3E49D4CC5ECAF9443"
    )
    assert (row.service, row.account, row.certainty) == ("WindowsAdminCenter", "S-1-5-20", "likely")
    assert (row.opens, row.opens_broken_at) == ("unusable", "access")
    assert (
        row.opens_reason == "the access list of the key file shuts out NETWORK SERVICE (S-1-5-20), which must read it"
    )
    found = finding(name, "consumer-cannot-read-key")
    assert "service WindowsAdminCenter" in as_text(found.because)
    assert '/grant "*S-1-5-20:R"' in as_text(found.remedy)
    errors = as_text(finding(name, "schannel-credential-errors").because)
    assert "neither service nor certificate" not in errors
    assert (
        "The records name the process WindowsAdminCenter, that is the service WindowsAdminCenter, which runs as "
        "NETWORK SERVICE, and no certificate. That account cannot open the key of D988A805B4E535CE4BE02BE3E49D4CC5EC"
    ) in " ".join(errors.split())


def test_the_store_of_a_service_is_used_by_it() -> None:
    row = use("W8-service-store")
    assert (row.thumbprint, row.store) == ("2B5880D6DC24B040420781B7A0FCC5C9FCD689F2", "MY")
    assert (row.service, row.account, row.account_name) == ("ADAM_App1", "S-1-5-20", "NT AUTHORITY\\NetworkService")
    assert (row.opens, row.opens_broken_at, row.opens_reason) == ("usable", None, "")
    assert (row.key_file_path or "").startswith(
        "C/ProgramData/Microsoft/Crypto/RSA/S-1-5-20/62a95cb1d7604c70457903b11536b043_"
    )


def test_two_values_of_one_setting_are_one_use_with_both_places() -> None:
    name = "mdm-two-references"
    row = use(name)
    software = "C/Windows/System32/config/SOFTWARE\\Microsoft"
    guid = "B1B2C3D4-5E6F-4718-8293-A4B5C6D7E8F9"
    assert (row.consumer, row.thumbprint) == ("MDM", "CEF297945E70EF981A88A422CB321FA26E617252")
    assert row.source_path == f"{software}\\Provisioning\\OMADM\\Accounts\\{guid}!SslClientCertReference"
    assert row.also_set_at == [f"{software}\\Enrollments\\{guid}!DMPCertThumbPrint"]
    assert (row.account, row.account_name, row.opens) == ("S-1-5-18", "SYSTEM", "unknown")
    assert row.opens_reason == "the key is sealed by a TPM, real or virtual, and opens with that one only"
    assert {f.severity for f in case(name).finding_list} == {"info"}
