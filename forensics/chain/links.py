"""The links of one chain as they were judged, and the verdict that follows from them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import field
from typing import get_args

from forensics.chain.access import account_name
from forensics.chain.ground import Ground, reasons
from forensics.chain.proof import Proof
from forensics.chain.tried_passwords import doubt_of, doubt_of_entra
from forensics.collectors.evidence import KeyFileEvidence
from forensics.formats.shut_out import ShutOut
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.tables.key_chain import (
    Access,
    ChainLink,
    KeyFileFound,
    KeyVerdict,
    KnownBy,
    ProviderKind,
    PublicKeyFound,
)
from forensics.tables.outcome import PRESENT, Outcome
from forensics.tables.shadow_path import shadow_copy_of

_ORDER: tuple[ChainLink, ...] = get_args(ChainLink)
_FOLLOW_THE_CLAIM = ("claim", "provider", "key_file", "public_key")

NO_FILE_THERE = sentence("there is no key file where the certificate's link leads")
UNREADABLE_FILE = sentence("the key file is empty, truncated or lies about its lengths")


def foreign_suffix(suffix: str | None, machine_guid: str | None) -> str:
    """Say that a key file carries another machine's GUID in its name."""
    return sentence(
        "the key file is named for MachineGuid {suffix}; this machine's is {machine_guid}",
        suffix=suffix,
        machine_guid=machine_guid,
    )


@dataclass(frozen=True, slots=True)
class Fault:
    """A link that is broken if what it rests on is true: the reason, and how far the place of that was seen."""

    reason: str
    rests_on: Outcome


