"""Profiles of wireless and wired networks."""

from __future__ import annotations

import pytest

from forensics.formats.eap_profile import parse_eap_profile


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ("<name>Lab</name><Type>13</Type><authMode>Machine</authMode>", ("Lab", True, "machine", False)),
        ("<Type> 13 </Type>", (None, True, "machineoruser", False)),
        ("<name>Lab</name><Type>25</Type>", ("Lab", False, "machineoruser", False)),
        ("<Type>13</Type><SmartCard/>", (None, True, "machineoruser", True)),
        ("<Type>13</Type><SmartCard/><CertificateStore/>", (None, True, "machineoruser", False)),
    ],
)
def test_network_profiles(inner: str, expected: tuple[str | None, bool, str, bool]) -> None:
    profile = parse_eap_profile(f"<WLANProfile xmlns='urn:x'><a>{inner}</a></WLANProfile>".encode())
    assert (profile.name, profile.eap_tls, profile.auth_mode, profile.smart_card_only) == expected
