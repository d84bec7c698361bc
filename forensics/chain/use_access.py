"""Would each user of a key open it, as the account that it runs as: the columns ``opens`` of table certificate_use.

The same links are judged as for the computer itself, with the key set in which this account looks and with what its
token holds.

References:
    https://learn.microsoft.com/windows/win32/seccrypto/key-storage (machine and user key sets)
    https://github.com/dotnet/runtime/issues/97121 (SYSTEM and machine keys without the flag)
    https://learn.microsoft.com/windows/win32/secauthn/getting-schannel-certificates (AT_KEYEXCHANGE)
    https://learn.microsoft.com/system-center/scom/obtain-certificate-windows-server-and-operations-manager
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

from forensics.chain.access import may_read
from forensics.chain.caller import Caller
from forensics.chain.claim import home_of
from forensics.chain.key_index import Home
from forensics.chain.links import NO_FILE_THERE, Links
from forensics.chain.told_paths import told
from forensics.chain.undecided import why_undecided
from forensics.collectors.certificate_stores import HANDED_OUT
from forensics.collectors.evidence import CertificateEvidence, KeyFileEvidence
from forensics.formats.access_check import AUTHENTICATED_USERS, EVERYONE, SYSTEM, Token
from forensics.formats.shut_out import ShutOut, what_shuts_out
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.tables.key_chain import ChainLink, KeyChainRow, KeyVerdict
from forensics.tables.use import CertificateUseRow, ConsumerName, KeyAccess, OpensBrokenAt

if TYPE_CHECKING:
    from forensics.chain.judge import Judge

_ANSWERS: dict[bool | None, KeyAccess] = {True: "ok", False: "denied", None: "not_examined"}
_MACHINE_KEYS = Home("machine", SYSTEM)
_LEADS_TO_FILE: tuple[OpensBrokenAt | None, ...] = ("claim", "key_file")
_AT_SIGNATURE = 2
_TLS_SERVERS: frozenset[ConsumerName] = frozenset(
    (
        *("http.sys", "IIS", "IIS Web Management Service", "RDP", "WinRM", "SQL Server", "SSTP", "LDAPS", "AD LDS"),
        *("AD FS", "Exchange", "WSUS", "Windows Admin Center"),
    )
)
"""Consumers that have Schannel serve TLS: where a provider of CryptoAPI is named, that takes AT_KEYEXCHANGE only."""
_SERVED_BY_LSASS: frozenset[ConsumerName] = frozenset(
    ("http.sys", "IIS", "IIS Web Management Service", "WinRM", "SSTP", "LDAPS", "WSUS")
)
"""Consumers of which LSASS itself does TLS, the process in which CNG Key Isolation is."""
_LSASS_MAY_NEED_IT = sentence(
    "CNG Key Isolation (KeyIso) does not start, and whether LSASS, which does TLS for this, needs it is not published"
)
_SYSTEM_MAY_FIND_IT = sentence(
    "KEY_PROV_INFO lacks the machine-keyset flag, and the key lies among the machine's; SYSTEM "
    "was seen to open such keys all the same"
)
_CRYPTOAPI_ONLY: frozenset[ConsumerName] = frozenset({"SCOM agent"})
_KINDS = ("cng", "capi")
_ANYBODY = Token(frozenset({EVERYONE, AUTHENTICATED_USERS}), may_hold=lambda sid: True)
_ACCESS: frozenset[ChainLink] = frozenset({"access"})
_ALL_BUT_PROVIDER: frozenset[ChainLink] = frozenset(get_args(ChainLink)) - {"provider"}


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the judged columns say; see table certificate_use.

    Attributes:
        links: The chain as this account opens it.
        reason: Column ``opens_reason``.
        broken_at: Column ``opens_broken_at``.
        file: Key file that was judged.
        opens: Column ``opens`` where the chain does not tell it; a link that is broken goes before.
    """

    links: Links | None
    reason: str
    broken_at: OpensBrokenAt | None = None
    file: KeyFileEvidence | None = None
    opens: KeyVerdict | None = None


