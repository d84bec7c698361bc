"""SIDs that are made or cut out, not only read."""

from __future__ import annotations

import struct

import pytest

from forensics.formats.errors import FormatError
from forensics.formats.sid import service_sid, sid_of_account_domain


def test_service_sids_as_windows_publishes_them() -> None:
    # Microsoft Learn, Security identifiers (TrustedInstaller) and Configure Windows service accounts (MSSQLSERVER).
    assert service_sid("TrustedInstaller") == "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
    assert service_sid("MSSQLSERVER") == "S-1-5-80-3880718306-3832830129-1677859214-2598158968-1052248003"


def test_the_machine_sid_ends_the_account_domains_value() -> None:
    assert sid_of_account_domain(bytes(60) + struct.pack("<3I", 1, 2, 0xFFFFFFFF)) == "S-1-5-21-1-2-4294967295"
    with pytest.raises(FormatError, match="V has 11 bytes, the SID needs 12"):
        sid_of_account_domain(bytes(11))
