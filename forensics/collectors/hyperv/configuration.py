"""From the configuration of a virtual machine (.vmcx) to its row: its virtual TPM, its key protector.

Where a key protector stands in the configuration is not documented: every value is asked whether it is one.

References:
    [MS-KPS] 2.2.2.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from forensics.collectors.hyperv.evidence import VmEvidence
from forensics.formats.errors import FormatError
from forensics.formats.hyperv.key_protector import (
    KeyProtector,
    find_key_protectors,
    is_empty_key_protector,
    parse_key_protector,
)
from forensics.formats.hyperv.storage import HyperVStorage, StorageValue
from forensics.formats.hyperv.vm_configuration import (
    VIRTUAL_TPM,
    VmConfiguration,
    is_torn,
    parse_vm_configuration,
)
from forensics.language import sentence
from forensics.tables.hyperv import VmRow

_PROTECTOR_NAME = re.compile(r"key.?protector", re.IGNORECASE)
_PROTECT_NAME = re.compile(r"protect", re.IGNORECASE)
_EARLIER_NAME = re.compile(r"last.?known.?good", re.IGNORECASE)
_MIN_PROTECTOR = 2048
_MAX_PROTECTORS = 16
"""Evidence: key protectors of one virtual machine; where there are more, the row says that the right one may be
missing.
"""


def read_configuration(storage: HyperVStorage, row: VmRow) -> tuple[VmEvidence, list[FormatError]]:
    """Fill a row from a configuration.

    Args:
        storage: The parsed file.
        row: Its row, with provenance.

    Returns:
        The row with its key protector, and what was wrong with the file or the protector.
    """
    configuration = parse_vm_configuration(storage)
    _fill(row, configuration, storage)
    evidence = VmEvidence(row, global_id=configuration.global_id)
    problems = [*storage.errors, *configuration.problems, *_fill_protector(storage, evidence)]
    has_no_protector = row.key_protector in ("not_found", "empty") and not row.earlier_key_protector
    if row.vtpm == "present" and has_no_protector and configuration.tpm_was_on is False:
        row.vtpm, evidence.tpm_was_off = "absent", True
    return evidence, problems


def _fill(row: VmRow, configuration: VmConfiguration, storage: HyperVStorage) -> None:
    row.name = configuration.name
    row.vm_id = row.vm_id or configuration.global_id
    row.configuration_version = configuration.version
    row.uncommitted = storage.replayed
    has_tpm = configuration.has(VIRTUAL_TPM)
    if storage.log_damaged:
        row.configuration_doubt = sentence(
            "the log of its configuration could not be applied as a whole, so its virtual TPM and key "
            "protector may be of an earlier time, or be pieced together of two"
        )
    elif has_tpm is not None:
        row.vtpm = "present" if has_tpm else "absent"
    row.generation = configuration.generation
    row.secure_boot, row.secure_boot_template = configuration.secure_boot, configuration.secure_boot_template
    row.guest_state_file = configuration.guest_state_file
    row.disks = list(configuration.disks)
    row.isolation = configuration.isolation
    row.security_settings = list(configuration.security_settings)


def _fill_protector(storage: HyperVStorage, evidence: VmEvidence) -> list[FormatError]:
    """Find the key protector by its content; that of the last good start counts only where nothing else is one."""
    row, problems = evidence.row, list[FormatError]()
    documents = list(_all_documents(storage))
    if len(documents) > _MAX_PROTECTORS:
        message = sentence(
            "{count} key protectors in one configuration, of which {max_protectors} are read",
            count=len(documents),
            max_protectors=_MAX_PROTECTORS,
        )
        problems.append(FormatError("too_many", 0, message))
    found: dict[str, KeyProtector] = {}
    damaged: list[str] = []
    for path, document in documents[:_MAX_PROTECTORS]:
        try:
            found[path] = _parsed(document)
        except FormatError as error:
            damaged.append(path)
            problems.append(
                FormatError(
                    error.kind,
                    error.offset,
                    sentence("key protector at {path}: {message}", path=path, message=error.message),
                )
            )
    for value in storage.values.values():
        if value.value is None and value.error is None and value.size > 0:
            message = sentence(
                "the value {path} of {size} bytes is larger than what is read", path=value.path, size=value.size
            )
            problems.append(FormatError("too_large", 0, message))
        if _may_be_protector(value):
            damaged.append(value.path)
    row.earlier_key_protector = any(_documents(value) for value in storage.superseded)
    empty = _empty_at(storage)
    current = {path: protector for path, protector in found.items() if not _EARLIER_NAME.search(path)}
    named = {path: protector for path, protector in current.items() if _PROTECTOR_NAME.search(path)}
    damaged = [path for path in damaged if not _EARLIER_NAME.search(path)] or ([] if current else damaged)
    if current or (found and not damaged and empty is None):
        evidence.protectors = _different(named or current or found)
        row.key_protector, row.key_protector_at = "present", "; ".join(evidence.protectors)
        row.key_protector_doubt = _doubt(evidence.protectors, damaged, len(documents))
        problems += [error for protector in evidence.protectors.values() for error in protector.errors]
    elif damaged:
        row.key_protector, row.key_protector_at = "damaged", damaged[0]
    elif empty is not None:
        row.key_protector, row.key_protector_at = "empty", empty
    elif is_torn(storage):
        row.key_protector_doubt = sentence(
            "parts of its configuration cannot be read, and the key protector may be among them"
        )
    if found and not evidence.protectors:
        row.key_protector_doubt = sentence("that of the last good start still stands at {next}", next=next(iter(found)))
    return problems


def _all_documents(storage: HyperVStorage) -> Iterator[tuple[str, bytes]]:
    """Yield every key protector with where it stands, those that bear its name first."""
    values = sorted(storage.values.values(), key=lambda value: _PROTECTOR_NAME.search(value.path) is None)
    for value in values:
        for number, document in enumerate(_documents(value), 1):
            yield value.path if number == 1 else f"{value.path} ({number})", document


def _different(found: Mapping[str, KeyProtector]) -> dict[str, KeyProtector]:
    """Return of key protectors that name the same guardians only the first."""
    kept: dict[tuple[object, ...], tuple[str, KeyProtector]] = {}
    for path, protector in found.items():
        guardians = frozenset(
            tuple(c.thumbprint if c is not None else None for c in (w.signing, w.encryption))
            for w in protector.wrappings
        )
        kept.setdefault((guardians, protector.owner_id), (path, protector))
    return dict(kept.values())


def _doubt(protectors: Mapping[str, KeyProtector], damaged: Sequence[str], count: int) -> str | None:
    if damaged:
        return sentence(
            "what stands at {damaged} cannot be read, and may be the key protector of today", damaged=damaged[0]
        )
    if count > _MAX_PROTECTORS:
        return sentence(
            "only {max_protectors} of the {count} key protectors in its configuration were read",
            max_protectors=_MAX_PROTECTORS,
            count=count,
        )
    if any(e.kind == "too_many" for protector in protectors.values() for e in protector.errors):
        return sentence("its key protector names more guardians than are read, and none of those that were opens here")
    return None


def _may_be_protector(value: StorageValue) -> bool:
    """Tell whether a value that was not read may be the key protector: by its name, or by being large enough."""
    if value.value is not None or value.kind not in ("array", "string"):
        return False
    return value.size > _MIN_PROTECTOR or _PROTECT_NAME.search(value.path.rsplit("/", 1)[-1]) is not None


@lru_cache(maxsize=64)
def _parsed(document: bytes) -> KeyProtector:
    """Parse a key protector; copies of one machine share theirs."""
    return parse_key_protector(document)


def _documents(value: StorageValue) -> list[bytes]:
    if isinstance(value.value, bytes):
        return find_key_protectors(value.value)
    if isinstance(value.value, str) and "kps/2014/07" in value.value:
        return find_key_protectors(value.value.encode("utf-8", "replace"))
    return []


def _empty_at(storage: HyperVStorage) -> str | None:
    for value in storage.values.values():
        named = _PROTECTOR_NAME.search(value.path) and not _EARLIER_NAME.search(value.path)
        if named and isinstance(value.value, bytes) and is_empty_key_protector(value.value):
            return value.path
    return None
