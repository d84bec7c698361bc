"""Key files and master key files as the disk has them, with what they must have where they are put back.

References:
    Microsoft Learn, File Attribute Constants; ACE strings (FA, FR); icacls; attrib.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import field
from itertools import islice
from typing import Literal

from forensics.chain.placing import NOT_IN_USE, FileToPlace, Placing
from forensics.chain.vault import Vault
from forensics.collectors.acl_summary import summarize_acl
from forensics.commands.blocks import blocks_of
from forensics.formats.acl import ACCESS_ALLOWED, INHERIT_ONLY, SecurityDescriptor
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.report.facts import Facts
from forensics.report.key_rights import KeyRights, accounts_of, rights_of
from forensics.tables.finding import Block
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.source import entry_of
from forensics.tables.use import CertificateUseRow

_READS = 0x1 | 0x10000000 | 0x80000000
"""FILE_READ_DATA, GENERIC_ALL and GENERIC_READ."""
_ATTRIBUTES = {"hidden": (0x2, "+h"), "system": (0x4, "+s"), "read-only": (0x1, "+r")}
_USUAL = ("hidden", "system")
_MOST_READERS = 50
"""Format: accounts of an old access list that a new one is given; a command line holds 32,767 characters."""
_GENERALIZED = ("IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE", "IMAGE_STATE_GENERALIZE_RESEAL_TO_AUDIT")
_NEW_IDENTITY = sentence(
    "the image is generalized: its first boot assigns a new MachineGuid and, likely, a new DPAPI_SYSTEM, after which "
    "the file is of no use"
)
KnownFrom = Literal["file", "folder", "likely"]


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file as the disk has it, and where it must lie.

    Attributes:
        what: Key file or master key file.
        name: The name it must have, under which it is written.
        content: Its bytes.
        place: Where it must lie, as Windows writes that.
        found: Where it was found, likewise.
        rights: The owner and access list it must have.
        had: The access list that it had in its own folder, in one line; None where that is not known.
        attributes: Those it must have.
        attributes_from: Whether the disk tells them of the file, of the others in its folder, or they are likely.
        in_the_way: What is there now and is to be set aside, as Windows writes it; None where nothing is.
        in_the_way_is: What that is.
        commands: What places it.
    """

    what: Literal["key_file", "master_key"]
    name: str
    content: bytes = field(repr=False)
    place: str
    found: str
    rights: KeyRights
    had: str | None
    attributes: tuple[str, ...]
    attributes_from: KnownFrom
    in_the_way: str | None
    in_the_way_is: Literal["damaged", "another key", "locked"] | None
    commands: tuple[Block, ...]


def placing_of(facts: Facts, vault: Vault, chain: KeyChainRow) -> Placing:
    """Return what brings the key of a chain back on its Windows, as it was found while its source was open."""
    entry = entry_of(facts.case.sources, chain.machine_id)
    if entry is not None and entry.older_state_of is not None:
        return Placing(
            refusal=sentence(
                "what was examined is an older state of {path}, so what its Windows opens today is not known",
                path=entry.older_state_of,
            )
        )
    machine = facts.machine(chain.machine_id)
    if machine is not None and machine.kind in NOT_IN_USE:
        return Placing(refusal=NOT_IN_USE[machine.kind])
    if chain.verdict == "usable":
        return Placing(refusal=sentence("Windows on this disk opens it where it lies, so nothing is to be placed"))
    is_sealed = machine is not None and machine.image_state in _GENERALIZED and not machine.specialize_skips_crypto
    if is_sealed and chain.store_scope != "user":
        return Placing(refusal=_NEW_IDENTITY)
    store = chain.store if chain.thumbprint is not None else chain.key_file_path
    kept = vault.placings.get((chain.machine_id, chain.thumbprint, store, chain.store_scope, chain.owner_sid))
    if chain.recoverable_on is not None and (kept is None or kept.found is None):
        other = facts.machine_name(chain.recoverable_on)
        return Placing(
            refusal=sentence("it was opened with the secrets of {name}, not with those of this Windows", name=other)
        )
    return kept or Placing(refusal=sentence("no file that holds it was opened with a secret of this Windows"))


