"""Tables master_key and secret: facts about secrets, never a secret."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from forensics.late_methods import dataclass
from forensics.tables.answer import Answer
from forensics.tables.outcome import State
from forensics.tables.row import Row, column

MasterKeyOutcome = Literal["present", "unreadable", "not_examined"]
Half = Literal["machine", "user"]
UnlockedBy = Literal["current", "previous", "password", "domain_key", "nothing", "not_tried"]
DomainKeyFound = Literal["opens", "does_not_open", "not_tried"]
Generation = Literal["current", "previous"]
Opener = Literal["dpapi_system", "password", "nt_hash", "domain_key", "cloudap"]
OpenedWith = Literal["given_password", "given_nt_hash", "empty_password", "tbal", "credhist", "domain_key"]
GivenPassword = Literal["none", "todays", "another", "cached", "unknown"]
HeldSecret = Literal["sam", "cached", "credhist", "tbal"]
MissingSecret = Literal["password", "older_password", "domain_key", "cloudap"]


@dataclass(kw_only=True, slots=True)
class MasterKeyRow(Row):
    """One DPAPI master key file."""

    table: ClassVar[str] = "master_key"
    description: ClassVar[str] = "DPAPI master keys: whose, how protected, and which secret opens them"

    guid: str = column("GUID, lower case, from the file name")
    path: str = column("Path in the source")
    owner_sid: str | None = column("SID of the Protect folder", None)
    half: Half | None = column("half of DPAPI_SYSTEM that protects it; null for user keys", None)
    outcome: MasterKeyOutcome = column(
        "unreadable: empty, damaged or with another GUID inside; not_examined: its content was not got", "present"
    )
    flags: int | None = column("Policy flags of the file", None)
    rounds: int | None = column("PBKDF2 rounds of the master section", None)
    hash_algorithm: str | None = column("Hash of the key derivation", None)
    cipher_algorithm: str | None = column("Cipher of the sections", None)
    has_backup: bool | None = column("Backup section is there", None)
    has_credhist: bool | None = column("CREDHIST section is there", None)
    has_domain_backup: bool | None = column("Domain-backup section is there: the domain can recover it", None)
    domain_key_guid: str | None = column("Domain backup key that can open it", None)
    domain_key_version: int | None = column(
        "Version of that section: 2 (3DES and SHA-1 inside) or 3 (AES-256 and SHA-512); others are not published", None
    )
    domain_key: DomainKeyFound = column(
        "what the given domain backup keys did with its domain section; not tried where something else opened it",
        "not_tried",
    )
    domain_key_from: str | None = column(
        "Disk of the domain controller whose directory (NTDS.dit) gave the domain backup key that was tried; null: none "
        "did, or none was needed",
        None,
    )
    domain_keys_given: list[str] = column(
        "GUIDs of the domain backup keys that do not open it, where they are known: as their files are named",
        factory=list,
    )
    opens_with: list[Opener] = column(
        "each of these opens it, by whose it is and how it is protected. password: the one that its user had when it was "
        "last protected; nt_hash: that of the same password, of accounts of a domain; cloudap: likely a secret that "
        "Windows has from Entra ID",
        factory=list,
    )
    unlocked_by: UnlockedBy = column("what opened it; it is tried only when a key needs it", "not_tried")
    opened_with: OpenedWith | None = column(
        "which secret that was, of a user's. tbal: what automatic sign-on after a restart keeps in the LSA secrets; "
        "credhist: an earlier password, to which the file CREDHIST leads",
        None,
    )
    given_password: GivenPassword = column(
        "the password given for its user (or NT hash, where that could open it), tested against SAM. another: it is "
        "not today's; cached: of a domain's user, it is that of a sign-in here which Windows keeps",
        "none",
    )
    disk_holds: list[HeldSecret] = column(
        "what this disk holds of its user's passwords, where a key needs it. sam: the NT hash of today's, which opens no key "
        "of a local account; cached: only a test for that of a sign-in; tbal: of a local user, whose is not known before it opens",
        factory=list,
    )
    credhist: State | None = column(
        "its user's file CREDHIST, which leads from one password to those before; null: not looked for", None
    )
    credhist_passwords: int | None = column("Number of earlier passwords in it; null: not read", None)
    credhist_opened: int | None = column(
        "How many of these what is known here opened; null: not read, or not tried to the end", None
    )
    missing_secret: list[MissingSecret] = column(
        "any one of these would open a user's master key that a key needs and that nothing here opened. older_password: "
        "the one given is today's, or that of the last sign-in, and does not open it",
        factory=list,
    )
    opened_with_half: Half | None = column("half of DPAPI_SYSTEM that opened it", None)
    intact: Answer = column("what the backup section proves", "unknown")
    preferred: bool | None = column("Named by the Preferred file of its folder", None)
    preferred_until: datetime | None = column("Renewal date in the Preferred file, UTC", None)
    file_owner: str | None = column("Owner SID of the file; null: not in the source", None)
    acl: str | None = column("ACL summary: SID:rights, comma separated; null: not in the source", None)
    system_can_read: bool | None = column(
        "The access list lets SYSTEM read the file; null: not in the source, or it rests on groups whose members are not "
        "on the disk",
        None,
    )
    denied_by: list[str] = column("SIDs of the entries of the access list that deny SYSTEM reading", factory=list)
    denial_inherited: bool = column("One of these entries comes from the folder above", False)
    created: datetime | None = column("File creation, UTC", None)
    modified: datetime | None = column("File modification, UTC", None)

    @property
    def is_of_virtual_account(self) -> bool:
        """Windows made its user by the name of a service or of a pool of IIS: nobody has a password of such."""
        return self.owner_sid is not None and self.owner_sid.startswith(("S-1-5-80-", "S-1-5-82-"))


@dataclass(kw_only=True, slots=True)
class SecretRow(Row):
    """One LSA secret generation."""

    table: ClassVar[str] = "secret"
    description: ClassVar[str] = (
        "DPAPI_SYSTEM, current and previous: whether it is there, sound, and since when; never its value"
    )

    name: str = column("DPAPI_SYSTEM")
    generation: Generation = column("of CurrVal or of OldVal")
    outcome: State = column("whether its value is there and can be read")
    validated: bool = column("The boot key opened PolEKList and the secret has length 44 and version 1", False)
    fingerprint: str | None = column("SHA-256 of the 40 secret bytes, lower hex", None)
    machine_fingerprint: str | None = column("SHA-256 of the machine half, lower hex", None)
    user_fingerprint: str | None = column("SHA-256 of the user half, lower hex", None)
    set_at: datetime | None = column("CupdTime or OupdTime, UTC", None)