@dataclass(slots=True)
class Links:
    """One chain under judgement.

    Attributes:
        kind: Value of ``provider_kind``, None when the certificate names no provider.
        scope: Scope of the key: machine, system, service or user.
        ground: What was seen of the places that the chain rests on.
        key_file: Value of the column.
        file: The key file judged.
        public_key: Value of the column.
        access: Value of the column.
        shut_out: SID that the access list shuts out, or of which the disk does not tell whether it does.
        denials: What shuts those out who use the key.
        proof: What the file's blobs proved.
        faults: What is broken, by link, if its ground holds.
        is_the_right_key: The private key is known to be the certificate's; a file without certificate has no other.
        only_opening_showed: The public half in clear says nothing of the mismatch; the opened key does.
        guid_known: MachineGuid is known, so that a file's suffix could be judged.
        by_way_of_cng: The certificate leads to a key of CryptoAPI with provider type 0, which CNG answers.
        name_of: Returns what reasons call the account of a SID.
    """

    kind: ProviderKind | None = None
    scope: str = "machine"
    ground: Ground = field(default_factory=Ground)
    key_file: KeyFileFound = "not_examined"
    file: KeyFileEvidence | None = None
    public_key: PublicKeyFound = "not_examined"
    access: Access = "not_examined"
    shut_out: str | None = None
    denials: ShutOut = field(default_factory=ShutOut)
    proof: Proof = field(default_factory=Proof)
    faults: dict[ChainLink, Fault] = field(default_factory=dict)
    is_the_right_key: bool = True
    only_opening_showed: bool = False
    guid_known: bool = True
    by_way_of_cng: bool = False
    name_of: Callable[[str], str] = account_name

    def break_at(self, link: ChainLink, reason: str, rests_on: Outcome = PRESENT) -> None:
        """Mark a link as broken; the first reason for it stands.

        Args:
            link: Value of ``broken_at``.
            reason: One sentence without its full stop.
            rests_on: What was seen of the place that says so; what stands in a place seen in part decides nothing.
        """
        self.faults.setdefault(link, Fault(reason, rests_on))

    def leave_open(self, link: ChainLink, why: str) -> None:
        """Mark a link of which nobody can say whether it is broken: the verdict is unknown, for this reason."""
        self.break_at(link, why, Outcome("partial", why))

    def break_at_suffix(self, machine_guid: str | None) -> None:
        """Mark the file's name as another machine's."""
        if self.file is not None:
            self.break_at("key_file", foreign_suffix(self.file.row.name_guid, machine_guid), self.ground.identity)

    @property
    def broken(self) -> dict[ChainLink, str]:
        """Broken links with the reason for each: the faults whose ground holds."""
        return {link: fault.reason for link, fault in self.faults.items() if not self._doubts_of(link, fault)}

    def _doubts_of(self, link: ChainLink, fault: Fault) -> list[Outcome]:
        """Say what was not seen whole of what a fault rests on.

        A file that holds the certificate's public key is its key's file whatever the certificate's link says, so what
        is wrong with that file, its access list, its master key and its blob stands.
        """
        follows = link in _FOLLOW_THE_CLAIM or self.public_key != "match"
        mixed = [self.ground.mixed] if self.ground.mixed else []
        grounds = [*mixed, fault.rests_on, *([self.ground.claim] if follows else [])]
        return [outcome for outcome in grounds if outcome.state == "partial"]

    @property
    def broken_at(self) -> ChainLink | None:
        """The first broken link."""
        return self.first_broken()

    def first_broken(self, apart_from: Collection[ChainLink] = ()) -> ChainLink | None:
        """Return the first broken link of those that count."""
        return min((link for link in self.broken if link not in apart_from), key=_ORDER.index, default=None)

    @property
    def verdict(self) -> KeyVerdict:
        """Would Windows on this disk open this key now: usable, unusable or unknown."""
        if self.broken:
            return "unusable"
        if self.faults or self.proof.master_key_doubt or self._access_is_open:
            return "unknown"
        proved = self.proof.private_key == "proved" and self.proof.unlocked_by != "previous" and self.is_the_right_key
        proved = (
            proved
            and self.proof.older_hives is None
            and self.password_doubt is None
            and self.proof.master_key_under is None
        )
        can_be_found = self.key_file == "present" and self.guid_known
        return "usable" if proved and can_be_found and not self._service_is_unknown else "unknown"

    @property
    def _service_is_unknown(self) -> bool:
        """CNG opens keys by a service, and whether that is disabled was not there to read."""
        return (self.kind == "cng" or self.by_way_of_cng) and self.ground.services.state in (
            "not_examined",
            "unreadable",
        )

    @property
    def _waits_for_user(self) -> bool:
        """What is missing first is the password of the key's user, which is on no disk."""
        return self.scope == "user" and self.proof.private_key == "locked" and self.proof.master_key == "present"

    @property
    def _access_is_open(self) -> bool:
        """The disk holds an access list, and it was not got, or rests on memberships that are not on this disk."""
        return self.access == "not_examined" and (self.shut_out is not None or self._access_unread is not None)

    @property
    def _access_unread(self) -> str | None:
        return self.file.access_unread if self.file is not None else None

    @property
    def is_unread(self) -> bool:
        """The key file is there, and its content was not got."""
        return self.file is not None and self.file.row.outcome == "not_examined"

    @property
    def doubt(self) -> str | None:
        """Why a chain is undecided for want of evidence that was seen whole; None where nothing of that kind does."""
        if self.broken:
            return None
        suspected = [outcome for link, fault in self.faults.items() for outcome in self._doubts_of(link, fault)]
        services = [self.ground.services] if self._service_is_unknown and not self._waits_for_user else []
        services += [self.ground.mixed] if self.ground.mixed else []
        # Without MachineGuid it is not known which file Windows would open.
        lost = [] if self.guid_known or self.key_file != "present" else list(self._lost_identity())
        return reasons([*self._unread(), *suspected, *services, *lost])

    def _lost_identity(self) -> Iterator[Outcome]:
        if not self.ground.identity.is_whole:
            yield self.ground.identity
        if self.ground.no_guid is not None:
            yield Outcome("not_examined", self.ground.no_guid)

    @property
    def password_doubt(self) -> str | None:
        """What a given password leaves open of a user's key: today's and that of the master key may be two."""
        proof = self.proof
        if proof.master_key != "present":
            return None
        owner = self.file.row.owner_sid if self.file else None
        return doubt_of_entra(owner, proof.unlocked_by) or doubt_of(proof.unlocked_by, proof.tried)

    def _unread(self) -> Iterator[Outcome]:
        """Yield what is there and was not got, with the reason."""
        if self.file is not None and self.is_unread:
            yield Outcome(
                "not_examined",
                sentence("the key file could not be read: {unread_because}", unread_because=self.file.unread_because),
            )
        if self._access_unread is not None and not self.is_unread:
            yield Outcome(
                "not_examined",
                sentence(
                    "the access list of the key file could not be read: {access_unread}",
                    access_unread=self._access_unread,
                ),
            )
        if self._access_is_open and self.shut_out is not None:
            who = self.name_of(self.shut_out)
            why = sentence(
                "whether the access list of the key file lets in {who} rests on what is not known of its groups",
                who=who,
            )
            yield Outcome("not_examined", why)
        proof = self.proof
        if proof.master_key_under is not None:
            why = sentence(
                "master key {master_key_guid} lies in the folder of {master_key_under}, likely an earlier "
                "account of this user; whether Windows looks there is not published",
                master_key_guid=proof.master_key_guid,
                master_key_under=proof.master_key_under,
            )
            yield Outcome("not_examined", why)
        if self.password_doubt is not None:
            yield Outcome("not_examined", self.password_doubt)
        if proof.master_key_unread is not None:
            why = sentence(
                "master key {master_key_guid} could not be read: {master_key_unread}",
                master_key_guid=proof.master_key_guid,
                master_key_unread=proof.master_key_unread,
            )
            yield Outcome("not_examined", why)
        if proof.master_key_doubt is not None:
            yield Outcome("not_examined", proof.master_key_doubt)
        if self.scope != "user" and proof.master_key == "present" and proof.unlocked_by == "not_tried":
            yield from [Outcome("not_examined", self.ground.no_secret)] if self.ground.no_secret else []

    @property
    def known_by(self) -> KnownBy:
        """How the verdict is known."""
        at = self.broken_at
        if at is None:
            return self._known_without_break()
        if (at in ("secret", "private_key") and self.proof.unlocked_by != "not_tried") or (
            at == "public_key" and self.only_opening_showed
        ):
            return "decryption"
        if at == "public_key" or (at == "claim" and self.public_key == "match"):
            return "public_key"
        return "inference"

    def _known_without_break(self) -> KnownBy:
        if (
            self.proof.private_key in ("proved", "damaged", "sealed_vbs", "needs_pin")
            and self.proof.unlocked_by != "not_tried"
        ):
            return "decryption"
        return "public_key" if self.public_key in ("match", "mismatch") else "inference"

    def judge_steps(self, key_iso_fault: str | None) -> None:
        """Break the links that access, secrets, arithmetic and services break.

        Args:
            key_iso_fault: Why the service CNG Key Isolation does not start; None where it does.
        """
        proof = self.proof
        if self.access == "denied":
            who = self.name_of(self.shut_out) if self.shut_out else sentence("an account")
            self.break_at(
                "access", sentence("the access list of the key file shuts out {who}, which must read it", who=who)
            )
        if proof.master_key in ("absent", "unreadable"):
            self.break_at("master_key", _fate_of_master_key(proof))
        self._judge_secret()
        if proof.private_key == "damaged":
            self.break_at("private_key", sentence("the private key's DPAPI blob is damaged"))
        elif proof.private_key == "sealed_vbs" and proof.per_boot:
            self.break_at("private_key", sentence("the key lived for one boot only (VBS per-boot key)"))
        if proof.not_modelled:
            not_modelled = sentence(
                "the key's DPAPI blob opens and is whole; its {what} is not modelled, so the key in it is not checked",
                what=proof.not_modelled,
            )
            self.leave_open("private_key", not_modelled)
        if key_iso_fault is not None and self.kind == "cng":
            self.break_at("service", key_iso_fault, self.ground.services)
        elif key_iso_fault is not None and self.by_way_of_cng:
            by_way_of_cng = sentence(
                "{fault}, and the certificate leads to its CryptoAPI container by way of CNG (provider type 0): likely "
                "Windows does not open it; that is published of keys of CNG only",
                fault=key_iso_fault,
            )
            self.leave_open("service", by_way_of_cng)

    def _judge_secret(self) -> None:
        """A user's password may merely be unknown, so only DPAPI_SYSTEM can break here."""
        proof = self.proof
        if proof.unlocked_by == "previous":
            opened = sentence(
                "master key {guid} opens only with the previous DPAPI_SYSTEM (OldVal), which Windows no longer uses",
                guid=proof.master_key_guid,
            )
            self.break_at("secret", opened, self.ground.secret)
        elif proof.unlocked_by == "nothing" and self.scope != "user":
            self.break_at("secret", _unopened(proof), self.ground.secret)
        elif proof.unlocked_by == "domain_key" and self.scope != "user":
            by_domain_only = sentence(
                "master key {guid} opens with the backup key of the domain; that DPAPI_SYSTEM, with which Windows "
                "opens it, does so too was not shown",
                guid=proof.master_key_guid,
            )
            self.leave_open("secret", by_domain_only)


