"""The links of one chain as they were judged, and the verdict that follows from them."""

from __future__ import annotations

from dataclasses import dataclass, field

from forensics.chain.access import account_name
from forensics.chain.proof import Proof
from forensics.collectors.evidence import KeyFileEvidence

_ORDER = ("claim", "provider", "key_file", "public_key", "access", "master_key", "secret", "private_key", "service")

UNREADABLE_FILE = "the key file is empty, truncated or lies about its lengths"


def foreign_suffix(suffix: str | None, machine_guid: str | None) -> str:
    """Say that a key file carries another machine's GUID in its name."""
    return f"the key file is named for MachineGuid {suffix}; this machine's is {machine_guid}"


@dataclass(slots=True)
class Links:
    """One chain under judgement.

    Attributes:
        kind: Value of ``provider_kind``, None when the certificate names no provider.
        scope: Scope of the key: machine, system, service or user.
        key_file: Value of the column.
        file: The key file judged.
        public_key: Value of the column.
        access: Value of the column.
        shut_out: SID that the access list shuts out, if it does.
        proof: What the file's blobs proved.
        broken: Broken links with the reason for each.
        secret_settled: SECURITY was whole; in a torn one the current secret may stand in a log that was not there.
        guid_settled: SOFTWARE was whole; a torn one's MachineGuid may be that of yesterday.
        services_known: SYSTEM was there to tell whether CNG Key Isolation is disabled; a torn one tells only of no.
        is_the_right_key: The private key is known to be the certificate's; a file without certificate has no other.
        only_opening_showed: The public half in clear says nothing of the mismatch; the opened key does.
        guid_known: MachineGuid is known, so that a file's suffix could be judged.
    """

    kind: str | None = None
    scope: str = "machine"
    key_file: str = "not_examined"
    file: KeyFileEvidence | None = None
    public_key: str = "not_examined"
    access: str = "not_examined"
    shut_out: str | None = None
    proof: Proof = field(default_factory=Proof)
    broken: dict[str, str] = field(default_factory=dict)
    secret_settled: bool = True
    guid_settled: bool = True
    services_known: bool = True
    is_the_right_key: bool = True
    only_opening_showed: bool = False
    guid_known: bool = True

    def break_at_suffix(self, machine_guid: str | None) -> None:
        """Mark the file's name as another machine's, where it is certain which MachineGuid is this one's."""
        if self.guid_settled and self.file is not None:
            self.break_at("key_file", foreign_suffix(self.file.row.name_guid, machine_guid))

    def break_at(self, link: str, reason: str) -> None:
        """Mark a link as broken; the first reason for it stands."""
        self.broken.setdefault(link, reason)

    @property
    def broken_at(self) -> str | None:
        """The first broken link."""
        return next((link for link in _ORDER if link in self.broken), None)

    @property
    def verdict(self) -> str:
        """Would Windows on this disk open this key now: usable, unusable or unknown."""
        if self.broken:
            return "unusable"
        proved = self.proof.private_key == "proved" and self.proof.unlocked_by != "previous" and self.is_the_right_key
        can_be_found = self.key_file == "present" and self.guid_known
        can_be_served = self.services_known or self.kind != "cng"
        return "usable" if proved and can_be_found and can_be_served else "unknown"

    @property
    def known_by(self) -> str:
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

    def _known_without_break(self) -> str:
        if (
            self.proof.private_key in ("proved", "damaged", "sealed_vbs", "needs_pin")
            and self.proof.unlocked_by != "not_tried"
        ):
            return "decryption"
        return "public_key" if self.public_key in ("match", "mismatch") else "inference"

    def judge_steps(self, key_iso_disabled: bool) -> None:
        """Break the links that access, secrets, arithmetic and services break.

        Args:
            key_iso_disabled: The service CNG Key Isolation has start type 4.
        """
        proof = self.proof
        if self.access == "denied":
            who = account_name(self.shut_out) if self.shut_out else "an account"
            self.break_at("access", f"the access list of the key file shuts out {who}, which must read it")
        if proof.master_key in ("absent", "unreadable"):
            state = "is not on this disk" if proof.master_key == "absent" else "cannot be read"
            self.break_at("master_key", f"master key {proof.master_key_guid} {state}")
        self._judge_secret()
        if proof.private_key == "damaged":
            self.break_at("private_key", "the private key's DPAPI blob is damaged")
        elif proof.private_key == "sealed_vbs" and proof.per_boot:
            self.break_at("private_key", "the key lived for one boot only (VBS per-boot key)")
        if self.kind == "cng" and key_iso_disabled:
            self.break_at("service", "the service CNG Key Isolation (KeyIso) is disabled")

    def _judge_secret(self) -> None:
        """A user's password may merely be unknown, so only DPAPI_SYSTEM can break here."""
        proof = self.proof
        if not self.secret_settled:
            return
        if proof.unlocked_by == "previous":
            opened = f"master key {proof.master_key_guid} opens only with the previous DPAPI_SYSTEM (OldVal)"
            self.break_at("secret", f"{opened}, which Windows no longer uses")
        elif proof.unlocked_by == "nothing" and self.scope != "user":
            self.break_at("secret", f"no DPAPI_SYSTEM secret on this disk opens master key {proof.master_key_guid}")
