"""A case made by hand: two machines' worth of rows, no disk and no code under test behind them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from forensics.case import Case
from forensics.language import sentence
from forensics.tables.certificate import CertificateRow, KeyFileRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.machine import MachineRow, ServiceRow, UserRow
from forensics.tables.record import CoverageRow, ProblemRow
from forensics.tables.row import Row
from forensics.tables.secrets import MasterKeyRow, SecretRow
from forensics.tables.source import SourceEntry

AS_OF = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)
NOW_GUID = "44d42aa2-dee4-4023-bea5-d2f166bbb42c"
OLD_GUID = "0c5b9d5e-1111-2222-3333-444455556666"
MASTER = "fb1190c1-123d-45f8-95f4-32aee28fe2eb"
KEYS = "ProgramData/Microsoft/Crypto/RSA/MachineKeys"
OLD_NAME = sentence(
    "the key file is named for MachineGuid {suffix}; this machine's is {machine_guid}",
    suffix=OLD_GUID,
    machine_guid=NOW_GUID,
)
OLD_FILE = f"{KEYS}/f686aace6942fb7f7ceb231212eef4a4_{OLD_GUID}"
OLD_PATH = "C:\\" + OLD_FILE.replace("/", "\\")
NOW_FILE = f"{KEYS}/6de9cb26d2b98c01ec4e9e8b34824aa2_{NOW_GUID}"
NOW_PATH = "C:\\" + NOW_FILE.replace("/", "\\")
DEAD, ALIVE, PAST = "A" * 40, "B" * 40, "C" * 40


def utc(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


def machine(**values: Any) -> MachineRow:
    known: dict[str, Any] = {
        "machine_id": 1,
        "source_path": "Windows",
        "computer_name": "WEB01",
        "product_name": "Windows Server 2019 Standard",
        "build": "17763",
        "ubr": 5,
        "domain_name": "contoso.test",
        "machine_guid": NOW_GUID,
        "machine_guid_time": utc(2026, 3, 1),
        "drive": "C:",
    }
    return MachineRow(**(known | values))


def chain(**values: Any) -> KeyChainRow:
    """A usable machine certificate unless told otherwise."""
    known: dict[str, Any] = {
        "machine_id": 1,
        "source_path": "SOFTWARE\\Microsoft\\SystemCertificates\\MY\\Certificates\\" + ALIVE,
        "source_time": utc(2025, 1, 2),
        "thumbprint": ALIVE,
        "subject": "CN=alive.contoso.test",
        "store": "MY",
        "store_scope": "machine",
        "owner_sid": "S-1-5-18",
        "not_before": utc(2025, 1, 1),
        "not_after": utc(2026, 12, 2),
        "container": "alive",
        "provider": "Microsoft Enhanced Cryptographic Provider v1.0",
        "provider_kind": "capi",
        "key_file": "present",
        "key_file_path": NOW_FILE,
        "public_key": "match",
        "access": "ok",
        "master_key": "present",
        "master_key_guid": MASTER,
        "unlocked_by": "current",
        "private_key": "proved",
        "exportable": "no",
        "verdict": "usable",
        "known_by": "decryption",
    }
    return KeyChainRow(**(known | values))


def dead_chain(**values: Any) -> KeyChainRow:
    """Orphaned by a new MachineGuid, recoverable."""
    known: dict[str, Any] = {
        "thumbprint": DEAD,
        "subject": "CN=dead.contoso.test",
        "not_after": utc(2027, 5, 6),
        "container": "TSSecKeySet1",
        "key_file": "other_machine_guid",
        "key_file_path": OLD_FILE,
        "verdict": "unusable",
        "broken_at": "key_file",
        "recoverable": True,
        "reason": OLD_NAME,
    }
    return chain(**(known | values))


def rows() -> list[Row]:
    """One broken, one usable and one expired certificate, with the rows they rest on."""
    at: dict[str, Any] = {"machine_id": 1, "source_path": "SECURITY\\Policy\\Secrets\\DPAPI_SYSTEM"}
    return [
        machine(),
        CertificateRow(
            machine_id=1,
            source_path="SOFTWARE\\Microsoft\\SystemCertificates\\MY\\Certificates\\" + DEAD,
            source_time=utc(2025, 1, 2),
            thumbprint=DEAD,
            store="MY",
            store_scope="machine",
            owner_sid="S-1-5-18",
            subject="CN=dead.contoso.test",
            eku=["serverAuth", "1.2.3"],
            has_key_link=True,
            container="TSSecKeySet1",
            key_flags=0x20,
            public_key_sha256="c" * 64,
            key_spec=1,
            not_after=utc(2027, 5, 6),
        ),
        KeyFileRow(
            machine_id=1,
            source_path=OLD_FILE,
            source_time=datetime(2024, 2, 3, 4, 5, 6, 789, tzinfo=UTC),
            path=OLD_FILE,
            file_name=OLD_FILE.rsplit("/", 1)[1],
            kind="capi",
            scope="machine",
            size=2300,
            name_guid=OLD_GUID,
            public_key_sha256="f" * 64,
            guid_is_current=False,
            acl="S-1-5-18:full,S-1-5-32-544:full",
        ),
        MasterKeyRow(
            machine_id=1, source_path=f"Protect/S-1-5-18/User/{MASTER}", guid=MASTER, path=f"Protect/{MASTER}"
        ),
        SecretRow(**at, name="DPAPI_SYSTEM", generation="current", outcome="present", set_at=utc(2026, 3, 1)),
        SecretRow(**at, name="DPAPI_SYSTEM", generation="previous", outcome="present", set_at=utc(2024, 1, 1)),
        ServiceRow(machine_id=1, source_path="SYSTEM\\ControlSet001\\Services\\KeyIso", name="KeyIso", start=3),
        UserRow(machine_id=1, source_path="SAM", sid="S-1-5-21-1-2-3-1001", name="anna"),
        dead_chain(),
        chain(),
        chain(thumbprint=PAST, subject="CN=past.contoso.test", not_after=utc(2026, 11, 21)),
        ProblemRow(
            machine_id=1, source_path="Windows/x.dat", kind="truncated", message="the file is cut off", offset=12
        ),
        CoverageRow(
            machine_id=1, source_path="Windows/System32/config/SAM", area="hive", name="SAM", outcome="not_examined"
        ),
    ]


def case(*more: Row) -> Case:
    return Case([*rows(), *more], [SourceEntry("disk.vhdx", "disk", [1])], AS_OF, tool_version="9.9")
