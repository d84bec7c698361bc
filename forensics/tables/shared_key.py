"""Table shared_key: private keys that lie on several of the computers examined together, and what each is for."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from forensics.late_methods import dataclass
from forensics.tables.answer import Answer
from forensics.tables.row import Row, column

KeyRole = Literal[
    "authority",
    "guardian",
    "user",
    "entra_device",
    "mdm",
    "configmgr",
    "exchange",
    "federation",
    "remote_desktop",
    "self_signed",
    "machine",
    "server",
    "other",
    "unnamed",
]
Holders = Literal["unrelated", "clones", "partly_clones", "same_computer", "generalized", "unknown"]


@dataclass(kw_only=True, slots=True)
class SharedKeyRow(Row):
    """One private key that lies on two or more installations, by the public half of its key files."""

    table: ClassVar[str] = "shared_key"
    description: ClassVar[str] = (
        "Private keys whose files lie on two or more of the installations examined together; machine_id is 0"
    )
    spans_machines: ClassVar[bool] = True

    public_key_sha256: str = column("SHA-256 of the SubjectPublicKeyInfo, lower hex, as in key_file")
    role: KeyRole = column(
        "what it is for, by the certificates that name it and who uses them; the first that fits. user: it lies in users' "
        "profiles; exchange: one for all servers by design (Auth, federation); machine: its certificate names one of the "
        "computers that have it; server: TLS under another name, or under the names of several of them; unnamed: no "
        "certificate names it"
    )
    subject: str | None = column("Subject of the certificate, that in use before others", None)
    thumbprints: list[str] = column(
        "Certificates of the key in stores of the computers that have it, upper hex SHA-1, 50 at most", factory=list
    )
    not_after: datetime | None = column(
        "When the first of the certificates in use ends, UTC; where none is in use, the first of all", None
    )
    used_by: list[str] = column("Consumers of these certificates, as in certificate.used_by", factory=list)
    in_use_on: int = column("On how many of the installations something uses such a certificate", 0)
    machines: int = column("On how many installations a file of the key lies in a folder of keys")
    holders: list[str] = column("These installations, by computer and disk, 50 at most", factory=list)
    proved_on: int = column("On how many of them the private key was opened and fits its public half", 0)
    dead_on: int = column("On how many of them it is known not to open: Windows there cannot use its file", 0)
    exportable: Answer = column("whether Windows lets it be exported on one of them", "unknown")
    users: list[str] = column("SIDs in whose profiles it lies, 50 at most; empty for keys of computers", factory=list)
    relation: Holders = column(
        "what those are that may use it: at least two computers of which none is seen to share an identity with another; "
        "computers that all do, as clones; computers of which some do; states of one computer; one computer, and a generalized image; it cannot be told"
    )
    in_tpm: bool = column("The files are of the TPM's provider: only the TPM that made the key can use them", False)
    tpms: list[str] = column(
        "Of such a key: endorsement keys (SHA-256) of two of these computers that differ, or the one that all have",
        factory=list,
    )
    tpm_holders: list[str] = column("The computer of each of these", factory=list)
