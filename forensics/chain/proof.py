"""Opens the private key in a key file and proves it by its own arithmetic."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import field

from forensics.chain.key_index import KeySlot
from forensics.chain.master_key_found import Unlocked
from forensics.chain.master_keys import MasterKeyRing
from forensics.chain.tried_passwords import TriedPasswords
from forensics.chain.vault import OpenedKey, open_vault
from forensics.chain.witness import Witness
from forensics.dpapi import dpapi
from forensics.dpapi.dpapi import OpenedBlob
from forensics.formats.capi_key import CapiKeyFile, CapiSlot
from forensics.formats.cng_key import CngKeyFile, CngPolicy, parse_cng_private_properties, parse_cng_properties
from forensics.formats.dpapi_blob import DpapiBlob
from forensics.formats.errors import FormatError
from forensics.formats.pcpkey import PcpBlob, PcpKeyFile, parse_pcp_blob
from forensics.formats.private_key import (
    DsaPrivateKey,
    EcPrivateKey,
    PrivateKey,
    RsaPrivateKey,
    UnmodelledKey,
    is_vbs_blob,
    parse_capi_private,
    parse_cng_private,
)
from forensics.formats.public_key import PublicKey
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.tables.answer import Answer
from forensics.tables.key_chain import MasterKeyFound, PrivateKeyFound
from forensics.tables.secrets import UnlockedBy

_MAGIC = re.compile(b"[A-Z]{3}[A-Z0-9]")
_NCRYPT_ALLOW_EXPORT, _NCRYPT_ALLOW_PLAINTEXT_EXPORT = 1, 2


@dataclass(slots=True)
class Proof:
    """What a key file's own blobs proved.

    Attributes:
        private_key: Value of the ``private_key`` column.
        master_key: State of the master key file.
        master_key_guid: The master key its blob names.
        unlocked_by: Which secret opened that master key.
        exportable: Value of the column.
        public: Public half of the opened private key (of a TPM key: of its opened blob).
        recovered: The private key itself was had, even if damage keeps Windows from opening it.
        per_boot: A VBS key that lived for one boot only.
        tried: Of a user's key: what is known of his passwords.
        master_key_under: The SID in whose folder the master key lies, where that is another user's than the key's.
        master_key_unread: Why the content of the master key file was not got; None where it was, or there is no file.
        not_modelled: The kind or form of the key, in words, where the blob is sound and that is not known here.
        master_key_doubt: Why it is not published whether Windows itself would find or read that file; else None.
        master_key_elsewhere: File of the master key outside of where Windows looks for it; None where none was found.
        opened_elsewhere: That file is the one that opened it.
        master_key_waits: Why a file elsewhere may still open it; None where none may.
        older_hives: Folder of the hives of an older state (RegBack, or in a shadow copy) whose DPAPI_SYSTEM opened the
            master key; None where none had to.
        is_users: It is a user's key, which hangs on a secret that no disk holds: what was given may be the wrong one.
    """

    private_key: PrivateKeyFound = "not_examined"
    master_key: MasterKeyFound = "not_examined"
    master_key_guid: str | None = None
    unlocked_by: UnlockedBy = "not_tried"
    exportable: Answer = "unknown"
    public: PublicKey | None = None
    recovered: bool = False
    per_boot: bool = False
    tried: TriedPasswords = TriedPasswords()
    master_key_under: str | None = None
    master_key_unread: str | None = None
    not_modelled: str | None = None
    master_key_doubt: str | None = None
    master_key_elsewhere: str | None = None
    opened_elsewhere: bool = False
    master_key_waits: str | None = None
    is_users: bool = False
    older_hives: str | None = None


@dataclass(slots=True)
class Prover:
    """Proves slots, each once.

    Attributes:
        ring: The master keys of the installation.
        witness: Repeats each opening with another library, where one is wanted.
        opened_pcp: Wrapped TPM keys that DPAPI covered and that were opened, by path of their file.
    """

    ring: MasterKeyRing
    witness: Witness | None = None
    opened_pcp: dict[str, PcpBlob] = field(default_factory=dict)
    _proofs: dict[tuple[str, str | None], Proof] = field(default_factory=dict)

    def prove(self, slot: KeySlot) -> Proof:
        """Open the key in a slot as far as the evidence goes."""
        key = (slot.file.row.path, slot.name)
        if key not in self._proofs:
            self._proofs[key] = self._prove(slot)
        return self._proofs[key]

    def _prove(self, slot: KeySlot) -> Proof:
        parsed = slot.file.parsed
        if isinstance(parsed, CapiKeyFile) and slot.capi is not None:
            return self._prove_capi(slot, slot.capi)
        if isinstance(parsed, CngKeyFile):
            return self._prove_cng(slot, parsed)
        if isinstance(parsed, PcpKeyFile):
            return self._prove_tpm(slot, parsed)
        return Proof()

    def _open(self, slot: KeySlot, blob: DpapiBlob, master_key: bytes, entropy: bytes = b"") -> OpenedBlob:
        opened = dpapi.open_blob(blob, master_key, entropy)
        if self.witness:
            self.witness.blob(slot.file.row.path, blob, master_key, entropy, opened)
        return opened

    def _unlock(self, slot: KeySlot, *blobs: DpapiBlob | None) -> tuple[Proof, Unlocked | None]:
        named = next((b.master_key_guid for b in blobs if b is not None), None)
        if named is None:
            return Proof(), None
        unlocked = self.ring.unlock(named, slot.file.row.owner_sid)
        # A password is never on a disk, so a user's key without one is locked; DPAPI_SYSTEM is, so without it the step
        # was not examined.
        is_users = slot.file.row.scope == "user"
        waits_for_password = unlocked.outcome == "present" and unlocked.key is None and is_users
        cannot_open = unlocked.outcome in ("absent", "unreadable") or unlocked.by == "nothing" or waits_for_password
        start = Proof(
            private_key="locked" if cannot_open else "not_examined",
            master_key=unlocked.outcome,
            master_key_guid=named,
            unlocked_by=unlocked.by,
            tried=unlocked.tried,
            master_key_under=unlocked.under_sid,
            master_key_unread=unlocked.unread_because,
            master_key_doubt=unlocked.doubt,
            master_key_elsewhere=unlocked.elsewhere,
            opened_elsewhere=unlocked.opens_elsewhere,
            master_key_waits=unlocked.waits,
            is_users=is_users,
            older_hives=unlocked.older_hives,
        )
        return start, unlocked

    def _prove_capi(self, slot: KeySlot, capi: CapiSlot) -> Proof:
        if capi.private is None and capi.private_error is None:
            return Proof(private_key="damaged")
        proof, unlocked = self._unlock(slot, capi.private, capi.export_flag)
        if unlocked is None or unlocked.key is None:
            return _damaged_before_opening(proof, capi.private_error)
        proof.exportable = self._capi_exportable(slot, capi.export_flag, unlocked.key)
        if capi.private is None:
            return _damaged_before_opening(proof, capi.private_error)
        opened = self._open(slot, capi.private, unlocked.key)
        self._judge_key(slot, proof, opened, lambda raw: parse_capi_private(raw, slot.public))
        # Strong key protection: the blob itself announces a secret that only its owner types.
        return _unless_pin(proof, opened, bool(capi.private.strong))

    def _prove_cng(self, slot: KeySlot, file: CngKeyFile) -> Proof:
        if file.private_key is None and file.private_key_error is None:
            return Proof(private_key="damaged")
        proof, unlocked = self._unlock(slot, file.private_key, file.private_properties)
        if unlocked is None or unlocked.key is None:
            return _damaged_before_opening(proof, file.private_key_error)
        policy = self._cng_policy(slot, file.private_properties, unlocked.key)
        proof.exportable, proof.per_boot = _cng_exportable(policy), bool(policy and policy.per_boot)
        if file.private_key is None:
            return _damaged_before_opening(proof, file.private_key_error)
        opened = self._open(slot, file.private_key, unlocked.key, dpapi.CNG_PRIVATE_KEY_ENTROPY)
        if opened.mac_ok and opened.clear is not None and _is_vbs(opened.clear, policy, file.algorithm):
            proof.private_key = "sealed_vbs"
            return proof
        self._judge_key(slot, proof, opened, lambda raw: parse_cng_private(raw, file.algorithm))
        return _unless_pin(proof, opened, policy is not None and (policy.has_ui_policy or policy.has_pin))

    def _judge_key(self, slot: KeySlot, proof: Proof, opened: OpenedBlob, parse: Callable[[bytes], PrivateKey]) -> None:
        """Judge an opened blob: its MAC, then the key's arithmetic, which can hold although the MAC does not.

        What the MAC covers is what Windows wrote: a key of a kind that is not modelled here is not damaged.
        """
        for raw in (opened.clear, opened.raw):
            if raw is None:
                continue
            try:
                key = parse(raw)
            except FormatError as error:
                if opened.mac_ok and error.kind == "not_a_key_blob":
                    proof.private_key, proof.not_modelled = "not_examined", _form_of(raw)
                    return
                continue
            if opened.mac_ok and isinstance(key, UnmodelledKey):
                proof.private_key, proof.not_modelled = "not_examined", sentence("kind ({kind})", kind=key.kind)
                return
            if not self.ring.work.may_check(key, slot.file.row.path):
                proof.private_key = "not_examined"
                return
            is_proved = opened.mac_ok and key.is_consistent()
            if is_proved or _is_had_by_arithmetic(key):
                _keep(slot, proof, key)
                proof.private_key = "proved" if is_proved else "damaged"
                proof.public, proof.recovered = key.public, True
                return
        proof.private_key = "damaged"

    def _prove_tpm(self, slot: KeySlot, file: PcpKeyFile) -> Proof:
        proof, unlocked = self._unlock(slot, file.sealed_blob)
        proof.public = slot.public
        if proof.private_key != "locked":
            proof.private_key = "sealed_tpm"
        if file.sealed_blob is None or unlocked is None or unlocked.key is None:
            return proof
        opened = self._open(slot, file.sealed_blob, unlocked.key)
        if not opened.mac_ok or opened.clear is None:
            proof.private_key = "damaged"
        else:
            self._prove_opened_tpm(slot, proof, opened.clear)
        return proof

    def _prove_opened_tpm(self, slot: KeySlot, proof: Proof, clear: bytes) -> None:
        """Read the wrapped key that DPAPI covered; one that is laid out otherwise than known is no proof of damage."""
        row = slot.file.row
        try:
            blob = parse_pcp_blob(clear)
        except FormatError as error:
            message = sentence("the wrapped key under DPAPI: {message}", message=error.message)
            self.ring.installation.problem(row.path, error.kind, message, error.offset)
            return
        self.opened_pcp[row.path] = blob
        proof.public = blob.public

    def _cng_policy(self, slot: KeySlot, blob: DpapiBlob | None, master_key: bytes) -> CngPolicy | None:
        if blob is None:
            return None
        opened = self._open(slot, blob, master_key, dpapi.CNG_PROPERTIES_ENTROPY)
        if not opened.mac_ok or opened.clear is None:
            return None
        try:
            return parse_cng_private_properties(parse_cng_properties(opened.clear))
        except FormatError:
            return None

    def _capi_exportable(self, slot: KeySlot, blob: DpapiBlob | None, master_key: bytes) -> Answer:
        if blob is None:
            return "unknown"
        opened = self._open(slot, blob, master_key, dpapi.CAPI_EXPORT_FLAG_ENTROPY)
        if not opened.mac_ok or opened.clear is None or len(opened.clear) < 4:
            return "unknown"
        return "yes" if int.from_bytes(opened.clear[:4], "little") & 1 else "no"


def _keep(slot: KeySlot, proof: Proof, key: PrivateKey) -> None:
    vault = open_vault()
    if vault is not None:
        elsewhere = proof.master_key_elsewhere if proof.opened_elsewhere else None
        path, with_what = slot.file.row.path, proof.tried.opened_with
        vault.keep(OpenedKey(path, proof.unlocked_by, proof.exportable, key, with_what, elsewhere, proof.older_hives))


def _unless_pin(proof: Proof, opened: OpenedBlob, wants_pin: bool) -> Proof:
    """A blob that does not open because a further secret is missing is not damaged."""
    if wants_pin and not opened.mac_ok and not proof.recovered:
        proof.private_key = "needs_pin"
    return proof


def _damaged_before_opening(proof: Proof, error: FormatError | None) -> Proof:
    """A blob that cannot even be parsed is damaged, unless its master key is what is missing."""
    if error is not None and proof.private_key != "locked":
        proof.private_key = "damaged"
    return proof


def _form_of(clear: bytes) -> str:
    """Name the form of a private key by its magic; what is none may be the key itself, and is not shown."""
    magic = clear[:4]
    return sentence("form ({magic})", magic=magic.decode("ascii")) if _MAGIC.fullmatch(magic) else sentence("form")


def _is_had_by_arithmetic(key: PrivateKey) -> bool:
    """Tell whether the numbers alone give the key, without the MAC's word for them."""
    if isinstance(key, RsaPrivateKey):
        return key.has_factors()
    return isinstance(key, EcPrivateKey | DsaPrivateKey) and key.is_consistent()


def _is_vbs(clear: bytes, policy: CngPolicy | None, algorithm: str) -> bool:
    if not is_vbs_blob(clear) and (policy is None or not policy.is_vbs):
        return False
    try:
        parse_cng_private(clear, algorithm)
    except FormatError:
        return True
    return False


def _cng_exportable(policy: CngPolicy | None) -> Answer:
    if policy is None or policy.export_policy is None:
        return "unknown"
    return "yes" if policy.export_policy & (_NCRYPT_ALLOW_EXPORT | _NCRYPT_ALLOW_PLAINTEXT_EXPORT) else "no"