class UseAccess:
    """Judges the uses of one installation.

    Args:
        judge: Judges its certificates and key files, for any caller.
    """

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._by_digest: dict[str, list[CertificateEvidence]] = defaultdict(list)
        self._by_place: dict[tuple[str, str], CertificateEvidence] = {}
        for certificate in judge.evidence.certificates:
            for digest in filter(None, (certificate.row.thumbprint, certificate.row.sha256)):
                self._by_digest[digest].append(certificate)
                self._by_place.setdefault((digest, certificate.row.source_path), certificate)
        self._found: dict[tuple[str, str | None, str | None], CertificateEvidence | None] = {}
        self._judged: dict[tuple[int, Caller | None], Links | None] = {}

    def of_all(self, uses: Iterable[CertificateUseRow]) -> list[CertificateUseRow]:
        """Return the uses with their judged columns and the names of their accounts."""
        return [self._of(use) for use in uses]

    def _of(self, use: CertificateUseRow) -> CertificateUseRow:
        names = self._judge.names
        caller = Caller(use.account, use.service, use.account_name) if use.account else None
        answer = self._answer(use, caller)
        file = answer.file or (answer.links.file if answer.links else None)
        of_chain = answer.links.verdict if answer.links and caller else "unknown"
        verdict = "unusable" if answer.broken_at else answer.opens or of_chain
        access = self._key_access(file, caller)
        shut_out = self._what_shuts_out(file, caller) if access == "denied" else ShutOut()
        return replace(
            use,
            account_name=use.account_name or (names.of(use.account) if use.account else None),
            key_access=access,
            denied_by=shut_out.denied_by,
            denial_inherited=shut_out.denial_inherited,
            not_granted=bool(shut_out.not_granted) if access == "denied" else None,
            key_file_path=file.row.path if file else None,
            opens=verdict,
            opens_broken_at=answer.broken_at,
            opens_reason=told(answer.reason, use.machine_id, self._judge.paths),
        )

    def _key_access(self, file: KeyFileEvidence | None, caller: Caller | None) -> KeyAccess | None:
        if file is None or caller is None:
            return None
        if file.security is None:
            return "not_examined"
        tokens = self._judge.tokens
        return _ANSWERS[may_read(file.security, tokens.of(caller.sid, caller.service), tokens.is_group_elsewhere)]

    def _what_shuts_out(self, file: KeyFileEvidence | None, caller: Caller | None) -> ShutOut:
        if file is None or caller is None:
            return ShutOut()
        return what_shuts_out(file.security, [(caller.sid, self._judge.tokens.of(caller.sid, caller.service))])

    def _answer(self, use: CertificateUseRow, caller: Caller | None) -> _Answer:
        certificate = self._certificate(use)
        if certificate is not None:
            return self._of_certificate(use, certificate, caller)
        if use.container:
            return self._of_container(use, use.container, caller)
        if use.thumbprint is None and use.sha256 is None:
            return _Answer(None, sentence("this disk does not tell which certificate it uses"))
        was_seen = (
            use.present is not None if use.store else self._judge.evidence.installation.coverage.saw_store().is_whole
        )
        if not was_seen:
            return _Answer(None, _unseen(use.store))
        return _Answer(None, _not_there(use.store))

    def _certificate(self, use: CertificateUseRow) -> CertificateEvidence | None:
        """Return the certificate that a use is of: where one lies in several stores, the one it was read from."""
        digest = use.thumbprint or use.sha256 or ""
        read_from = self._by_place.get((digest, use.source_path))
        if read_from is not None and _is_of(use, read_from):
            return read_from
        wanted = (digest, use.store and use.store.lower(), use.owner_sid)
        if wanted not in self._found:
            named = (c for c in self._by_digest.get(digest, ()) if _is_of(use, c))
            self._found[wanted] = max(
                named, key=lambda c: (c.row.store_scope == "machine", c.link is not None), default=None
            )
        return self._found[wanted]

    def _of_certificate(
        self, use: CertificateUseRow, certificate: CertificateEvidence, caller: Caller | None
    ) -> _Answer:
        own = self._links(certificate, None)
        if own is None:
            elsewhere = certificate.row.store_scope in HANDED_OUT
            where = (
                sentence("its key lies where the policy was made")
                if elsewhere
                else sentence("nothing says that its key should be here")
            )
            return _Answer(None, where)
        if caller is None:
            return self._of_unknown(use, own, _depends_on_caller(certificate))
        links = self._links(certificate, caller)
        assert links is not None
        broken_at: OpensBrokenAt | None = links.broken_at
        if broken_at in _LEADS_TO_FILE and own.broken_at not in _LEADS_TO_FILE:
            return _Answer(links, self._other_key_set(links.file or own.file, caller), "keyset", links.file or own.file)
        if broken_at == "claim" and caller.sid == SYSTEM and _lacks_the_flag_alone(certificate, links):
            return _Answer(links, _SYSTEM_MAY_FIND_IT, file=links.file, opens="unknown")
        refused = _refused(use, certificate, links)
        if broken_at is None and refused is not None:
            return _Answer(links, refused, "kind", links.file or own.file)
        return self._told(use, links, links.file or own.file)

    def _of_unknown(self, use: CertificateUseRow, own: Links, depends: Collection[ChainLink]) -> _Answer:
        """Answer for an account that is not known: what is broken for everybody is broken for it.

        Args:
            use: The use.
            own: The chain as the computer, its service or its user opens it.
            depends: Links that depend on which account opens the key.
        """
        broken_at = own.first_broken(depends)
        if broken_at is not None:
            return _Answer(own, _why_broken(own, broken_at), broken_at)
        if use.account_name and own.verdict == "usable" and set(depends) == _ACCESS and _lets_anybody_in(own.file):
            return _Answer(own, "", opens="usable")
        if use.account_name:
            who = sentence(
                "{name} is no account that this disk knows by its SID, so whether that may is not known",
                name=use.account_name,
            )
        else:
            who = sentence("this disk does not tell which account opens the key, so whether that may is not known")
        return _Answer(own, who)

    def _of_container(self, use: CertificateUseRow, container: str, caller: Caller | None) -> _Answer:
        """A key of the computer's that a consumer names without a certificate; CNG looks among its own first."""
        index, suffix = self._judge.index, self._judge.machine_guid
        found = [file for kind in _KINDS for file in index.of_container(kind, container, _MACHINE_KEYS)]
        file = next((f for f in found if suffix is None or f.row.name_guid == suffix), found[0] if found else None)
        if file is not None:
            links = self._judge.file_links(file, caller)
            return self._of_unknown(use, links, _ACCESS) if caller is None else self._told(use, links, file)
        if all(index.was_examined(kind, _MACHINE_KEYS) for kind in _KINDS):
            return _Answer(
                None, sentence("there is no key container {container} on this disk", container=container), "key_file"
            )
        return _Answer(
            None, sentence("where the key container {container} would lie was not seen whole", container=container)
        )

    def _told(self, use: CertificateUseRow, links: Links, file: KeyFileEvidence | None) -> _Answer:
        broken_at = links.broken_at
        if broken_at == "service" and use.consumer in _SERVED_BY_LSASS and use.account == SYSTEM:
            return _Answer(links, _LSASS_MAY_NEED_IT, file=file, opens="unknown")
        if broken_at is not None:
            return _Answer(links, _why_broken(links, broken_at), broken_at, file)
        reason = "" if links.verdict == "usable" else links.doubt or self._why_undecided(use, links)
        return _Answer(links, reason, None, file)

    def _why_undecided(self, use: CertificateUseRow, links: Links) -> str:
        proof, file = links.proof, links.file.row if links.file else None
        chain = KeyChainRow(
            machine_id=use.machine_id,
            source_path=use.source_path,
            thumbprint=use.thumbprint or use.sha256,
            provider_kind=links.kind,
            key_file=links.key_file,
            public_key=links.public_key,
            master_key=proof.master_key,
            master_key_guid=proof.master_key_guid,
            unlocked_by=proof.unlocked_by,
            private_key=proof.private_key,
        )
        master_key = self._judge.prover.ring.row_of(proof.master_key_guid, file.owner_sid if file else None)
        return why_undecided(chain, file, master_key)

    def _other_key_set(self, file: KeyFileEvidence | None, caller: Caller) -> str:
        who = self._judge.names.with_sid(caller.sid, caller.name)
        if file is None:
            return sentence(
                "KEY_PROV_INFO lacks the machine-keyset flag, so {who} looks among its own keys, and the key is not "
                "there",
                who=who,
            )
        if file.row.scope == "machine":
            return sentence(
                "KEY_PROV_INFO lacks the machine-keyset flag, so {who} looks among its own keys; the key lies among "
                "the machine's",
                who=who,
            )
        owner = self._judge.names.of(file.row.owner_sid) if file.row.owner_sid else None
        return sentence(
            "KEY_PROV_INFO lacks the machine-keyset flag, so {who} looks among its own keys; the key lies among those "
            "of {owner}",
            who=who,
            owner=owner or file.row.owner_sid,
        )

    def _links(self, certificate: CertificateEvidence, caller: Caller | None) -> Links | None:
        key = (id(certificate), caller)
        if key not in self._judged:
            self._judged[key] = self._judge.certificate_links(certificate, caller)
        return self._judged[key]


