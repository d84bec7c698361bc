"""Judges every certificate that names or should have a key, and every key file that no certificate names."""

from __future__ import annotations

from dataclasses import replace

from forensics.chain.access import judge_access
from forensics.chain.account_names import AccountNames
from forensics.chain.caller import Caller
from forensics.chain.claim import Resolved, home_of, resolve
from forensics.chain.expected_keys import ExpectedKeys
from forensics.chain.ground import Grounds, ground_of
from forensics.chain.key_copies import PastCopies, copies_on_other_volumes, copies_on_own_volume
from forensics.chain.key_index import KeyIndex, KeySlot, is_empty_container, slots_of
from forensics.chain.links import UNREADABLE_FILE, Links
from forensics.chain.master_keys import MasterKeyRing
from forensics.chain.mixed_hives import mixed_hives
from forensics.chain.orphans import orphan_links
from forensics.chain.proof import Proof, Prover
from forensics.chain.providers import is_registered, provider_kind, wrong_type
from forensics.chain.put_back import place_of
from forensics.chain.readers import Readers
from forensics.chain.recovery import Recovery, is_sealed, publics_of
from forensics.chain.rows import certificate_row, orphan_row
from forensics.chain.secret_rows import secret_rows
from forensics.chain.tokens import Tokens
from forensics.chain.undecided import give_reasons
from forensics.chain.use_access import UseAccess
from forensics.chain.vault import open_vault
from forensics.chain.witness import Witness
from forensics.collectors.certificate_stores import HANDED_OUT, PERSONAL_STORES
from forensics.collectors.evidence import CertificateEvidence, Evidence, KeyFileEvidence
from forensics.collectors.key_file_facts import add_pcp_blob
from forensics.dpapi.lsa import DpapiSystem, unlock_dpapi_system
from forensics.dpapi.user_secrets import UserSecrets
from forensics.formats.acl import SecurityDescriptor
from forensics.formats.key_prov_info import KeyProvInfo
from forensics.formats.public_key import PublicKey, nearly_the_same
from forensics.formats.shut_out import what_shuts_out
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.tables.certificate import KeyFileRow
from forensics.tables.key_chain import Access, KeyChainRow, PublicKeyFound
from forensics.tables.outcome import PRESENT, Outcome
from forensics.tables.row import Row
from forensics.tables.secrets import MasterKeyRow, SecretRow
from forensics.tables.use import CertificateUseRow
from forensics.tables.windows_path import WindowsPaths

_TPM_STORES = frozenset({"ekcertstore", "ekcertstoreecc"})
"""Certificates of keys that never leave a TPM and are in no key file."""
_DISABLED = 4
_AT_KEYEXCHANGE, _AT_SIGNATURE = 1, 2
_SLOT_OF_SPEC = {_AT_KEYEXCHANGE: "exchange", _AT_SIGNATURE: "signature"}


@dataclass(frozen=True, slots=True)
class Judged:
    """The rows of one installation that judging made; those of the evidence stay as they were collected.

    Attributes:
        key_chains: One per certificate with or worth a key, then one per key file without certificate.
        key_files: Those of the evidence, with ``exportable`` and what opening a TPM key showed.
        master_keys: Those of the evidence, with what came of opening each that a key needed.
        secrets: Those of the evidence, with fingerprints.
        certificate_uses: Those of the evidence, with whether their account would open the key.
    """

    key_chains: list[KeyChainRow]
    key_files: list[KeyFileRow]
    master_keys: list[MasterKeyRow]
    secrets: list[SecretRow]
    certificate_uses: list[CertificateUseRow]

    @property
    def rows(self) -> list[Row]:
        """All of them."""
        return [*self.key_chains, *self.key_files, *self.master_keys, *self.secrets, *self.certificate_uses]


@dataclass(frozen=True, slots=True)
class Missed:
    """A private key that cannot be had from the volume of its installation.

    Attributes:
        row: Its row.
        publics: The public halves by which it is known.
        file: The key file that was judged, where no certificate names it.
    """

    row: KeyChainRow
    publics: tuple[PublicKey, ...]
    file: KeyFileEvidence | None = None


def judge(evidence: Evidence, user_secrets: UserSecrets | None = None, second_opinion: bool = False) -> Judged:
    """Judge one installation.

    Args:
        evidence: What the collectors found.
        user_secrets: Passwords and domain keys, for users' own keys.
        second_opinion: Repeat every proof with impacket; disagreement becomes a problem.

    Returns:
        The rows that it made.
    """
    return Judge(evidence, user_secrets or UserSecrets(), second_opinion).judged()


