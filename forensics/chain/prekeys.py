"""What may open a master key, the likeliest first: DPAPI_SYSTEM, or what is known of its user's passwords."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field
from functools import cache, cached_property, partial

from forensics.chain.credhist_told import History
from forensics.chain.master_key_found import SYSTEM
from forensics.chain.password_history import KnownPassword, PasswordHistories, prekeys_of
from forensics.chain.passwords import Passwords
from forensics.chain.tried_passwords import TriedPasswords
from forensics.chain.user_names import names_by_owner
from forensics.chain.work import MAX_EXTRA_WORK, Work
from forensics.collectors.evidence import Evidence, MasterKeyEvidence
from forensics.dpapi import dpapi
from forensics.dpapi.credhist import PasswordHashes
from forensics.dpapi.lsa import DpapiSystem, SystemSecret
from forensics.dpapi.sam import EMPTY_NT_HASH
from forensics.dpapi.user_secrets import UserSecrets
from forensics.late_methods import dataclass
from forensics.tables.secrets import GivenPassword, Half, OpenedWith, UnlockedBy

SERVICE_ACCOUNTS = ("S-1-5-19", "S-1-5-20")

OF_PEOPLE = "S-1-5-21-"
"""What SIDs of accounts of a computer or a domain begin with."""
_EMPTY = PasswordHashes(bytes.fromhex("da39a3ee5e6b4b0d3255bfef95601890afd80709"), EMPTY_NT_HASH)
LOCAL_ACCOUNT = 4
"""Bit of a master key's flags: SHA-1 of the password protects it, as of accounts that no domain keeps."""


@dataclass(frozen=True, slots=True)
class Prekey:
    """One try at a master key.

    Attributes:
        pre: What the key derivation begins with.
        by: What it comes of.
        half: Half of DPAPI_SYSTEM.
        opened_with: Of a user's: which of his secrets.
        nt_hash: Of a user's: that of the password with which it began.
    """

    pre: bytes = field(repr=False)
    by: UnlockedBy = "password"
    half: Half | None = None
    opened_with: OpenedWith | None = None
    nt_hash: bytes | None = field(default=None, repr=False)

    @property
    def was_given(self) -> bool:
        """The examiner brought it, or the disk has it for sure: that it does not open the key says something."""
        return not self.is_extra or self.opened_with == "credhist"

    @property
    def is_extra(self) -> bool:
        """Nobody gave it: it is tried as long as that costs little."""
        return self.opened_with in ("empty_password", "tbal", "credhist")


