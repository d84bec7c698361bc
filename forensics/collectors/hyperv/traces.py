"""Table guardian_trace: where else on a host a guardian is spoken of.

Windows' own place for its guardian records is not documented. What is found is evidence, not a verdict.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from forensics.collectors.guard import guard
from forensics.collectors.hyperv.settings import HGS_CLIENT
from forensics.collectors.registry_view import RegistryView
from forensics.formats.hyperv.guardian_name import GUARDIAN_STORE, guardian_name
from forensics.language import sentence
from forensics.registry.hive import Key
from forensics.sources.installation import Installation
from forensics.sources.vm_files import HYPER_V_FOLDER
from forensics.tables.certificate import CertificateRow
from forensics.tables.hyperv import GuardianTraceRow, TracePlace

MAX_TRACES = 100
"""Evidence: traces of guardians, and sub-keys of one key in which they are looked for."""
_NAMESPACE = "kps/2014/07"
_NAMES = re.compile(r"shielded vm|guardian", re.IGNORECASE)
_STORES = "Microsoft\\SystemCertificates"
_CHUNK, _OVERLAP = 4 << 20, 512
_MAX_HIVE = 512 << 20
"""Evidence: bytes of the hive SOFTWARE that is searched for traces of guardians."""
_MAX_FILE = 4 << 20
"""Evidence: bytes of one file that is searched for traces of guardians."""
_MAX_FILES = 200
"""Evidence: files that are searched for traces of guardians."""
_VM_FILES = (".vmcx", ".vmrs", ".vmgs", ".vhdx", ".avhdx", ".vhd", ".iso")
# A guardian's name stands in every certificate's subject too: "... Certificate (UntrustedGuardian) (HOST)".
_IN_SUBJECT = (b"Certificate (", "Certificate (".encode("utf-16-le"))
# The SHA-1 property that each stored certificate carries: id 3, 1, 20 bytes.
_SHA1_PROPERTY = bytes.fromhex("03000000 01000000 14000000")
_MAX_DEPTH = 8
"""Evidence: keys within keys below HgsClient."""
_MAX_NAMES = 20
"""Evidence: names, and thumbprints, of guardians that are looked for."""


def collect_guardian_traces(
    installation: Installation, certificates: Iterable[CertificateRow]
) -> Iterator[GuardianTraceRow]:
    """Yield where the schema's namespace, guardians' names and thumbprints stand outside certificate stores.

    A machine without a guardian's certificate and without Hyper-V's folder is not searched.

    Args:
        installation: One Windows.
        certificates: Its certificates.
    """
    names: set[str] = set()
    thumbprints: set[str] = set()
    for certificate in certificates:
        name = guardian_name(certificate.subject)
        if name is not None or certificate.store.lower() == GUARDIAN_STORE:
            thumbprints.add(certificate.thumbprint)
            names |= {name.guardian} if name is not None else set()
    if not thumbprints and not installation.listing(installation.on_drive(HYPER_V_FOLDER)).outcome.is_there:
        return
    for found, what in ((names, "names"), (thumbprints, "certificates")):
        if len(found) > _MAX_NAMES:
            message = sentence(
                "only {max_names} of {count} {what} of guardians are looked for",
                max_names=_MAX_NAMES,
                count=len(found),
                what=what,
            )
            _cut(installation, installation.on_drive(HYPER_V_FOLDER), message)
    rows = _traces(installation, sorted(names)[:_MAX_NAMES], sorted(thumbprints)[:_MAX_NAMES])
    for count, row in enumerate(rows):
        if count == MAX_TRACES:
            _cut(
                installation,
                row.source_path,
                sentence("only the first {max_traces} traces of guardians are told", max_traces=MAX_TRACES),
            )
            return
        yield row


def _cut(installation: Installation, path: str, message: str, kind: str = "too_many") -> None:
    installation.cut("file", "traces of guardians", path, message, kind)


def _traces(installation: Installation, names: list[str], thumbprints: list[str]) -> Iterator[GuardianTraceRow]:
    yield from _keys(installation)
    wanted = _patterns(names, thumbprints)
    # A hive that was not collected, or cannot be read, was told of when it was opened as one.
    if installation.hive_outcome("SOFTWARE").is_there:
        hive = installation.in_windows(f"{installation.hive_folder}/SOFTWARE")
        with guard(installation, hive):
            entry = installation.tree.entry(hive)
            if entry.size > _MAX_HIVE:
                _cut(
                    installation,
                    hive,
                    sentence("{size} bytes; at most {max_hive} are searched", size=entry.size, max_hive=_MAX_HIVE),
                    "too_large",
                )
            else:
                with installation.tree.open(entry) as file:
                    yield from _search(installation, file, hive, "hive", wanted)
    folder = installation.listing(installation.on_drive(HYPER_V_FOLDER))
    files = [e for e in folder.entries if not e.is_dir and not e.name.lower().endswith(_VM_FILES)]
    if len(files) > _MAX_FILES:
        message = sentence(
            "only the first {max_files} of {count} files are searched for guardians",
            max_files=_MAX_FILES,
            count=len(files),
        )
        _cut(installation, installation.on_drive(HYPER_V_FOLDER), message)
    for entry in files[:_MAX_FILES]:
        if entry.size > _MAX_FILE:
            _cut(
                installation,
                entry.path,
                sentence("{size} bytes; at most {max_file} are searched", size=entry.size, max_file=_MAX_FILE),
                "too_large",
            )
            continue
        with guard(installation, entry.path), installation.tree.open(entry) as file:
            yield from _search(installation, file, entry.path, "file", wanted)


def _keys(installation: Installation) -> Iterator[GuardianTraceRow]:
    """Yield sub-keys of HgsClient, and certificate stores whose names speak of guardians."""
    software = RegistryView.of_machine(installation, "SOFTWARE")
    client = software.key(HGS_CLIENT)
    if client is not None:
        for key in _below(software, client, 0):
            yield _key_row(software, key)
    for store in software.subkeys(_STORES):
        if _NAMES.search(store.name):
            yield _key_row(software, store)


def _below(view: RegistryView, key: Key, depth: int) -> Iterator[Key]:
    for subkey in view.subkeys(key, MAX_TRACES):
        yield subkey
        if depth < _MAX_DEPTH:
            yield from _below(view, subkey, depth + 1)
        elif next(iter(subkey.subkeys()), None) is not None:
            view.cut(subkey, sentence("keys more than {depth} deep are not listed", depth=_MAX_DEPTH), "too_deep")


def _key_row(view: RegistryView, key: Key) -> GuardianTraceRow:
    return GuardianTraceRow(
        machine_id=view.installation.machine_id,
        text=key.name,
        place="registry_key",
        source_path=view.where(key),
        source_time=key.timestamp,
    )


def _patterns(names: list[str], thumbprints: list[str]) -> dict[bytes, str]:
    """Return byte strings to look for, and what each is told as."""
    wanted: dict[bytes, str] = {}
    for text in (_NAMESPACE, *names):
        wanted[text.encode("ascii", "ignore")] = text
        wanted[text.encode("utf-16-le")] = text
    for thumbprint in thumbprints:
        wanted[bytes.fromhex(thumbprint)] = thumbprint
        wanted[thumbprint.encode("utf-16-le")] = thumbprint
    wanted.pop(b"", None)
    return wanted


def _search(
    installation: Installation, file: BinaryIO, path: str, place: TracePlace, wanted: dict[bytes, str]
) -> Iterator[GuardianTraceRow]:
    pattern = re.compile(b"|".join(re.escape(text) for text in sorted(wanted, key=len, reverse=True)))
    tail, at = b"", 0
    while chunk := file.read(_CHUNK):
        data = tail + chunk
        for match in pattern.finditer(data):
            start = match.start()
            # What begins in the overlap was seen with the chunk before, when it ended there.
            if match.end() <= len(tail) or _is_of_a_store(data, start):
                continue
            yield GuardianTraceRow(
                machine_id=installation.machine_id,
                text=wanted[match[0]],
                place=place,
                offset=at - len(tail) + start,
                source_path=path,
            )
        at += len(chunk)
        tail = data[-_OVERLAP:]


def _is_of_a_store(data: bytes, start: int) -> bool:
    before = data[max(0, start - 64) : start]
    return before.endswith((*_IN_SUBJECT, _SHA1_PROPERTY))