def _unseen(store: str | None) -> str:
    if store:
        return sentence(
            "whether the certificate is in store {store} is not known: that was not seen whole", store=store
        )
    return sentence("whether the certificate is in any store is not known: that was not seen whole")


def _not_there(store: str | None) -> str:
    if store:
        return sentence(
            "the certificate is not in store {store} on this disk, so nothing leads to its key", store=store
        )
    return sentence("the certificate is not in any store on this disk, so nothing leads to its key")


def _is_of(use: CertificateUseRow, certificate: CertificateEvidence) -> bool:
    """Tell whether a use is of a certificate in the store in which it lies."""
    row = certificate.row
    same_store = use.store is None or row.store.lower() == use.store.lower()
    return same_store and (use.owner_sid is None or row.owner_sid in (None, use.owner_sid))


def _refused(use: CertificateUseRow, certificate: CertificateEvidence, links: Links) -> str | None:
    """Say why a consumer does not take a key that its account may open; None where it does."""
    link = certificate.link
    if link is None:
        return None
    if use.consumer in _CRYPTOAPI_ONLY and link.provider_type == 0:
        return sentence(
            "{consumer} takes keys of CryptoAPI only, and {provider!r} is reached through CNG",
            consumer=use.consumer,
            provider=link.provider,
        )
    if use.consumer in _TLS_SERVERS and links.kind == "capi" and link.provider_type and link.key_spec == _AT_SIGNATURE:
        return sentence(
            "KEY_PROV_INFO names a key for signatures (AT_SIGNATURE); Schannel serves with keys for exchange only"
        )
    return None


