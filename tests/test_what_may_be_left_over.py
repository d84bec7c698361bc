"""What a role may have left in My is no outage: others of its kind are made anew, or lie where no disk shows them."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import forensics
from testdata.builder.certs import make_certificate
from testdata.builder.keys import rsa_key
from testdata.builder.ordinary.windows import SERVER_2019, SERVER_2022, Windows, day
from tests.ordinary import examined
from tests.test_ordinary_machines import first_screen

IIS_EXPRESS = UUID("214124cd-d05b-4309-9af9-9caa44b2b74a")


def told(case: forensics.Case) -> dict[str, str]:
    """Return the rules that say more than information, with their severity."""
    return {finding.rule: finding.severity for finding in case.finding_list if finding.severity != "info"}


def test_an_ended_signer_of_tokens_beside_the_database_of_ad_fs() -> None:
    windows = Windows("ADFS01", SERVER_2019)
    windows.service("adfssrv", "CONTOSO\\gmsa-adfs$")
    windows.put(windows.issue("ADFS Signing - sts.contoso.test", "2025-01-01", "2026-01-01", self_signed=True))
    case = examined(windows.machine)
    assert told(case) == {"certificate-expired": "low", "service-uses-expiring-certificate": "low"}
    assert "SERVICES DOWN" not in first_screen(case)


def test_a_pile_of_azure_s_certificates_whose_keys_are_all_gone() -> None:
    windows = Windows("AZ01", SERVER_2022, in_domain=False)
    windows.service("WindowsAzureGuestAgent")
    for number in range(6):
        begins = day("2026-11-20") - timedelta(days=number)
        made = make_certificate(
            "Windows Azure CRP Certificate Generator",
            rsa_key(f"2048-{29 - number}"),
            not_before=begins,
            not_after=begins + timedelta(days=2),
            self_signed=True,
            eku=(),
        )
        windows.put(made, friendly_name="TenantEncryptionCert", written=False)
    case = examined(windows.machine)
    assert told(case) == {}
    assert "DOWN" not in first_screen(case)


def test_an_ended_certificate_with_which_dsc_decrypts() -> None:
    windows = Windows("DSC01", SERVER_2019)
    made = windows.put(windows.issue("DSCEncryption", "2025-01-01", "2026-06-01", self_signed=True))
    text = f'instance of MSFT_DSCMetaConfiguration {{ CertificateID = "{made.thumbprint}"; }};'
    windows.machine.write("Windows/System32/Configuration/MetaConfig.mof", text.encode("utf-16"))
    case = examined(windows.machine)
    assert told(case) == {"certificate-expired": "low"}
    assert "SERVICES DOWN" not in first_screen(case)


def test_ended_bindings_that_iis_express_made_for_developers() -> None:
    windows = Windows("DEV01", SERVER_2022)
    made = windows.put(windows.issue("localhost", "2021-01-01", "2026-01-01", self_signed=True))
    for port in range(44300, 44400):
        windows.bind(f"0.0.0.0:{port}", made.thumbprint, application=IIS_EXPRESS)
    case = examined(windows.machine)
    assert told(case) == {"certificate-expired": "low", "service-uses-expiring-certificate": "low"}
    assert "SERVICES DOWN" not in first_screen(case)


def test_an_ended_certificate_of_hyper_v_beside_the_one_it_made_since() -> None:
    windows = Windows("HV01", SERVER_2022)
    windows.service("vmms")
    for since, until in (("2016-11-12", "2026-11-10"), ("2017-11-12", "2027-11-10")):
        windows.put(windows.issue(windows.host, since, until, self_signed=True), cng=True, service="vmms")
    case = examined(windows.machine)
    assert told(case) == {}
    assert "SERVICES DOWN" not in first_screen(case)


def test_an_ended_certificate_that_is_hyper_v_s_last() -> None:
    windows = Windows("HV01", SERVER_2022)
    windows.service("vmms")
    windows.put(windows.issue(windows.host, "2016-11-12", "2026-11-10", self_signed=True), cng=True, service="vmms")
    case = examined(windows.machine)
    assert told(case) == {"certificate-expired": "low", "service-uses-expiring-certificate": "medium"}
    assert "restart the service vmms" in forensics.render(case, "text")
    assert "MEDIUM, likely" in first_screen(case)


def test_what_hyper_v_makes_itself_is_not_set_in_the_place_of_another() -> None:
    windows = Windows("HV02", SERVER_2022)
    windows.service("vmms")
    made = windows.put(
        windows.issue(windows.host, "2016-11-12", "2026-11-10", self_signed=True), cng=True, service="vmms"
    )
    case = examined(windows.machine)
    (row,) = (row for row in case.rows("certificate") if row.thumbprint == made.thumbprint)
    assert (row.successor is not None, row.new_by) == (True, "program")


def test_a_copy_among_trusted_roots_of_a_certificate_that_is_gone_with_its_key() -> None:
    windows = Windows("DEV02", SERVER_2022)
    made = windows.issue("localhost", "2025-01-01", "2030-01-01", self_signed=True)
    windows.put(made, store="ROOT", written=False)
    assert told(examined(windows.machine)) == {"key-file-missing": "low"}
