"""Table key_chain: the contract; names and values are exact."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from forensics.late_methods import dataclass
from forensics.tables.answer import Answer
from forensics.tables.certificate import Standing, StoreScope
from forensics.tables.history import HistoryWitness, Loss
from forensics.tables.row import Row, column
from forensics.tables.secrets import UnlockedBy

ProviderKind = Literal["capi", "cng", "tpm", "smart_card", "other"]
KeyFileFound = Literal["present", "other_machine_guid", "absent", "unreadable", "not_examined", "not_applicable"]
PublicKeyFound = Literal["match", "mismatch", "not_stored", "not_examined"]
Access = Literal["ok", "denied", "too_open", "not_examined"]
MasterKeyFound = Literal["present", "absent", "unreadable", "not_examined"]
PrivateKeyFound = Literal["proved", "damaged", "locked", "sealed_tpm", "sealed_vbs", "needs_pin", "not_examined"]
ChainLink = Literal[
    "claim", "provider", "key_file", "public_key", "access", "master_key", "secret", "private_key", "service"
]
KeyVerdict = Literal["usable", "unusable", "unknown"]
KnownBy = Literal["decryption", "public_key", "inference"]
HangsOn = Literal["deleted_file", "shadow_copy"]

REQUEST = "REQUEST"
"""Store of requests for certificates that were made here, upper case."""


@dataclass(kw_only=True, slots=True)
class KeyChainRow(Row):
    """One certificate that names or should have a key, or one key file that no certificate names."""

    table: ClassVar[str] = "key_chain"
    description: ClassVar[str] = (
        "Each private key judged link by link: would Windows on this disk open it now, and if not, where it breaks"
    )

    thumbprint: str | None = column(
        "SHA-1 of the certificate, upper hex; null for a key file without certificate", None
    )
    subject: str | None = column("Subject of the certificate", None)
    store: str | None = column("Certificate store", None)
    store_scope: StoreScope | None = column("whose store it is", None)
    owner_sid: str | None = column("Whose store or key it is", None)
    not_before: datetime | None = column("Valid from, UTC", None)
    not_after: datetime | None = column("Valid until, UTC", None)
    container: str | None = column("Key container", None)
    provider: str | None = column("Provider named by the certificate", None)
    provider_kind: ProviderKind | None = column("what kind of provider that is", None)
    key_file: KeyFileFound = column("the file of the container in the folder where Windows looks", "not_examined")
    key_file_path: str | None = column("The key file that was judged", None)
    public_key: PublicKeyFound = column("that of the key file against the certificate's", "not_examined")
    access: Access = column("what the file's access list permits those who use the key, and others", "not_examined")
    denied_by: list[str] = column(
        "SIDs of the entries of the access list that deny reading to those who use the key and are shut out",
        factory=list,
    )
    denial_inherited: bool = column("One of these entries comes from the folder above", False)
    not_granted: list[str] = column(
        "SIDs of those who use the key and whom no entry lets read the file, were the denials gone", factory=list
    )
    master_key: MasterKeyFound = column("the file of master_key_guid", "not_examined")
    master_key_guid: str | None = column("Master key that the file's DPAPI blob names", None)
    unlocked_by: UnlockedBy = column(
        "what opened the master key: DPAPI_SYSTEM as it is or as it was, a password or hash, a domain's backup key",
        "not_tried",
    )
    backup_hives: str | None = column(
        "Folder of the backup hives (RegBack) whose DPAPI_SYSTEM opened the master key that no secret in use opens",
        None,
    )
    shadow_hives: str | None = column(
        "Folder of the hives in a shadow copy whose DPAPI_SYSTEM opened the master key that no secret in use opens",
        None,
    )
    private_key: PrivateKeyFound = column(
        "what came of opening it: proved to belong to the certificate's public key, or why it was not", "not_examined"
    )
    exportable: Answer = column("as in key_file", "unknown")
    verdict: KeyVerdict = column("would Windows on this disk open this key now", "unknown")
    broken_at: ChainLink | None = column("the first link that is broken; null: none is, or it is not known", None)
    recoverable: bool | None = column(
        "The private key can be had from this disk although Windows would not open it", None
    )
    known_by: KnownBy = column("what the verdict rests on", "inference")
    recoverable_from: str | None = column(
        "Key file that holds the private key, when it is another than key_file_path", None
    )
    recoverable_deleted: bool | None = column(
        "recoverable_from is a deleted file, whose content nobody has overwritten yet; no command of Windows can name it",
        None,
    )
    recoverable_shadow_copy: str | None = column(
        "Shadow copy (`shadow_copy.id`) in which recoverable_from lies; no command of Windows can name the file", None
    )
    recoverable_exportable: Answer | None = column("whether recoverable_from lets its key be exported", None)
    recoverable_on: int | None = column(
        "Installation (`machine.machine_id`) of recoverable_from, when it is another one of the same source",
        None,
        names_machine=True,
    )
    recoverable_master_key: str | None = column(
        "File of the master key that opened recoverable_from, outside of where Windows looks for it; null: none had to",
        None,
    )
    recoverable_hives: str | None = column(
        "Folder of the hives of an older state (RegBack, or in a shadow copy) whose DPAPI_SYSTEM opened the master key "
        "of recoverable_from; null: none had to",
        None,
    )
    hangs_on: HangsOn | None = column(
        "what Windows may overwrite or delete of that by which the key is had, be it key file, master key or hives; "
        "null: none of it, or the key is not had",
        None,
    )
    restore_to: str | None = column(
        "Path at which Windows looks for recoverable_from, a copy that has the very name it looks for and opens with "
        "the secrets of today; null: it is not looked for under that name, or not known",
        None,
    )
    recovery_doubt: str | None = column(
        "Why recoverable is not known: what of the disk was not searched, or which secret is not at hand", None
    )
    recovery_place: str | None = column(
        "recoverable_from as Windows writes it; of another installation with its computer, volume and folder", None
    )
    key_copy: str | None = column(
        "Another key file with the certificate's public key, which does not open with what is on this disk; "
        "told where the key was not had",
        None,
    )
    key_copy_on: int | None = column(
        "Installation (`machine.machine_id`) of key_copy, when it is another one of the same source",
        None,
        names_machine=True,
    )
    key_copy_needs: str | None = column("Master key that key_copy needs", None)
    key_copy_hangs_on: HangsOn | None = column("where key_copy lies, if Windows may overwrite or delete it there", None)
    master_key_copy: str | None = column(
        "File of master_key_guid outside of where Windows looks for it, or beside a damaged one: the one that opens, "
        "else any that is whole",
        None,
    )
    master_key_copy_deleted: bool | None = column("master_key_copy is a deleted file", None)
    master_key_shadow_copy: str | None = column("Shadow copy (`shadow_copy.id`) in which master_key_copy lies", None)
    copy_opens: bool | None = column("master_key_copy opens with what is known here", None)
    lost_at: datetime | None = column(
        "When a file that the key needs was deleted, renamed or moved away, UTC, as the change journal tells; null: not "
        "told to the second",
        None,
    )
    lost_by: Loss | None = column("what happened to that file then", None)
    lost_file: str | None = column("Its name", None)
    lost_folder: str | None = column("Its folder by its path in the source; null: not one that is there now", None)
    lost_together: int | None = column(
        "Other files that were deleted with it, in the same folder within ten seconds; null: it is not told to be gone",
        None,
    )
    lost_seconds: int | None = column("In how many seconds these were deleted, rounded up; null: there are none", None)
    lost_after: datetime | None = column(
        "Last time before the loss at which a witness says that the file was there, UTC; null: none says so", None
    )
    lost_after_witness: HistoryWitness | None = column("what tells that time", None)
    lost_before: datetime | None = column(
        "First time after lost_after at which a witness says that it was there no more, or that another file had its "
        "name, UTC; null: none says so, or lost_at is told",
        None,
    )
    lost_before_witness: HistoryWitness | None = column("what tells that time", None)
    lost_doubt: str | None = column("What speaks against these times, one sentence; null: nothing that was seen", None)
    lost_told: str | None = column(
        "These columns in words, with the witnesses, to follow the name of the file; null: no witness tells", None
    )
    reason: str = column("The verdict in one sentence, with this disk's values", "")
    standing: Standing = column("as in certificate; a key file without certificate: unused", "unused")

    @property
    def is_request(self) -> bool:
        """It is a request for a certificate, whose place a throw-away certificate holds until the answer comes."""
        return (self.store or "").upper() == REQUEST

    @property
    def is_missed(self) -> bool:
        """Somebody may miss it: nothing has taken over from it, and it was not made for a day only."""
        return self.standing in ("in_use", "unused")

    def is_in_force(self, as_of: datetime) -> bool:
        """Tell whether it has not ended at a time; what has no end has not."""
        ends = self.ends
        return ends is None or ends >= as_of

    def rank(self, as_of: datetime) -> int:
        """Return how much it matters, 0 the most: what is in use before what is not, what is in force before the rest."""
        if not self.is_missed:
            return 4 if self.standing == "superseded" else 5
        return (0 if self.standing == "in_use" else 2) + (not self.is_in_force(as_of))

    @property
    def ends(self) -> datetime | None:
        """When the certificate ends: as ``not_after``, but a request has no end that anybody waits for."""
        return None if self.is_request else self.not_after