def raw_files(
    chain: KeyChainRow, placing: Placing, facts: Facts, uses: Iterable[CertificateUseRow]
) -> tuple[RawFile, ...]:
    """Return the files that bring the key of a chain back."""
    accounts = accounts_of(chain, uses)
    return tuple(_raw_file(chain, file, facts, accounts) for file in placing.files)


def in_use(file: FileToPlace, chain: KeyChainRow, uses: Iterable[CertificateUseRow]) -> str | None:
    """Return what uses the key that lies where a file is to be placed, other than for the certificate of a chain."""
    if file.in_the_way is None or file.what != "key_file":
        return None
    there = file.in_the_way.lower()
    of_it = (use for use in uses if use.machine_id == chain.machine_id and (use.key_file_path or "").lower() == there)
    return next((use.consumer for use in of_it if use.thumbprint != chain.thumbprint or use.thumbprint is None), None)


def _raw_file(chain: KeyChainRow, file: FileToPlace, facts: Facts, accounts: Iterable[str]) -> RawFile:
    own = file.lying.security if file.is_at_home else None
    readers = (*accounts, *islice(_readers(own), _MOST_READERS)) if file.what == "key_file" else ()
    rights = rights_of(file.owner_sid, readers)
    attributes, known_from = _attributes(file)
    place = facts.path(chain.machine_id, file.target)
    in_the_way = facts.path(chain.machine_id, file.in_the_way) or None
    return RawFile(
        file.what,
        file.name,
        file.lying.data,
        place,
        facts.path(chain.machine_id, file.found),
        rights,
        summarize_acl(own) if own is not None else None,
        attributes,
        known_from,
        in_the_way,
        file.in_the_way_is,
        _all_or_none(_commands(file, place, in_the_way, rights, attributes)),
    )


def _readers(security: SecurityDescriptor | None) -> Iterator[str]:
    """Yield whom an access list lets read."""
    for ace in security.dacl or () if security is not None else ():
        is_for_it = ace.type == ACCESS_ALLOWED and not ace.flags & INHERIT_ONLY and ace.mask & _READS
        if is_for_it:
            yield ace.sid


def _attributes(file: FileToPlace) -> tuple[tuple[str, ...], KnownFrom]:
    own = file.lying.attributes if file.is_at_home else None
    flags, known_from = (own, "file") if own is not None else (file.neighbours, "folder")
    if flags is None:
        return _USUAL, "likely"
    return tuple(name for name, (flag, _) in _ATTRIBUTES.items() if flags & flag), known_from  # type: ignore[return-value]


def _all_or_none(blocks: Iterable[Block]) -> tuple[Block, ...]:
    """Return commands, or only why one of them is not printed: what sets a file aside must not stand alone."""
    whole = tuple(blocks)
    refused = tuple(dict.fromkeys(block for block in whole if block.kind != "command"))
    return refused or whole


def _commands(
    file: FileToPlace, place: str, in_the_way: str | None, rights: KeyRights, attributes: tuple[str, ...]
) -> Iterator[Block]:
    if in_the_way is not None:
        yield from blocks_of("keep-copy", {"path": in_the_way})
        aside = f"{file.name}.{'damaged' if file.in_the_way_is == 'damaged' else 'today'}"
        yield from blocks_of("rename-file", {"path": in_the_way, "name": aside})
    values = {"file": file.name, "target": place, "sid": rights.owner, "grants": rights.grants}
    yield from blocks_of("place-file", values)
    if attributes:
        letters = " ".join(_ATTRIBUTES[name][1] for name in attributes)
        yield from blocks_of("set-attributes", {"attributes": letters, "path": place})