class Judge:
    """The judgement of one installation.

    Args:
        evidence: What the collectors found.
        user_secrets: Passwords and domain keys, for users' own keys.
        second_opinion: Repeat every proof with impacket; disagreement becomes a problem.

    Attributes:
        missed: What is not on this installation and is looked for elsewhere on the disk.
    """

    def __init__(self, evidence: Evidence, user_secrets: UserSecrets, second_opinion: bool = False) -> None:
        self.evidence = evidence
        self.missed: list[Missed] = []
        self._witness = witness = Witness(evidence.installation) if second_opinion else None
        self.system = DpapiSystem() if evidence.lsa is None else unlock_dpapi_system(evidence.lsa)
        evidence.installation.mixed = mixed_hives(evidence, self.system)
        self._secrets = evidence.secrets if evidence.lsa is None else secret_rows(evidence, self.system)
        self.index = KeyIndex(evidence)
        self.tokens = Tokens(evidence)
        self._readers = Readers(evidence, self.tokens)
        self._access: dict[tuple[object, ...], tuple[tuple[Access, str | None], SecurityDescriptor | None]] = {}
        self.names = AccountNames(evidence)
        self.prover = Prover(MasterKeyRing(evidence, self.system, user_secrets, witness), witness)
        copies = copies_on_own_volume(evidence, self.prover), copies_on_other_volumes(evidence, self.prover)
        self.recovery = Recovery(self.index, self.prover, *copies, PastCopies(evidence, self.prover))
        self.expected_keys = ExpectedKeys(evidence)
        self.paths = WindowsPaths([evidence.machine])
        self.machine_guid = evidence.machine.key_suffix
        key_iso = next((s.start for s in evidence.services if s.name.lower() == "keyiso"), None)
        self.ground = ground_of(evidence.installation, key_iso, self.machine_guid)
        self._grounds = Grounds(evidence.installation, self.ground)
        self.key_iso_fault = self._key_iso_fault(key_iso)

    def _key_iso_fault(self, start: int | None) -> str | None:
        """Say why CNG Key Isolation does not start: a service without its key is none that could."""
        if start == _DISABLED:
            return sentence("the service CNG Key Isolation (KeyIso) is disabled")
        # A hive that knows no service at all is a partial copy.
        if start is None and self.evidence.services and self.ground.services.state == "absent":
            return sentence(
                "the service CNG Key Isolation (KeyIso) is not registered: its key is gone, which likely disables it"
            )
        return None

    def judged(self) -> Judged:
        """Return all rows that judging the installation makes."""
        chains = self._chains()
        give_reasons(((row, file.row if file else None) for row, file in chains), self.prover.ring.row_of)
        uses = UseAccess(self).of_all(self.evidence.certificate_uses)
        judged = Judged(
            [row for row, _ in chains],
            [self._key_file(f) for f in self.evidence.key_files],
            self.prover.ring.rows(),
            self._secrets,
            uses,
        )
        if self._witness:
            self._witness.report()
        vault = open_vault()
        if vault is not None:
            vault.take(self.evidence.certificates)
        return judged

    def _chains(self) -> list[tuple[KeyChainRow, KeyFileEvidence | None]]:
        rows: list[tuple[KeyChainRow, KeyFileEvidence | None]] = []
        judged: set[str] = set()
        for certificate in self.evidence.certificates:
            links = self.certificate_links(certificate)
            if links is None:
                continue
            if links.file is not None:
                judged.add(links.file.row.path)
            row = certificate_row(certificate, links, self.recovery.of_certificate(certificate, links), self.paths)
            row.restore_to = self._restore_to(certificate, row)
            rows.append((row, links.file))
            self._note_missed(row, links, [certificate.public_key] if certificate.public_key else [])
        for file in self.evidence.key_files:
            if file.row.path not in judged and not is_empty_container(file):
                links = self.file_links(file)
                row = orphan_row(file, links, self.recovery.of_file(file, links), self.paths)
                rows.append((row, file))
                if links.kind != "tpm":
                    self._note_missed(row, links, publics_of(file), file)
        return rows

    def _restore_to(self, certificate: CertificateEvidence, row: KeyChainRow) -> str | None:
        """Return where the file belongs in which the missing key of a certificate was found."""
        slot = self.recovery.found_in(row.recoverable_from) if row.recoverable_from else None
        if slot is None or certificate.link is None or (row.broken_at, row.key_file) != ("key_file", "absent"):
            return None
        return place_of(certificate, certificate.link, slot, self.prover.prove(slot), self.evidence)

    def _note_missed(
        self, row: KeyChainRow, links: Links, publics: list[PublicKey], file: KeyFileEvidence | None = None
    ) -> None:
        if row.verdict == "unusable" and not row.recoverable and not is_sealed(links):
            self.missed.append(Missed(row, tuple(publics), file))

    def file_links(self, file: KeyFileEvidence, caller: Caller | None = None) -> Links:
        """Judge a key file by itself, as the computer or its user opens it, or as a caller does."""
        links = orphan_links(file, self.prover, self.machine_guid, self.ground)
        self._judge_access(links, file, None, caller)
        self._judge_steps(links, caller)
        return links

    def certificate_links(self, certificate: CertificateEvidence, caller: Caller | None = None) -> Links | None:
        """Follow one certificate to its key; None when it neither names nor should have one.

        Args:
            certificate: The certificate.
            caller: Who opens the key; None: the computer, its service or its user.
        """
        if certificate.row.store.lower() in _TPM_STORES or certificate.row.store_scope in HANDED_OUT:
            return None
        if certificate.link is None:
            return self._without_link(certificate, caller)
        link = certificate.link
        ground = self._grounds.of(certificate)
        home = home_of(certificate, link, caller.sid if caller else None)
        links = Links(kind=provider_kind(link), scope=home.scope, ground=ground)
        links.guid_known = self.machine_guid is not None or links.scope == "user"
        if is_registered(link, self.evidence.providers) is False:
            reason = sentence("the provider {provider!r} is not registered on this disk", provider=link.provider)
            links.break_at("provider", reason, ground.providers)
        mismatch = wrong_type(link, self.evidence.providers)
        if mismatch is not None:
            links.break_at("provider", mismatch, ground.providers)
        if links.kind == "smart_card":
            links.key_file, links.proof = "not_applicable", Proof(private_key="needs_pin")
        elif links.kind in ("capi", "cng", "tpm"):
            self._follow(certificate, link, links, caller)
        self._judge_steps(links, caller)
        return links

    def _judge_steps(self, links: Links, caller: Caller | None) -> None:
        if caller is not None:
            links.name_of = lambda sid: self.names.with_sid(sid, caller.name)
            if links.file is not None and not self._is_at_home(links.file, caller) and not links.file.access_unread:
                who = links.name_of(caller.sid)
                links.leave_open(
                    "access", sentence("the access list of the key file, which {who} must read, was not read", who=who)
                )
        links.judge_steps(self.key_iso_fault)

    def _is_at_home(self, file: KeyFileEvidence, caller: Caller) -> bool:
        """Tell whether a file's access list was read, or its key is one that its owner made for itself."""
        return file.security is not None or file.row.owner_sid == caller.sid

    def _follow(self, certificate: CertificateEvidence, link: KeyProvInfo, links: Links, caller: Caller | None) -> None:
        assert links.kind is not None
        resolved = resolve(certificate, link, links.kind, self.index, self.machine_guid, caller.sid if caller else None)
        links.key_file, links.file = resolved.key_file, resolved.file
        for error in filter(None, (resolved.claim_error, resolved.moved_error)):
            links.break_at("claim", error, PRESENT if resolved.own_was_seen else Outcome("partial", error))
        if resolved.suffix_error:
            links.break_at("claim", resolved.suffix_error, links.ground.identity)
        if resolved.unproved:
            links.leave_open("key_file", resolved.unproved)
        self._judge_file(resolved, links)
        if links.kind == "tpm":
            links.guid_known = True
        if links.file is None:
            return
        if links.kind == "capi" and links.file.row.kind == "cng":
            links.kind = "cng"
        links.by_way_of_cng = links.kind == "capi" and link.provider_type == 0
        self._judge_access(links, links.file, certificate, caller)
        if links.file.parsed is None:
            return
        slot = self._named_slot(links.file, link, certificate.public_key, links)
        if slot is not None:
            self._judge_slot(slot, certificate, links)

    def _judge_file(self, resolved: Resolved, links: Links) -> None:
        if resolved.key_file == "absent":
            links.break_at("key_file", sentence("the key file is not on this disk"))
        elif resolved.key_file == "unreadable":
            links.break_at("key_file", UNREADABLE_FILE)
        elif resolved.key_file == "other_machine_guid" and links.scope != "user" and resolved.file is not None:
            links.break_at_suffix(self.machine_guid)
        elif resolved.file is not None and resolved.file.misplaced is not None:
            why = sentence(
                "under the name of the container lies a file of another kind: {misplaced}",
                misplaced=resolved.file.misplaced,
            )
            links.leave_open(
                "key_file", sentence("{why}; whether Windows opens it all the same is not published", why=why)
            )

    def _named_slot(
        self, file: KeyFileEvidence, link: KeyProvInfo, public: PublicKey | None, links: Links
    ) -> KeySlot | None:
        """Return the slot that KEY_PROV_INFO names; another one, with the claim broken, when that is empty."""
        slots = slots_of(file)
        wanted = _SLOT_OF_SPEC.get(link.key_spec) if links.kind == "capi" and file.row.kind == "capi" else None
        named = [s for s in slots if wanted is None or s.name == wanted]
        if not named and (not slots or link.provider_type != 0):
            links.break_at(
                "claim",
                sentence("KEY_PROV_INFO names the {wanted} slot, which is empty", wanted=sentence(wanted or ""))
                if slots
                else sentence("the key container is empty"),
            )
        return max(named or slots, key=lambda s: s.public is not None and s.public == public, default=None)

    def _judge_slot(self, slot: KeySlot, certificate: CertificateEvidence, links: Links) -> None:
        links.proof = self.prover.prove(slot)
        stored = slot.public or (links.proof.public if links.kind == "tpm" else None)
        links.public_key = _compare(stored, links.proof, certificate.public_key)
        opened = certificate.public_key is not None and links.proof.public == certificate.public_key
        links.is_the_right_key = opened or links.public_key == "match"
        if links.public_key == "mismatch":
            links.only_opening_showed = stored is None or stored == certificate.public_key
            if (damage := _damage_of(stored, certificate.public_key, opened)) is not None:
                links.leave_open("public_key", damage)
                return
            links.break_at("public_key", sentence("the key file holds another key than the certificate's"))

    def _judge_access(
        self, links: Links, file: KeyFileEvidence, certificate: CertificateEvidence | None, caller: Caller | None
    ) -> None:
        readers = self._readers.of(file, certificate, caller)
        # The files of a folder share few access lists, and their readers' tokens are made once.
        asked = (id(file.security), *((sid, id(tokens)) for sid, tokens in readers))
        if asked not in self._access:
            self._access[asked] = judge_access(file.security, readers, self.tokens.is_group_elsewhere), file.security
        (links.access, links.shut_out), _ = self._access[asked]
        if links.access == "denied":
            links.denials = what_shuts_out(file.security, readers)

    def _without_link(self, certificate: CertificateEvidence, caller: Caller | None) -> Links | None:
        """A certificate without usable KEY_PROV_INFO: broken at the claim if it has or should have a key."""
        row = certificate.row
        if certificate.link_error is None and row.store.lower() not in PERSONAL_STORES:
            return None
        slot = self.recovery.slot_of(certificate.public_key)
        if slot is None and not self.expected_keys.has(certificate):
            return None
        ground = self._grounds.of(certificate)
        links = Links(scope="user" if row.store_scope == "user" else "machine", ground=ground)
        if certificate.link_error:
            links.break_at("claim", sentence("the certificate's link to its key (KEY_PROV_INFO) cannot be read"))
        else:
            links.break_at("claim", sentence("the certificate's link to its key (KEY_PROV_INFO) is missing"))
        if slot is None or slot.file.misplaced is not None:
            links.key_file = "absent" if self.index.searched_for(certificate.public_key) else "not_examined"
            return links
        links.kind, links.file = slot.file.row.kind, slot.file
        foreign = self.machine_guid is not None and slot.file.row.name_guid not in (None, self.machine_guid)
        links.key_file = "other_machine_guid" if foreign else "present"
        self._judge_access(links, slot.file, certificate, caller)
        self._judge_slot(slot, certificate, links)
        self._judge_steps(links, caller)
        return links

    def _key_file(self, file: KeyFileEvidence) -> KeyFileRow:
        answers = {self.prover.prove(slot).exportable for slot in slots_of(file)}
        row = replace(file.row, exportable=answers.pop() if len(answers) == 1 else "unknown")
        opened = self.prover.opened_pcp.get(row.path)
        if opened is not None:
            add_pcp_blob(self.evidence.installation, row, opened)
        return row


def _damage_of(stored: PublicKey | None, wanted: PublicKey | None, opened: bool) -> str | None:
    """Say that a public key is no other one but a damaged copy; None where nothing tells that."""
    if opened:
        return sentence(
            "the private key in the key file is the certificate's, the public key beside it is not: the file is "
            "damaged, and whether Windows opens it all the same is not known"
        )
    if nearly_the_same(stored, wanted):
        return sentence(
            "the public key in the key file is the certificate's but for a few bits: one of them is damaged"
        )
    return None


def _compare(stored: PublicKey | None, proof: Proof, wanted: PublicKey | None) -> PublicKeyFound:
    """Compare the public half in the file with the certificate's; the opened key has the last word."""
    if wanted is None:
        return "not_examined"
    if proof.public is not None and proof.public != wanted:
        return "mismatch"
    if stored is None:
        return "not_stored"
    return "match" if stored == wanted else "mismatch"
