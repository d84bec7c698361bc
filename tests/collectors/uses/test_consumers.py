"""How another certificate is set: in place, by what owns the setting, with the price of what cannot be undone."""

from __future__ import annotations

import re

import pytest

from forensics.collectors.uses import consumers, roles
from forensics.collectors.uses.consumers import Consumer

ALL = [v for module in (consumers, roles) for v in vars(module).values() if isinstance(v, Consumer)]


@pytest.mark.parametrize("consumer", ALL, ids=lambda c: c.name)
def test_no_repair_throws_away_what_works(consumer: Consumer) -> None:
    assert not re.search(r"delete sslcert|SMSCFG|winrm delete|dsregcmd /leave|add sslcert|wmic", consumer.repair)


@pytest.mark.parametrize(
    ("consumer", "says"),
    [
        (consumers.RDP, "set SSLCertificateSHA1Hash of Win32_TSGeneralSetting for this listener"),
        (consumers.HTTP_SYS, "netsh http update sslcert"),
        (consumers.IIS, "netsh http update sslcert"),
        (consumers.WINRM, "in place"),
        (consumers.LDAPS, "into the store in which the old one is (where NTDS has one, My is not asked)"),
        (consumers.ENTRA_JOIN, "first have a local administrator's password and the BitLocker recovery key"),
        (consumers.ENTRA_JOIN, "Entra joined: dsregcmd /forcerecovery; hybrid joined: dsregcmd /debug /leave"),
        (consumers.CONFIG_MGR, "store MY: enrol a client authentication certificate"),
        (consumers.NETWORK_UNLOCK, "with its key on the WDS server (store FVE_NKP)"),
        (consumers.NETWORK_UNLOCK, "the old one stays on the server until every client has started once"),
        (consumers.SQL_SERVER, "value Certificate under SuperSocketNetLib, on a cluster on every node"),
        (roles.AD_FS, "on the primary server (2012 R2: on every server)"),
    ],
)
def test_a_repair_says_where_and_in_which_order(consumer: Consumer, says: str) -> None:
    assert says in consumer.repair
