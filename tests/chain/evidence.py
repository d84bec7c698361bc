"""One Windows in memory, put together by hand: certificates, key files and a master key, for tests of the judgement."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from forensics.collectors.evidence import (
    CertificateEvidence,
    Evidence,
    KeyFileEvidence,
    KeyFolder,
    MasterKeyEvidence,
    ParsedKey,
    Providers,
)
from forensics.dpapi.lsa import DpapiSystem, SystemSecret
from forensics.formats.acl import SecurityDescriptor
from forensics.formats.capi_key import parse_capi_key_file
from forensics.formats.cng_key import parse_cng_key_file
from forensics.formats.key_prov_info import KeyProvInfo
from forensics.formats.lsa import LsaMaterial
from forensics.formats.master_key import parse_master_key_file
from forensics.formats.public_key import EcPublicKey, PublicKey, RsaPublicKey
from forensics.tables.certificate import CertificateRow, KeyFileKind, KeyFileRow, KeyFileScope, StoreScope
from forensics.tables.machine import MachineRow, ServiceRow
from forensics.tables.outcome import PRESENT, Outcome
from forensics.tables.secrets import MasterKeyRow
from testdata.builder.capi import Slot, make_capi_key
from testdata.builder.cng import CngKey, make_cng_key
from testdata.builder.dpapi import MasterKey, make_master_key
from testdata.builder.regf import HiveWriter
from tests.collectors.virtual import MACHINE_GUID, USER_SID, installation, software_hive, system_hive

HALF = b"m" * 20
SECRET = DpapiSystem(SystemSecret(HALF, b"u" * 20))
MASTER_KEY = make_master_key("judge", "S-1-5-18", HALF, rounds=1)
CAPI = "Microsoft RSA SChannel Cryptographic Provider"
CNG = "Microsoft Software Key Storage Provider"
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def public(key: Key) -> PublicKey:
    """Return the public half of a key as the program holds it."""
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        return RsaPublicKey(numbers.n, numbers.e)
    point = key.public_key().public_numbers()
    return EcPublicKey("P-256", point.x, point.y)


def name_hash(kind: str, container: str) -> str:
    """Hash a container's name: MD5 of the lower-case name with its NUL, as four little-endian words; TPM: SHA-1."""
    if kind == "tpm":
        return hashlib.sha1(container.encode("utf-16-le")).hexdigest()
    raw = (container.lower() + "\0").encode("ascii" if kind == "capi" else "utf-16-le")
    digest = hashlib.md5(raw).digest()
    return "".join(digest[at : at + 4][::-1].hex() for at in range(0, 16, 4))


class Windows:
    """Evidence of one installation, of which every folder was seen whole."""

    def __init__(self, machine_id: int = 1, outcome: Outcome = PRESENT, guid: str | None = MACHINE_GUID) -> None:
        hives = {"SYSTEM": system_hive(), "SOFTWARE": software_hive(), "SECURITY": HiveWriter("SECURITY")}
        self.evidence = Evidence(
            installation({}, hives), MachineRow(machine_id=machine_id, source_path="x", machine_guid=guid)
        )
        self.evidence.lsa = LsaMaterial()
        kinds: tuple[KeyFileKind, ...] = ("capi", "cng")
        owners: list[tuple[KeyFileScope, str]] = [("machine", "S-1-5-18"), ("system", "S-1-5-18"), ("user", USER_SID)]
        owners += [("service", "S-1-5-19"), ("service", "S-1-5-20")]
        for kind in kinds:
            for scope, owner in owners:
                self.evidence.key_folders.append(KeyFolder(kind, scope, owner, f"{kind}/{scope}", outcome))
        self.evidence.master_key_folders["S-1-5-18", "machine"] = PRESENT
        self.master_key(MASTER_KEY)

    def master_key(self, made: MasterKey, owner: str = "S-1-5-18", system_can_read: bool | None = None) -> None:
        row = MasterKeyRow(
            machine_id=1,
            guid=made.guid,
            path=f"Protect/{made.guid}",
            owner_sid=owner,
            half="machine",
            outcome="present",
            system_can_read=system_can_read,
            source_path="x",
        )
        self.evidence.master_keys.append(MasterKeyEvidence(row, parse_master_key_file(made.file)))

    def capi(self, container: str, exchange: Slot | Key | None, signature: Slot | None = None, **where: object) -> str:
        """Put a CAPI container on the disk and return its path."""
        slot = Slot(exchange) if isinstance(exchange, rsa.RSAPrivateKey) else exchange
        assert not isinstance(slot, ec.EllipticCurvePrivateKey)
        master_key = where.pop("master_key", MASTER_KEY)
        assert isinstance(master_key, MasterKey)
        data = make_capi_key(container, container, master_key, exchange=slot, signature=signature)
        return self.file("capi", container, parse_capi_key_file(data), **where)  # type: ignore[arg-type]

    def cng(self, container: str, key: Key, **where: object) -> str:
        """Put a CNG key file on the disk and return its path."""
        made = CngKey.rsa(key) if isinstance(key, rsa.RSAPrivateKey) else CngKey.ec(key)
        data = make_cng_key(container, container, MASTER_KEY, made)
        return self.file("cng", container, parse_cng_key_file(data), **where)  # type: ignore[arg-type]

    def file(
        self,
        kind: KeyFileKind,
        container: str,
        parsed: ParsedKey | None,
        scope: KeyFileScope = "machine",
        owner: str = "S-1-5-18",
        guid: str = MACHINE_GUID,
        security: SecurityDescriptor | None = None,
        year: int = 2024,
    ) -> str:
        file_name = f"{name_hash(kind, container)}_{guid}"
        row = KeyFileRow(
            machine_id=self.evidence.machine.machine_id,
            path=f"{kind}/{scope}/{file_name}",
            file_name=file_name,
            kind=kind,
            scope=scope,
            owner_sid=owner,
            outcome="present" if parsed else "unreadable",
            name_hash=name_hash(kind, container),
            name_guid=guid,
            guid_is_current=guid == MACHINE_GUID,
            container=container if parsed else None,
            name_matches=True if parsed else None,
            modified=datetime(year, 1, 1, tzinfo=UTC),
            source_path=file_name,
        )
        self.evidence.key_files.append(KeyFileEvidence(row, parsed, security))
        return row.path

    def certificate(
        self,
        thumbprint: str,
        key: Key,
        container: str | None,
        *,
        provider: str = CAPI,
        flags: int = 0x20,
        key_spec: int = 1,
        store: str = "MY",
        scope: StoreScope = "machine",
        owner: str | None = "S-1-5-18",
    ) -> None:
        """Put a certificate into a store; without container it has no KEY_PROV_INFO."""
        row = CertificateRow(
            machine_id=1, source_path="x", thumbprint=thumbprint, store=store, store_scope=scope, owner_sid=owner
        )
        link = None
        if container is not None:
            kinds = {CAPI: 12, CNG: 0}
            link = KeyProvInfo(container, provider, kinds.get(provider, 0), flags, key_spec)
        self.evidence.certificates.append(CertificateEvidence(row, link, None, public(key)))

    def service(self, name: str, start: int) -> None:
        self.evidence.services.append(ServiceRow(machine_id=1, source_path="x", name=name, start=start))

    def providers(self, capi: Sequence[str], cng: Sequence[str]) -> None:
        self.evidence.providers = Providers(frozenset(capi), frozenset(cng))