def _unopened(proof: Proof) -> str:
    """Say that no DPAPI_SYSTEM of today opens a master key."""
    if proof.older_hives is None:
        if proof.master_key_waits is None:
            return sentence("no DPAPI_SYSTEM secret on this disk opens master key {guid}", guid=proof.master_key_guid)
        return sentence("no DPAPI_SYSTEM secret that could be read opens master key {guid}", guid=proof.master_key_guid)
    if shadow_copy_of(proof.older_hives):
        return sentence(
            "only the DPAPI_SYSTEM of the hives in {path} opens master key {guid}; Windows no longer has that secret",
            path=proof.older_hives,
            guid=proof.master_key_guid,
        )
    return sentence(
        "only the DPAPI_SYSTEM of the backup hives in {path} opens master key {guid}; Windows no longer has that "
        "secret",
        path=proof.older_hives,
        guid=proof.master_key_guid,
    )


def _fate_of_master_key(proof: Proof) -> str:
    """Say what became of a master key that is not at home, or is of no use there."""
    guid, elsewhere = proof.master_key_guid, proof.master_key_elsewhere
    if proof.master_key == "unreadable":
        if elsewhere is not None:
            return sentence(
                "master key {guid} cannot be read; a file of it lies in {elsewhere}", guid=guid, elsewhere=elsewhere
            )
        return sentence("master key {guid} cannot be read", guid=guid)
    if elsewhere is not None:
        return sentence(
            "master key {guid} is not where Windows looks for it; a file of it lies in {elsewhere}",
            guid=guid,
            elsewhere=elsewhere,
        )
    if proof.master_key_waits is None:
        return sentence("master key {guid} is not on this disk", guid=guid)
    return sentence("master key {guid} is not where Windows looks for it", guid=guid)
