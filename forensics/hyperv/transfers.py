"""Which certificates must be brought to a host so that virtual machines start there, and where each can be had."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal

from forensics.hyperv.host import Host, State
from forensics.late_methods import dataclass
from forensics.tables.hyperv import VmGuardianRow

Purpose = Literal["start", "change"]
KeyStayed = Literal["no", "opens", "unproved"]

# The state of an encryption certificate on the host it would be taken from, the best first.
_RANK: tuple[State, ...] = (
    "usable",
    "unknown",
    "not_examined",
    "wrong_store",
    "unusable",
    "no_private_key",
    "absent",
)


@dataclass(frozen=True, slots=True)
class Transfer:
    """One certificate that virtual machines need on the target with its private key.

    Attributes:
        thumbprint: Upper hex.
        role: ``encryption`` or ``signing``.
        purpose: ``start``: of the guardian by which machines are to start; ``change``: only of their owner, to change
            their key protectors.
        guardian: Guardian's name, where the certificate tells it.
        host: Host on which it was made, where the certificate tells it.
        not_after: When it ends, UTC.
        partner: Thumbprint of the other certificate of the pair.
        needed_by: Names of virtual machines.
        on_source: What the source host has of it; ``not_examined`` without one.
        exportable: yes, no or unknown, as its key file on the source says.
        in_source_tpm: The source's TPM holds its key.
        recoverable: Its private key can be had from the source's disk although Windows does not open it there.
        key_stayed: Its key file on the source, where it was deleted itself: none is left, Windows opens it, or that is
            not proved.
        on_target: What the target has of it.
        target_store: Store of the target in which it lies with its private key although that is the wrong one.
    """

    thumbprint: str
    role: str
    purpose: Purpose
    guardian: str | None
    host: str | None
    not_after: datetime | None
    partner: str | None
    needed_by: tuple[str, ...]
    on_source: str
    exportable: str | None
    in_source_tpm: bool
    on_target: str
    target_store: str | None
    recoverable: bool | None = None
    key_stayed: KeyStayed = "no"

    @property
    def can_be_exported(self) -> bool | None:
        """Windows on the source can export it with its private key; None: not known."""
        if self.on_source in ("unusable", "no_private_key", "absent") or self.exportable == "no" or self.in_source_tpm:
            return False
        # From the wrong store a key exports as well as from the right one.
        return True if self.on_source in ("usable", "wrong_store") and self.exportable == "yes" else None


def transfers_of(vms: Iterable[tuple[str, Sequence[VmGuardianRow]]], source: Host, target: Host) -> list[Transfer]:
    """List every certificate that virtual machines with a virtual TPM need, each once, pairs together.

    The pair of one guardian starts a machine: the one that the target has, else the one that can be had most easily.
    The owner's pair is needed besides where another guardian starts it and its protector is to be changed.

    Args:
        vms: Name and guardians of each.
        source: The host that is left.
        target: The host that is moved to.
    """
    found: dict[str, Transfer] = {}
    for name, wrappings in vms:
        if not wrappings:
            continue
        start = min(wrappings, key=lambda w: _effort(w, source, target))
        owner = next((w for w in wrappings if w.is_owner), start)
        purposes: list[tuple[VmGuardianRow, Purpose]] = [(start, "start")]
        if owner is not start:
            purposes.append((owner, "change"))
        for wrapping, purpose in purposes:
            for transfer in _pair(wrapping, purpose, name, source, target):
                before = found.get(transfer.thumbprint)
                found[transfer.thumbprint] = _merged(before, transfer) if before else transfer
    return sorted(found.values(), key=lambda t: t.purpose != "start")


def _effort(wrapping: VmGuardianRow, source: Host, target: Host) -> tuple[bool, int, bool]:
    thumbprint = wrapping.encryption_thumbprint
    is_there = target.state(thumbprint) == "usable"
    rank = 0 if is_there else _RANK.index(source.state(thumbprint))
    # What lies in the target's wrong store has only to be moved.
    if not is_there and target.state(thumbprint) == "wrong_store":
        rank = 0
    return not is_there, rank, not wrapping.is_owner


def _merged(before: Transfer, now: Transfer) -> Transfer:
    users = tuple(dict.fromkeys((*before.needed_by, *now.needed_by)))
    return replace(before, needed_by=users, purpose="start" if "start" in (before.purpose, now.purpose) else "change")


def _pair(wrapping: VmGuardianRow, purpose: Purpose, name: str, source: Host, target: Host) -> Iterable[Transfer]:
    w = wrapping
    pair = (
        (w.encryption_thumbprint, "encryption", w.encryption_not_after, w.encryption_public_key_sha256),
        (w.signing_thumbprint, "signing", w.signing_not_after, w.signing_public_key_sha256),
    )
    for index, (thumbprint, role, not_after, public_key) in enumerate(pair):
        if thumbprint is None:
            continue
        row, there = source.row(thumbprint), target.row(thumbprint)
        is_movable = there is not None and target.state(thumbprint) == "wrong_store" and there.store_scope == "machine"
        yield Transfer(
            thumbprint=thumbprint,
            role=role,
            purpose=purpose,
            guardian=wrapping.guardian,
            host=wrapping.host,
            not_after=not_after,
            partner=pair[1 - index][0],
            needed_by=(name,),
            on_source=source.state(thumbprint),
            exportable=row.exportable if row else None,
            in_source_tpm=row is not None and row.provider_kind == "tpm" and row.verdict != "unusable",
            on_target=target.state(thumbprint),
            target_store=there.store if there is not None and is_movable and there.verdict != "unusable" else None,
            recoverable=row.recoverable if row else None,
            key_stayed=_stayed(source, source.key_file(thumbprint, public_key)),
        )


def _stayed(source: Host, key_file: str | None) -> KeyStayed:
    if key_file is None:
        return "no"
    return "opens" if key_file in source.opening else "unproved"