class Prekeys:
    """What is known on one installation, and what the examiner brought.

    Args:
        evidence: What the collectors found.
        system: DPAPI_SYSTEM, current and previous.
        given: What the examiner brought.
        with_witness: Each opening of a master key is repeated by impacket.

    Attributes:
        extra_work: What trying may cost that nobody gave.
        histories: Users' files CREDHIST.
        online: SIDs of accounts that sign in as a Microsoft account.
    """

    def __init__(self, evidence: Evidence, system: DpapiSystem, given: UserSecrets, with_witness: bool = False) -> None:
        self._evidence = evidence
        self._system = system
        self._given = given
        self._passwords = Passwords(evidence, system, given)
        self._names = names_by_owner(evidence.users, evidence.master_keys)
        self.online = self._passwords.online
        self.extra_work = Work(evidence.installation, with_witness, MAX_EXTRA_WORK)
        self.histories = PasswordHistories(evidence.installation, evidence.master_keys, self.extra_work)
        self._given_to_user: dict[str, list[tuple[OpenedWith, KnownPassword]]] = {}
        self._of_user: dict[str, list[Prekey]] = {}
        self._of_hash: dict[tuple[bytes, str], list[bytes]] = {}

    def of(self, item: MasterKeyEvidence) -> Iterator[Prekey]:
        """Yield what may open a master key; CREDHIST is walked only where nothing before it did."""
        sid = item.row.owner_sid
        if is_system(sid):
            yield from system_prekeys(item.row.half, sid or SYSTEM, self._system)
        elif sid is not None:
            yield from self._known(sid)
            is_local = _is_local(item)
            yield from self._on_disk(sid) if is_local else ()
            yield from self._earlier(sid, is_local, item.parsed.credhist_guid if item.parsed is not None else None)

    def tried(self, item: MasterKeyEvidence) -> TriedPasswords:
        """Say what is known of the passwords of a user, with nothing opened yet."""
        sid = item.row.owner_sid
        if sid is None or is_system(sid):
            return TriedPasswords()
        is_local = _is_local(item)
        given = self._passwords.given_for(sid, self._names_of(sid), hashes_count=not is_local)
        only_hash = is_local and given == "none" and bool(self._given_passwords(sid))
        history = self._history_of(sid)
        held = self._passwords.held(sid)
        held += ["credhist"] if history.state in ("present", "partial") else []
        held += ["tbal"] if is_local and self._tbal is not None else []
        return TriedPasswords(given, None, history, sid in self.online, only_hash, tuple(held))

    def _history_of(self, sid: str) -> History:
        """Say what CREDHIST of a user gave; where nothing could open it, only whether it is there."""
        if self._given_passwords(sid) or self._tbal is not None:
            return self.histories.read(sid)
        return self.histories.seen(sid)

    def compared(self, sid: str | None, nt_hash: bytes) -> GivenPassword:
        """Say whether a password is the one that SAM holds for a user."""
        return "unknown" if sid is None else self._passwords.compared(sid, [nt_hash])

    def _names_of(self, sid: str) -> Sequence[str]:
        return self._names.get(sid, [sid.lower()])

    def _known(self, sid: str) -> list[Prekey]:
        if sid not in self._of_user:
            self._of_user[sid] = [
                Prekey(pre, opened_with=how, nt_hash=known.nt_hash)
                for how, known in self._given_passwords(sid)
                for pre in known.prekeys(sid)
            ]
        return self._of_user[sid]

    def _given_passwords(self, sid: str) -> list[tuple[OpenedWith, KnownPassword]]:
        if sid not in self._given_to_user:
            self._given_to_user[sid] = list(self._given_to(sid))
        return self._given_to_user[sid]

    def _given_to(self, sid: str) -> Iterator[tuple[OpenedWith, KnownPassword]]:
        for name in self._names_of(sid):
            password = self._given.passwords.get(name)
            if password is not None:
                of_password = cache(partial(dpapi.user_prekeys_from_password, password))
                yield "given_password", KnownPassword(of_password, dpapi.nt_hash(password))
            nt_hash = self._given.nt_hashes.get(name)
            if nt_hash is not None:
                yield "given_nt_hash", KnownPassword(cache(partial(dpapi.user_prekeys_from_nt_hash, nt_hash)), nt_hash)

    def _on_disk(self, sid: str) -> Iterator[Prekey]:
        """Yield what the disk itself may know of the password of a local account."""
        if self._tbal is not None:
            pre = dpapi.user_prekey_from_sha1(self._tbal.sha1, sid)
            yield Prekey(pre, opened_with="tbal", nt_hash=self._tbal.nt)
        # An account without password has one as DPAPI sees it; unasked it is not tried on one that has another today.
        if self._given_passwords(sid) or self._passwords.compared(sid, [_EMPTY.nt]) != "another":
            pre = dpapi.user_prekey_from_sha1(_EMPTY.sha1, sid)
            yield Prekey(pre, opened_with="empty_password", nt_hash=_EMPTY.nt)

    @cached_property
    def _tbal(self) -> PasswordHashes | None:
        if self._evidence.lsa is None or self._evidence.lsa.tbal is None:
            return None
        from forensics.dpapi.tbal import open_tbal

        return open_tbal(self._evidence.lsa)

    def _earlier(self, sid: str, is_local: bool, link: str | None) -> Iterator[Prekey]:
        known = [password for _, password in self._given_passwords(sid)]
        if self._tbal is not None and is_local:
            known.append(KnownPassword(prekeys_of(self._tbal), self._tbal.nt))
        if is_local and self._passwords.compared(sid, [_EMPTY.nt]) == "todays":
            known.append(KnownPassword(prekeys_of(_EMPTY), _EMPTY.nt))
        for earlier in sorted(self.histories.earlier(sid, known), key=lambda e: e.link != link):
            by_sha1 = [dpapi.user_prekey_from_sha1(earlier.hashes.sha1, sid)]
            for pre in by_sha1 if is_local else self._stretched(earlier.hashes.nt, sid):
                yield Prekey(pre, opened_with="credhist", nt_hash=earlier.began_with)

    def _stretched(self, nt_hash: bytes, sid: str) -> list[bytes]:
        """Stretch an NT hash once, however many master keys are tried with it."""
        if (nt_hash, sid) not in self._of_hash:
            self._of_hash[nt_hash, sid] = dpapi.user_prekeys_from_nt_hash(nt_hash, sid)
        return self._of_hash[nt_hash, sid]


def _is_local(item: MasterKeyEvidence) -> bool:
    """Tell whether a user's master key hangs on SHA-1 of the password, which no NT hash gives."""
    is_of_people = (item.row.owner_sid or "").startswith(OF_PEOPLE)
    return is_of_people and item.parsed is not None and bool(item.parsed.flags & LOCAL_ACCOUNT)


def system_prekeys(half: Half | None, sid: str, system: DpapiSystem) -> Iterator[Prekey]:
    """The folder's own half of CurrVal and OldVal first; the other halves cost time only when those fail."""
    own = half or "user"
    other: Half = "machine" if own == "user" else "user"
    generations: list[tuple[UnlockedBy, SystemSecret | None]] = [
        ("current", system.current),
        ("previous", system.previous),
    ]
    for name in (own, other):
        for by, secret in generations:
            if secret is None:
                continue
            raw = secret.machine if name == "machine" else secret.user
            for pre in dpapi.service_prekeys(raw, sid) if sid in SERVICE_ACCOUNTS else [raw]:
                yield Prekey(pre, by, name)


def is_system(sid: str | None) -> bool:
    """Tell whether DPAPI_SYSTEM protects the master keys of an account."""
    return sid == SYSTEM or sid in SERVICE_ACCOUNTS
