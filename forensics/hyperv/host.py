"""A Hyper-V host as far as starting virtual machines goes: its mode, and what it has of each guardian certificate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from datetime import datetime
from typing import Literal

from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.sources.coverage import Coverage
from forensics.tables.certificate import KeyFileRow
from forensics.tables.hyperv import GuardianRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.record import CoverageRow
from forensics.tables.row import Row
from forensics.tables.use import PolicyRow

State = Literal["usable", "unusable", "unknown", "no_private_key", "wrong_store", "absent", "not_examined"]
"""What a host has of one certificate: its key opens, does not, undecided; no key; only in another store; nothing."""

Mode = Literal["local", "hgs", "unknown"]

_WHY: dict[State, str] = {
    "usable": sentence("its private key opens there"),
    "unknown": sentence("whether its private key opens there is not known"),
    "not_examined": sentence("the host's certificate stores were not in the source, or not as a whole"),
    "unusable": sentence("Windows cannot open its private key"),
    "wrong_store": sentence("it lies in another store than 'Shielded VM Local Certificates'"),
    "no_private_key": sentence("it is there without a private key"),
    "absent": sentence("it is not there"),
}


@dataclass(frozen=True, slots=True)
class Host:
    """One host.

    Attributes:
        machine_id: Its number; 0 when no host is known.
        name: Computer name.
        mode: Where Hyper-V looks for guardians' keys.
        examined: Its certificate stores were there to read, as a whole.
        guardians: Rows of its stores by thumbprint, the guardians' store first.
        unreadable: Thumbprints of elements of its stores that cannot be read.
        reasons: Why the chain to a private key breaks, or cannot be told, by thumbprint, store and its scope.
        key_files: The computer's key files by SHA-256 of the public key: they stay when a certificate goes.
        opening: Those that Windows opens, of which no certificate is there.
    """

    machine_id: int = 0
    name: str | None = None
    mode: Mode = "unknown"
    examined: bool = False
    guardians: Mapping[str, tuple[GuardianRow, ...]] = field(default_factory=dict)
    unreadable: frozenset[str] = frozenset()
    reasons: Mapping[tuple[str | None, str, str | None], str] = field(default_factory=dict)
    key_files: Mapping[str, str] = field(default_factory=dict)
    opening: frozenset[str] = frozenset()

    def key_file(self, thumbprint: str | None, public_key_sha256: str | None) -> str | None:
        """Return the key file of a certificate that the host does not have any more."""
        return self.key_files.get(public_key_sha256 or "") if self.state(thumbprint) == "absent" else None

    def row(self, thumbprint: str | None) -> GuardianRow | None:
        """Return what the host has of a certificate, from the guardians' store where it is there."""
        return next(iter(self.guardians.get(thumbprint or "", ())), None)

    def state(self, thumbprint: str | None) -> State:
        """Say what the host has of a certificate; of one that could not be read nothing is known."""
        if not thumbprint:
            return "unknown"
        row = self.row(thumbprint)
        if thumbprint in self.unreadable and (row is None or row.origin != "store"):
            return "unknown"
        if row is None:
            return "absent" if self.examined else "not_examined"
        # A certificate that names no key has none for Windows, even where no key file was there to examine.
        if row.verdict == "unusable" and (
            row.has_key_file is False or (row.has_key_file is None and row.broken_at == "claim")
        ):
            return "no_private_key"
        if row.origin == "wrong_store":
            return "wrong_store"
        return "usable" if row.verdict == "usable" else "unusable" if row.verdict == "unusable" else "unknown"

    def why(self, thumbprint: str | None, public_key_sha256: str | None = None) -> str:
        """Say in half a sentence what the host has of a certificate, whose key does not surely open there."""
        state, row = self.state(thumbprint), self.row(thumbprint)
        if self.key_file(thumbprint, public_key_sha256) is not None:
            return sentence("it is not there any more, but a key file with its public key is")
        if state == "unknown" and thumbprint in self.unreadable:
            return sentence("its entry in a certificate store of the host cannot be read")
        if state == "no_private_key" and row is not None and row.has_key_file is None:
            return sentence("it is there and names no private key; whether one lies beside it was not there to examine")
        reason = row and self.reasons.get((row.thumbprint, (row.store or "").lower(), row.store_scope))
        if state in ("unusable", "unknown") and reason:
            return sentence("{why}: {reason}", why=_WHY[state], reason=reason)
        return _WHY[state]

    def not_after(self, thumbprint: str | None) -> datetime | None:
        """Return when a certificate of the host ends."""
        row = self.row(thumbprint)
        return row.not_after if row else None


def host_of(machine_id: int, name: str | None, guardians: Iterable[GuardianRow], rows: Iterable[Row]) -> Host:
    """Make a host of its rows.

    Args:
        machine_id: Its number.
        name: Computer name.
        guardians: Rows of one machine.
        rows: Rows of the same machine; of tables coverage, key_chain, key_file and policy.
    """
    policies: list[PolicyRow] = []
    unreadable: set[str] = set()
    reasons: dict[tuple[str | None, str, str | None], str] = {}
    coverage: list[CoverageRow] = []
    key_files: dict[str, str] = {}
    opening: set[str] = set()
    for row in rows:
        if isinstance(row, PolicyRow):
            policies.append(row)
        elif isinstance(row, KeyChainRow):
            reasons[row.thumbprint, (row.store or "").lower(), row.store_scope] = row.reason or ""
            if row.thumbprint is None and row.verdict == "usable" and row.key_file_path is not None:
                opening.add(row.key_file_path)
        elif isinstance(row, KeyFileRow):
            # Of two of one key the one that Windows looks for.
            if (
                row.scope == "machine"
                and row.public_key_sha256
                and (row.guid_is_current or row.public_key_sha256 not in key_files)
            ):
                key_files[row.public_key_sha256] = row.path
        elif isinstance(row, CoverageRow):
            coverage.append(row)
            if row.area == "certificate" and row.outcome in ("unreadable", "not_examined"):
                unreadable.add(row.name)
    by_thumbprint: dict[str, list[GuardianRow]] = {}
    for guardian in guardians:
        if guardian.origin in ("store", "wrong_store") and guardian.thumbprint:
            by_thumbprint.setdefault(guardian.thumbprint, []).append(guardian)
    # The guardians' store counts; of several others the one whose key is there.
    ordered = {
        t: tuple(sorted(rows, key=lambda r: (r.origin != "store", r.has_key_file is False)))
        for t, rows in by_thumbprint.items()
    }
    # A certificate that was not found may stand in the logs of a torn SOFTWARE, or beyond what an export of it holds.
    examined = Coverage(machine_id, rows=coverage).saw_store().state == "present"
    return Host(
        machine_id,
        name,
        _mode(examined, policies),
        examined,
        ordered,
        frozenset(unreadable),
        reasons,
        key_files,
        frozenset(opening),
    )


def _mode(examined: bool, policies: Iterable[PolicyRow]) -> Mode:
    """Local mode is what both service addresses absent or empty mean; nowhere documented, but what the names say."""
    services = {"remoteattestationservice", "kdsservice"}
    values = {p.name.lower(): p.value.strip() for p in policies if p.area == "hgs_client"}
    if any(values.get(service) for service in services):
        return "hgs"
    return "local" if examined else "unknown"
