"""Writes proved private keys into PFX files: the one door by which secrets leave memory."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forensics.case import Case
from forensics.chain.vault import Vault, keeping
from forensics.disk.evidence_files import EvidenceFiles, recording
from forensics.examination import examine
from forensics.given_secrets import file_password
from forensics.late_methods import dataclass
from forensics.outputs import new_files
from forensics.recovery.dead_keys import NOT_EXPORTABLE, DeadKey, dead_key, wanted_chains
from forensics.recovery.issuers import issuers_of
from forensics.recovery.pkcs12 import Destination, pfx
from forensics.recovery.private_keys import library_key
from forensics.recovery.text import recovered_text
from forensics.report.facts import Facts
from forensics.report.result import Result
from forensics.tables.certificate import CertificateRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.timestamps import format_utc
from forensics.version import __version__

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12PrivateKeyTypes

_REFUSED = (
    "the cryptography library writes no PFX file of it: its certificate or key is of a kind that it does not know"
)


@dataclass(frozen=True, repr=False)
class Recovered(Result):
    """What :func:`recover` returns; it holds no secret.

    Attributes:
        case: What was examined.
        keys: Each key that was asked for.
        files: Name of the file that was written, by thumbprint.
        folder: Where they are; None where only a list was asked for.
        log: Name of the log beside them; None where nothing was written.
        legacy: They were written for a Windows that imports no AES.
    """

    case: Case
    keys: tuple[DeadKey, ...]
    files: Mapping[str, str]
    folder: Path | None = None
    log: str | None = None
    legacy: bool = False

    @property
    def evidence(self) -> EvidenceFiles:
        return self.case.evidence

    @property
    def is_whole(self) -> bool:
        """Every key that was asked for was had, and written where that was asked for."""
        return all(key.lack is None for key in self.keys)

    def _render(self, format: str, width: int | None) -> str:
        return recovered_text(self.keys, self.files, self.folder, self.log, width, is_legacy=self.legacy)


def recover(
    source: str | Path,
    *subjects: str,
    to: str | Path | None = None,
    pfx_password_file: str | Path | None = None,
    legacy: bool = False,
    even_not_exportable: bool = False,
    **options: Any,
) -> Recovered:
    """Write keys that a source proves into PFX files, encrypted with a password; or only say which could be.

    A file holds the certificate, the private key and the certificates above it that the source has; Windows imports the
    key into the provider and key set it was in. Only keys that were decrypted, and whose numbers fit the certificate,
    are written; each signs once before, and is checked by the certificate.

    Args:
        source: Disk, collection or archive.
        subjects: Thumbprints (six digits are enough), names or paths of key files, or parts of certificates' subjects;
            without any all keys of the source.
        to: Folder for the files; made when it is not there. None: nothing is written, the answer lists the keys.
        pfx_password_file: File whose first line is the password of the PFX files; UTF-8.
        legacy: Encrypt with triple DES and SHA-1, for Windows Server 2016 and older, which import no AES.
        even_not_exportable: Keys too whose policy says that they are not to be exported.
        options: As of :func:`forensics.examine`.

    Raises:
        ValueError: ``to`` was given without ``pfx_password_file``.
        SourceError: The source, or the file with the password, cannot be read.
        UnknownSubjectError: No key is called that.
        EvidenceTargetError: ``to`` is evidence, or lies in it.
        OSError: A file cannot be written; FileExistsError where it is there.
    """
    if to is not None and pfx_password_file is None:
        raise ValueError("files with private keys need a password: name a file that holds it")
    if to is not None:
        EvidenceFiles([source]).refuse(Path(to))
    given = EvidenceFiles()
    with recording(given):
        password = file_password(Path(pfx_password_file)) if pfx_password_file is not None else b""
    with keeping(vault := Vault()):
        case = examine(source, **options)
    facts = Facts(case)
    keys = [dead_key(case, facts, vault, chain) for chain in wanted_chains(case, subjects)]
    if not even_not_exportable:
        keys = [_unless_forbidden(key) for key in keys]
    if to is None or pfx_password_file is None:
        return Recovered(case, tuple(keys), {})
    made: dict[str, bytes] = {}
    for number, key in enumerate(keys):
        if key.lack is None:
            try:
                made[_thumbprint(key)] = _pfx(case, vault, key, password, legacy)
            except ValueError:
                keys[number] = replace(key, lack=_REFUSED)
    if not made:
        return Recovered(case, tuple(keys), {}, Path(to))
    files = {thumbprint: f"{thumbprint}.pfx" for thumbprint in made}
    log = f"recovered-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    said = _log(case, vault, keys, files, made)
    with new_files(Path(to), EvidenceFiles.together(case.evidence, given)) as place:
        for thumbprint, content in made.items():
            _write(place / files[thumbprint], content)
        _write(place / log, said)
    return Recovered(case, tuple(keys), files, Path(to), log, legacy)


def _unless_forbidden(key: DeadKey) -> DeadKey:
    return replace(key, lack=NOT_EXPORTABLE) if key.lack is None and key.exportable == "no" else key


def _thumbprint(key: DeadKey) -> str:
    assert key.chain.thumbprint is not None
    return key.chain.thumbprint


def _pfx(case: Case, vault: Vault, key: DeadKey, password: bytes, is_legacy: bool) -> bytes:
    thumbprint = _thumbprint(key)
    certificate = vault.certificates[thumbprint]
    private = library_key(next(o.key for o in vault.keys[vault.publics[thumbprint]] if o.path == key.path))
    check_pair(private, certificate)
    rows: Sequence[CertificateRow] = case.rows("certificate")
    chain = key.chain
    # One certificate may stand in several stores: the copy whose chain this is says where its key goes.
    copies = [row for row in rows if (row.thumbprint, row.machine_id) == (thumbprint, chain.machine_id)]
    row = next((row for row in copies if row.source_path == chain.source_path), copies[0])
    above = issuers_of(case, vault.certificates, thumbprint)
    return pfx(private, certificate, above, row.friendly_name, _destination(row, chain), password, is_legacy=is_legacy)


def _destination(row: CertificateRow, chain: KeyChainRow) -> Destination:
    """Return where the certificate says its key was: a key of CNG has no key spec.

    A provider that this Windows lacks or that is none of Windows' own for software keys would stop the import: without
    one Windows chooses.
    """
    spec = row.key_spec if row.key_spec in (1, 2) else None
    serves = chain.provider_kind in ("capi", "cng") and chain.broken_at != "provider"
    return Destination(row.provider if serves else None, row.store_scope != "user", spec)


def check_pair(private: PKCS12PrivateKeyTypes, certificate: bytes) -> None:
    """Let the key sign, and its certificate check the signature.

    Raises:
        ValueError: They do not belong together.
    """
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa

    public = x509.load_der_x509_certificate(certificate).public_key()
    text, sha256 = os.urandom(32), hashes.SHA256()
    try:
        if isinstance(private, rsa.RSAPrivateKey) and isinstance(public, rsa.RSAPublicKey):
            public.verify(private.sign(text, padding.PKCS1v15(), sha256), text, padding.PKCS1v15(), sha256)
        elif isinstance(private, ec.EllipticCurvePrivateKey) and isinstance(public, ec.EllipticCurvePublicKey):
            public.verify(private.sign(text, ec.ECDSA(sha256)), text, ec.ECDSA(sha256))
        elif isinstance(private, dsa.DSAPrivateKey) and isinstance(public, dsa.DSAPublicKey):
            public.verify(private.sign(text, sha256), text, sha256)
        else:
            raise ValueError("a key of another kind than the certificate's")
    except InvalidSignature as error:
        raise ValueError("a key that is not the certificate's") from error


def _write(path: Path, content: bytes) -> None:
    """Write a file that nobody else may read, not even for a moment."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


def _log(
    case: Case, vault: Vault, keys: Sequence[DeadKey], files: Mapping[str, str], made: Mapping[str, bytes]
) -> bytes:
    """Return what was recovered: names and fingerprints only."""
    said = {
        "tool": {"name": "keymortem", "version": __version__},
        "written_at": format_utc(datetime.now(UTC)),
        "sources": [entry.path for entry in case.sources],
        "keys": [
            {
                "thumbprint": key.chain.thumbprint,
                "subject": key.chain.subject,
                "computer": key.computer,
                "key_file": key.path,
                "unlocked_by": key.unlocked_by,
                "exportable": key.exportable,
                "backup_hives": key.chain.backup_hives,
                "public_key_sha256": vault.publics[_thumbprint(key)].spki_sha256(),
                "file": files[_thumbprint(key)],
                "file_sha256": hashlib.sha256(made[_thumbprint(key)]).hexdigest(),
            }
            for key in keys
            if key.lack is None
        ],
    }
    # Half characters, which file names may have, stand as JSON writes them.
    return (json.dumps(said, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
