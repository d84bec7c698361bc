"""Guardians as files: what Export-HgsGuardian wrote, and certificates of guardians, beside virtual machines.

An exported guardian holds no private key: the schema has no place for one.

References:
    [MS-KPS] 6.4.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from forensics.disk.tree import Entry, NotFound, Unreadable
from forensics.formats.certificate_der import der_of
from forensics.formats.errors import FormatError
from forensics.formats.hyperv.guardian_certificate import GuardianCertificate, parse_guardian_certificate
from forensics.formats.hyperv.guardian_metadata import parse_guardian_metadata
from forensics.formats.hyperv.guardian_name import parse_guardian_name
from forensics.formats.pkcs12 import HEAD_SIZE, is_pkcs12
from forensics.language import said_by, sentence
from forensics.sources.searched_tree import SearchedTree
from forensics.sources.vm_files import VmFiles
from forensics.tables.hyperv import GuardianOrigin, GuardianRole, GuardianRow

MAX_GUARDIAN_FILES = 500
"""Evidence: files of one kind that are read: those whose path speaks of guardians first, then the smallest."""

_MAX_DOCUMENT = 1 << 20
"""Format: bytes of a document that can be a guardian's; a larger one is none, and not read."""
_MAX_CERTIFICATE = 64 << 10
"""Format: bytes of a certificate file that can be a guardian's; a larger one is none, and not read."""
_HEAD = 4096
# Two certificates in base64, or one in DER, are not shorter.
_MIN_DOCUMENT, _MIN_CERTIFICATE = 1024, 256
_NAMESPACE = (b"kps/2014/07", "kps/2014/07".encode("utf-16-le"))
_GUARDIAN_WORDS = re.compile(r"guardian|shielded|vtpm|hgs", re.IGNORECASE)

Report = Callable[[str, str, str], None]
"""Records a problem: path (empty for the whole place), kind, message."""


def collect_guardian_files(place: SearchedTree, files: VmFiles, report: Report) -> list[GuardianRow]:
    """Return a row for each certificate of a guardian in a file, and for each PFX file that may hold one."""
    rows = [*_documents(place, files, report), *_certificates(place, files, report)]
    folders = {_folder(row.source_path) for row in rows}
    rows += [
        GuardianRow(machine_id=0, origin="pfx_file", source_path=place.label(entry.path), source_time=entry.modified)
        for entry in files.pfx
        if (_GUARDIAN_WORDS.search(entry.name) or _folder(place.label(entry.path)) in folders)
        and _is_pfx(place, entry, report)
    ]
    return rows


def _is_pfx(place: SearchedTree, entry: Entry, report: Report) -> bool:
    try:
        with place.tree.open(entry) as file:
            return is_pkcs12(file.read(HEAD_SIZE), entry.size)
    except (NotFound, Unreadable) as error:
        report(entry.path, error.kind, said_by(error))
        return True


def _documents(place: SearchedTree, files: VmFiles, report: Report) -> Iterator[GuardianRow]:
    for entry in _likeliest(files.documents, _MIN_DOCUMENT, _MAX_DOCUMENT, report):
        data = _read(place, entry, report, _NAMESPACE)
        if data is None:
            continue
        try:
            metadata = parse_guardian_metadata(data)
        except FormatError as error:
            report(entry.path, error.kind, error.message)
            continue
        found: dict[GuardianRole, GuardianCertificate | None] = {
            "signing": metadata.signing,
            "encryption": metadata.encryption,
        }
        for role, certificate in found.items():
            if certificate is not None:
                yield _row(place, entry, certificate, "guardian_xml", role)


def _certificates(place: SearchedTree, files: VmFiles, report: Report) -> Iterator[GuardianRow]:
    for entry in _likeliest(files.certificates, _MIN_CERTIFICATE, _MAX_CERTIFICATE, report):
        data = _read(place, entry, report)
        if data is None:
            continue
        # A volume of a disk holds many certificates that have nothing to do with guardians.
        may_be_one = place.disk is None or _GUARDIAN_WORDS.search(entry.path) is not None
        try:
            certificate = parse_guardian_certificate(der_of(data))
        except FormatError as error:
            if may_be_one:
                report(entry.path, error.kind, error.message)
            continue
        if parse_guardian_name(certificate.common_name or "") is not None:
            yield _row(place, entry, certificate, "certificate_file", None)
        elif may_be_one:
            subject = certificate.subject or sentence("no subject that can be read")
            message = sentence(
                "a certificate ({subject}, {thumbprint}) without the name of a guardian's: not examined",
                subject=subject,
                thumbprint=certificate.thumbprint,
            )
            report(entry.path, "not_a_guardian", message)


def _row(
    place: SearchedTree,
    entry: Entry,
    certificate: GuardianCertificate,
    origin: GuardianOrigin,
    role: GuardianRole | None,
) -> GuardianRow:
    name = parse_guardian_name(certificate.common_name or "")
    return GuardianRow(
        machine_id=0,
        thumbprint=certificate.thumbprint,
        subject=certificate.subject,
        role=role or (name.role if name else None),
        guardian=name.guardian if name else None,
        host=name.host if name else None,
        origin=origin,
        not_before=certificate.not_before,
        not_after=certificate.not_after,
        source_path=place.label(entry.path),
        source_time=entry.modified,
    )


def _likeliest(entries: list[Entry], least: int, most: int, report: Report) -> list[Entry]:
    fitting = [entry for entry in entries if least <= entry.size <= most]
    fitting.sort(key=lambda e: (_GUARDIAN_WORDS.search(e.path) is None, e.size, e.path))
    if len(fitting) > MAX_GUARDIAN_FILES:
        message = sentence(
            "only {max_guardian_files} of {count} files that may hold a guardian are read",
            max_guardian_files=MAX_GUARDIAN_FILES,
            count=len(fitting),
        )
        report("", "too_many", message)
    return fitting[:MAX_GUARDIAN_FILES]


def _read(place: SearchedTree, entry: Entry, report: Report, wanted: tuple[bytes, ...] = ()) -> bytes | None:
    """Read a file whose head holds one of the wanted byte strings."""
    try:
        with place.tree.open(entry) as file:
            head = file.read(_HEAD)
            if wanted and not any(text in head for text in wanted):
                return None
            return head + file.read(entry.size)
    except (NotFound, Unreadable) as error:
        report(entry.path, error.kind, said_by(error))
        return None


def _folder(path: str) -> str:
    return path.rsplit("/", 1)[0].lower() if "/" in path else ""
