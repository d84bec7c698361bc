"""Writes proved private keys into PFX files, or as the disk has them: the one door by which secrets leave memory."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from forensics.case import Case
from forensics.chain.vault import Vault, keeping
from forensics.disk.evidence_files import EvidenceFiles, recording
from forensics.examination import examine
from forensics.given_secrets import file_password
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.outputs import check_room, new_files
from forensics.recovery.dead_keys import NOT_EXPORTABLE, DeadKey, as_files, dead_key, wanted_chains
from forensics.recovery.issuers import issuers_of
from forensics.recovery.log import log_of
from forensics.recovery.memory import without_core_dumps
from forensics.recovery.pkcs12 import Destination, pfx
from forensics.recovery.private_keys import library_key
from forensics.recovery.raw_files_text import raw_files_text
from forensics.recovery.text import recovered_text
from forensics.report.explain import UnknownSubjectError
from forensics.report.facts import Facts
from forensics.report.result import Result
from forensics.tables.certificate import CertificateRow
from forensics.tables.key_chain import KeyChainRow

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12PrivateKeyTypes

_REFUSED = sentence(
    "the cryptography library writes no PFX file of it: its certificate or key is of a kind that it does not know"
)
_SAME_NAME = sentence(
    "another key that was asked for has a file of the same name: have it written into a folder of its own"
)


_OWNER_ALONE = 0o600
Form = Literal["pfx", "file"]


@dataclass(frozen=True, repr=False)
class Recovered(Result):
    """What :func:`recover` returns; it holds no secret in the clear.

    Attributes:
        case: What was examined.
        keys: Each key that was asked for.
        files: Name of the PFX file that was written, by thumbprint.
        folder: Where what was written is; None where only a list was asked for.
        log: Name of the log beside it; None where nothing was written.
        legacy: The PFX files were written for a Windows that imports no AES.
        form: As PFX files, or as the files of the disk.
    """

    case: Case
    keys: tuple[DeadKey, ...]
    files: Mapping[str, str]
    folder: Path | None = None
    log: str | None = None
    legacy: bool = False
    form: Form = "pfx"

    @property
    def evidence(self) -> EvidenceFiles:
        return self.case.evidence

    @property
    def is_whole(self) -> bool:
        """Every key that was asked for was had, and written where that was asked for."""
        return all(key.lack is None for key in self.keys)

    def _render(self, format: str, width: int | None) -> str:
        if self.form == "file":
            return raw_files_text(self.keys, self.folder, self.log, width)
        return recovered_text(self.keys, self.files, self.folder, self.log, width, is_legacy=self.legacy)


def recover(
    source: str | Path,
    *subjects: str,
    to: str | Path | None = None,
    form: Form = "pfx",
    pfx_password_file: str | Path | None = None,
    legacy: bool = False,
    even_not_exportable: bool = False,
    **options: Any,
) -> Recovered:
    """Write keys that a source proves into PFX files, encrypted with a password; or only say which could be.

    A file holds the certificate, the private key and the certificates above it that the source has; Windows imports the
    key into the provider and key set it was in. Only keys that were decrypted, and whose numbers fit the certificate,
    are written; each signs once before, and is checked by the certificate.

    As files of the disk, what is written is what the disk has, encrypted as it is there: the key file and, where
    Windows misses it, the file of its master key, under the names that Windows looks for, and only where they are of
    use to the Windows of the source as it is today.

    Args:
        source: Disk, collection or archive.
        subjects: Thumbprints (six digits are enough), names or paths of key files, or parts of certificates' subjects;
            without any all keys of the source.
        to: Folder for the files; made when it is not there. None: nothing is written, the answer lists the keys.
        form: ``pfx``, or ``file``: as the disk has them.
        pfx_password_file: File whose first line is the password of the PFX files; UTF-8.
        legacy: Encrypt with triple DES and SHA-1, for Windows Server 2016 and older, which import no AES.
        even_not_exportable: Keys too whose policy says that they are not to be exported.
        options: As of :func:`forensics.examine`.

    Raises:
        ValueError: There is no such form; PFX files without ``pfx_password_file``, or files of the disk with it.
        SourceError: The source, or the file with the password, cannot be read.
        UnknownSubjectError: No key is called that, where anything was examined; behind its message stands what was not.
        EvidenceTargetError: ``to`` is evidence, or lies in it.
        OSError: A file cannot be written; FileExistsError where it is there.

    Examples:
        >>> import forensics
        >>> kept = forensics.recover("disk.vhdx", "web.contoso.test", to="keys", pfx_password_file="password.txt")
        >>> print(kept)
        1 of 1 key written into keys; recovered-...json says which, without any secret.
        ...
    """
    _check_form(form, to, pfx_password_file, legacy)
    if to is not None:
        EvidenceFiles([source]).refuse(Path(to))
        check_room(Path(to))
    given = EvidenceFiles()
    with recording(given):
        password = file_password(Path(pfx_password_file)) if pfx_password_file is not None else b""
    with without_core_dumps(), keeping(vault := Vault()):
        try:
            case = examine(source, **options)
            if case.is_empty:
                return Recovered(case, (), {}, form=form)
            wanted = _wanted(case, vault, subjects, form, even_not_exportable=even_not_exportable)
            if to is None:
                return Recovered(case, tuple(wanted), {}, form=form)
            keys, files, made = _made(case, vault, wanted, None if form == "file" else password, legacy)
            said = log_of(case, vault, keys, files, made)
        finally:
            vault.forget()
    if not made:
        return Recovered(case, tuple(keys), {}, Path(to), form=form)
    log = f"recovered-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    with new_files(Path(to), EvidenceFiles.together(case.evidence, given), mode=_OWNER_ALONE) as file_of:
        for name, content in (*made.items(), (log, said)):
            file_of(name).write_bytes(content)
    return Recovered(case, tuple(keys), files, Path(to), log, legacy, form)


def _check_form(form: str, to: object, pfx_password_file: object, legacy: bool) -> None:
    if form not in get_args(Form):
        raise ValueError(f"there is no form {form!r} of keys; there are {', '.join(get_args(Form))}")
    if form == "file" and (pfx_password_file is not None or legacy):
        raise ValueError("a password and legacy encryption are for PFX files; files of the disk stay as they are")
    if form == "pfx" and to is not None and pfx_password_file is None:
        raise ValueError("files with private keys need a password: name a file that holds it")


def _wanted(
    case: Case, vault: Vault, subjects: Sequence[str], form: Form, *, even_not_exportable: bool
) -> list[DeadKey]:
    facts = Facts(case)
    try:
        chains = wanted_chains(case, subjects)
    except UnknownSubjectError as error:
        raise UnknownSubjectError(*error.args, *case.not_examined) from None
    keys = [dead_key(case, facts, vault, chain) for chain in chains]
    if form == "file":
        keys = [as_files(key, facts, vault) for key in keys]
    return keys if even_not_exportable else [_unless_forbidden(key) for key in keys]


def _made(
    case: Case, vault: Vault, wanted: Sequence[DeadKey], password: bytes | None, legacy: bool
) -> tuple[list[DeadKey], dict[str, str], dict[str, bytes]]:
    """Make what is written.

    Returns:
        The keys, with why one is not written after all; names of PFX files by thumbprint; content by name of file.
    """
    keys, files, made = list(wanted), dict[str, str](), dict[str, bytes]()
    for number, key in enumerate(keys):
        if key.lack is not None:
            continue
        if password is None:
            own = {file.name: file.content for file in key.files}
            if any(made.get(name, content) != content for name, content in own.items()):
                keys[number] = replace(key, lack=_SAME_NAME)
                continue
            made |= own
            continue
        try:
            content = _pfx(case, vault, key, password, legacy)
        except ValueError:
            keys[number] = replace(key, lack=_REFUSED)
            continue
        files[key.thumbprint] = f"{key.thumbprint}.pfx"
        made[files[key.thumbprint]] = content
    return keys, files, made


def _unless_forbidden(key: DeadKey) -> DeadKey:
    return replace(key, lack=NOT_EXPORTABLE) if key.lack is None and key.exportable == "no" else key


def _pfx(case: Case, vault: Vault, key: DeadKey, password: bytes, is_legacy: bool) -> bytes:
    thumbprint = key.thumbprint
    certificate = vault.certificates[thumbprint]
    private = library_key(next(o.key for o in vault.keys[vault.publics[thumbprint]] if o.path == key.path))
    check_pair(private, certificate)
    rows: Sequence[CertificateRow] = case.rows("certificate")
    chain = key.chain
    # One certificate may stand in several stores: the copy whose chain this is says where its key goes.
    copies = [row for row in rows if (row.thumbprint, row.machine_id) == (thumbprint, chain.machine_id)]
    row = next((row for row in copies if row.source_path == chain.source_path), copies[0] if copies else None)
    above = issuers_of(case, vault.certificates, thumbprint) if row else []
    name = row.friendly_name if row else None
    return pfx(private, certificate, above, name, _destination(row, chain), password, is_legacy=is_legacy)


def _destination(row: CertificateRow | None, chain: KeyChainRow) -> Destination:
    """Return where the certificate says its key was: a key of CNG has no key spec.

    A provider that this Windows lacks or that is none of Windows' own for software keys would stop the import: without
    one Windows chooses.
    """
    if row is None:
        return Destination(None, is_machine=True, key_spec=None)
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
