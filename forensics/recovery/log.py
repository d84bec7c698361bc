"""The log beside what ``recover`` writes: what was recovered, by names and fingerprints only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from forensics.case import Case
from forensics.chain.vault import Vault
from forensics.commands.blocks import labelled
from forensics.recovery.dead_keys import DeadKey
from forensics.recovery.raw_files import RawFile
from forensics.tables.timestamps import format_utc
from forensics.version import __version__


def log_of(
    case: Case, vault: Vault, keys: Sequence[DeadKey], files: Mapping[str, str], made: Mapping[str, bytes]
) -> bytes:
    """Return the log.

    Args:
        case: What was examined.
        vault: Knows the public halves.
        keys: Each key that was asked for; those that were not had are left out.
        files: Name of the PFX file of each, by thumbprint; empty where files of the disk were written.
        made: Content of each written file by its name.
    """
    said = {
        "tool": {"name": "keymortem", "version": __version__},
        "written_at": format_utc(datetime.now(UTC)),
        "sources": [entry.path for entry in case.sources],
        "keys": [
            {**_key(key, vault), **(_pfx(files, made, key) if files else _raw(key))} for key in keys if key.lack is None
        ],
    }
    # ASCII alone, as in the JSON of a case: no name from a disk steers the terminal that shows the log.
    return (json.dumps(said, indent=2) + "\n").encode("ascii")


def _key(key: DeadKey, vault: Vault) -> dict[str, Any]:
    return {
        "thumbprint": key.chain.thumbprint,
        "subject": key.chain.subject,
        "computer": key.computer,
        "key_file": key.path,
        "unlocked_by": key.unlocked_by,
        "exportable": key.exportable,
        "backup_hives": key.chain.backup_hives,
        "older_hives": key.older_hives,
        "master_key_file": key.master_key_file,
        "public_key_sha256": _public(key, vault),
    }


def _public(key: DeadKey, vault: Vault) -> str | None:
    of_certificate = vault.publics.get(key.chain.thumbprint or "")
    held = [public for public, keys in vault.keys.items() if any(opened.path == key.path for opened in keys)]
    public = of_certificate or next(iter(held), None)
    return public.spki_sha256() if public is not None else None


def _pfx(files: Mapping[str, str], made: Mapping[str, bytes], key: DeadKey) -> dict[str, Any]:
    name = files[key.thumbprint]
    return {"form": "pfx", "file": name, "file_sha256": _sha256(made[name])}


def _raw(key: DeadKey) -> dict[str, Any]:
    return {
        "form": "file",
        "doubts": list(key.doubts),
        "files": [_file(file) for file in key.files],
    }


def _file(file: RawFile) -> dict[str, Any]:
    return {
        "what": file.what,
        "file": file.name,
        "file_sha256": _sha256(file.content),
        "found": file.found,
        "place": file.place,
        "set_aside": file.in_the_way,
        "owner": file.rights.owner,
        "access_list": file.rights.sddl,
        "access_list_on_disk": file.had,
        "attributes": list(file.attributes),
        "attributes_from": file.attributes_from,
        "commands": [block.text for block in labelled(file.commands)],
    }


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