def _lacks_the_flag_alone(certificate: CertificateEvidence, links: Links) -> bool:
    """Tell whether nothing is wrong with a chain but that the link to a machine key lacks the machine-keyset flag."""
    is_machines = links.file is not None and links.file.row.scope == "machine"
    lacks_it = certificate.link is not None and not certificate.link.machine_keyset
    return is_machines and lacks_it and links.public_key == "match" and links.first_broken({"claim"}) is None


def _lets_anybody_in(file: KeyFileEvidence | None) -> bool:
    """Tell whether whoever logs on may read a key file, in whatever groups he is."""
    security = file.security if file is not None else None
    return security is not None and may_read(security, [_ANYBODY]) is True


def _why_broken(links: Links, broken_at: ChainLink) -> str:
    """Say why a link is broken; whether a file that is not there lies elsewhere is told of the chain."""
    if broken_at == "key_file" and links.key_file == "absent":
        return NO_FILE_THERE
    return links.broken[broken_at]


def _depends_on_caller(certificate: CertificateEvidence) -> Collection[ChainLink]:
    """Return the links that are not the same whoever opens the key: in which key set it is looked for, and access."""
    link, row = certificate.link, certificate.row
    if link is None or row.store_scope == "user" or home_of(certificate, link) == _MACHINE_KEYS:
        return _ACCESS
    return _ALL_BUT_PROVIDER
