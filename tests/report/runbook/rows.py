"""Rows of one web server by hand, and the code of a script without what it only says."""

from __future__ import annotations

import re
from typing import Any

import forensics
from forensics.tables.certificate import CertificateRow, KeyFileRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.machine import MachineRow
from forensics.tables.row import Row
from forensics.tables.secrets import MasterKeyRow
from forensics.tables.source import SourceEntry
from forensics.tables.use import CertificateUseRow
from tests import hand_made
from tests.hand_made import AS_OF, MASTER, utc

SITE = "5" * 40
SYSTEM = "S-1-5-18"
_PLACE = f"SOFTWARE\\Microsoft\\SystemCertificates\\MY\\Certificates\\{SITE}"


def case_of(*rows: Row, machine: MachineRow | None = None) -> forensics.Case:
    master = MasterKeyRow(machine_id=1, source_path="m", path="m", guid=MASTER, unlocked_by="current")
    computer = machine or hand_made.machine()
    return forensics.Case([computer, master, *rows], [SourceEntry("disk.vhdx", "disk", [1])], AS_OF, tool_version="9.9")


def use(**values: Any) -> CertificateUseRow:
    """A binding of IIS whose key is gone."""
    known: dict[str, Any] = {
        "machine_id": 1,
        "source_path": "SYSTEM",
        "thumbprint": SITE,
        "consumer": "http.sys",
        "store": "MY",
        "owner_sid": SYSTEM,
        "account": SYSTEM,
        "certainty": "proved",
        "present": True,
        "opens": "unusable",
        "opens_broken_at": "key_file",
        "opens_reason": "there is no key file where the certificate's link leads",
        "label": "http.sys 0.0.0.0:443 (IIS)",
        "endpoint": "ipport=0.0.0.0:443",
        "app_id": "{4dc3e181-e14b-4a21-b022-59fc669b0914}",
        "binding_owner": "IIS",
        "set_with": "set-binding",
        "needs_valid": True,
    }
    return CertificateUseRow(**(known | values))


def dead(**values: Any) -> KeyChainRow:
    """The chain of its certificate, whose key file is absent."""
    known: dict[str, Any] = {
        "thumbprint": SITE,
        "source_path": _PLACE,
        "subject": "CN=shop.contoso.test",
        "verdict": "unusable",
        "broken_at": "key_file",
        "key_file": "absent",
        "key_file_path": None,
        "recoverable": False,
        "standing": "in_use",
        "not_after": utc(2028, 1, 1),
    }
    return hand_made.chain(**(known | values))


def certificate(**values: Any) -> CertificateRow:
    known: dict[str, Any] = {
        "machine_id": 1,
        "source_path": _PLACE,
        "thumbprint": SITE,
        "store": "MY",
        "store_scope": "machine",
        "owner_sid": SYSTEM,
        "subject": "CN=shop.contoso.test",
        "not_after": utc(2028, 1, 1),
    }
    return CertificateRow(**(known | values))


def key_file(**values: Any) -> KeyFileRow:
    known: dict[str, Any] = {
        "machine_id": 1,
        "source_path": "k/f",
        "path": "k/f",
        "file_name": "f",
        "kind": "capi",
        "scope": "machine",
        "guid_is_current": True,
        "master_key_guid": MASTER,
    }
    return KeyFileRow(**(known | values))


def code(script: str) -> str:
    """Return what the steps of a script check and run: no comment, nothing that is only printed."""
    steps = script[script.index("\n# 1. ") : script.rindex("\nWrite-Host ''\nif ($Apply)")]
    kept = re.findall(r"^ +\(.*\)(?: -and)?$|^ +Invoke-Tool \{.*\}$|^ +(?:certutil|netsh) .*$", steps, re.MULTILINE)
    return "\n".join(kept)
