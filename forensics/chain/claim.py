"""From what a certificate claims (KEY_PROV_INFO) to the one key file that Windows would open."""

from __future__ import annotations

from collections.abc import Sequence

from forensics.chain.key_index import Home, KeyIndex, slots_of
from forensics.chain.providers import provider_kind
from forensics.collectors.evidence import CertificateEvidence, KeyFileEvidence
from forensics.formats.key_file_name import split_key_file_name
from forensics.formats.key_prov_info import KeyProvInfo
from forensics.formats.public_key import PublicKey
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.tables.key_chain import KeyFileFound

_SYSTEM = Home("system", "S-1-5-18")
_MACHINE = Home("machine", "S-1-5-18")
UNKNOWN_ACCOUNT = ""
"""Stands for the SID of a domain's account that only a domain controller could tell: no folder is known to be its."""
_SERVICE_SIDS = ("S-1-5-19", "S-1-5-20")

# CNG opens its own file first and falls back to a legacy CryptoAPI container (Microsoft, Key Storage and Retrieval).
_SEARCHED_BY = {"capi": ("capi",), "cng": ("cng", "capi"), "tpm": ("tpm",)}


@dataclass(frozen=True, slots=True)
class Resolved:
    """Where a claim leads.

    Attributes:
        key_file: Value of the ``key_file`` column.
        file: The file judged, None when there is none.
        claim_error: Why the claim itself is broken, None when it is sound.
        suffix_error: Why it is broken if MachineGuid is what SOFTWARE says, None when it is sound.
        moved_error: Why it is broken if the folder of the owner's own SID does not hold the key, None when it is sound.
        own_was_seen: The folders in which Windows looks were seen whole.
        unproved: Why it is not certain that Windows would open the file.
    """

    key_file: KeyFileFound
    file: KeyFileEvidence | None = None
    claim_error: str | None = None
    suffix_error: str | None = None
    moved_error: str | None = None
    own_was_seen: bool = True
    unproved: str | None = None


def home_of(certificate: CertificateEvidence, link: KeyProvInfo, caller: str | None = None) -> Home:
    """Return where Windows looks for the key of a certificate, given the machine-keyset flag and the store.

    A key without the flag lies in the keyset of whoever opens it: of a service store, the account its service runs as.
    Where the TPM provider keeps SYSTEM's own keys is not known apart from the machine's, so it has one home for both;
    and the flag says nothing of its keys (.NET leaves it out), so whoever opens a certificate of the computer's finds
    them there.

    Args:
        certificate: The certificate.
        link: Its KEY_PROV_INFO.
        caller: SID of the account that opens the key; None: that of the computer, its service or its user.
    """
    row, owner = certificate.row, caller or certificate.row.owner_sid
    if caller is None and certificate.service is not None and row.store_scope == "service":
        owner = certificate.service.account_sid or UNKNOWN_ACCOUNT
    is_system = owner == "S-1-5-18" or (owner is None and row.store_scope != "user")
    is_the_computers = is_system or row.store_scope not in ("user", "service")
    if link.machine_keyset or (is_the_computers and provider_kind(link) == "tpm"):
        return _MACHINE
    if is_system:
        return _SYSTEM
    if owner in _SERVICE_SIDS:
        return Home("service", owner)
    return Home("user", owner)


def resolve(
    certificate: CertificateEvidence,
    link: KeyProvInfo,
    kind: str,
    index: KeyIndex,
    machine_guid: str | None,
    caller: str | None = None,
) -> Resolved:
    """Follow KEY_PROV_INFO to a key file.

    Args:
        certificate: The certificate.
        link: Its KEY_PROV_INFO.
        kind: ``capi``, ``cng`` or ``tpm``.
        index: The key files of the installation.
        machine_guid: MachineGuid, lower case; None when it is not known.
        caller: SID of the account that opens the key; None: that of the computer, its service or its user.
    """
    home = home_of(certificate, link, caller)
    as_file_name = split_key_file_name(link.container) if kind != "tpm" else None
    if as_file_name is not None:
        found = _resolve_file_name(link, kind, index, home, as_file_name, machine_guid, certificate.public_key)
        if found is not None:
            return found
    searched = searched_by(link, kind)
    examined = all(index.was_examined(k, home) for k in searched)
    found = _resolve_name(link.container, searched, index, home, machine_guid, certificate.public_key)
    if found is None and not link.container.isascii() and "capi" in searched:
        found = _resolve_spelling(link.container, kind, index, home, machine_guid, certificate.public_key)
    if found is not None and found.key_file == "other_machine_guid" and not examined:
        # The file with the current suffix may be among those that were not seen.
        return Resolved("not_examined")
    if found is not None:
        return found
    if home != _MACHINE and home.owner_sid != UNKNOWN_ACCOUNT and certificate.row.store_scope != "user":
        elsewhere = _resolve_name(link.container, searched, index, None, machine_guid, certificate.public_key)
        if elsewhere is not None and elsewhere.file is not None:
            misplaced = _misplaced(elsewhere.file, home)
            return Resolved(elsewhere.key_file, elsewhere.file, misplaced, own_was_seen=examined)
    if home.scope == "user":
        moved = _under_another_sid(link.container, searched, index, home, certificate.public_key)
        if moved is not None:
            return Resolved(_readable(moved), moved, moved_error=_moved(moved, home), own_was_seen=examined)
    return Resolved("absent" if examined else "not_examined", suffix_error=_earlier_suffix(as_file_name, machine_guid))


def _under_another_sid(
    container: str, searched: Sequence[str], index: KeyIndex, home: Home, public: PublicKey | None
) -> KeyFileEvidence | None:
    """Find the key of a user who was moved to another account: the same container and public half under another SID."""
    named = (file for k in searched for file in index.of_container(k, container, None))
    return next(
        (f for f in named if f.row.scope == "user" and f.row.owner_sid != home.owner_sid and _holds(f, public)), None
    )


def _moved(file: KeyFileEvidence, home: Home) -> str:
    return sentence(
        "the key lies in the folder of {owner_sid}, an earlier account of this user or another user; "
        "Windows looks in that of {owner_sid2}",
        owner_sid=file.row.owner_sid,
        owner_sid2=home.owner_sid,
    )


def _misplaced(file: KeyFileEvidence, home: Home) -> str:
    if file.row.scope == "machine":
        return sentence("KEY_PROV_INFO lacks the machine-keyset flag, so Windows does not look among the machine keys")
    if home != _SYSTEM:
        return sentence(
            "the service runs as {owner_sid}, the key lies among those of {owner_sid2}",
            owner_sid=home.owner_sid,
            owner_sid2=file.row.owner_sid,
        )
    return sentence(
        "the certificate is the computer's, the key lies in the profile of {owner_sid}", owner_sid=file.row.owner_sid
    )


def _earlier_suffix(as_file_name: tuple[str, str] | None, machine_guid: str | None) -> str | None:
    if as_file_name is None or machine_guid is None or as_file_name[1] == machine_guid:
        return None
    return sentence(
        "KEY_PROV_INFO names a key file of MachineGuid {guid}, which this machine no longer has",
        guid=as_file_name[1],
    )


def _resolve_file_name(
    link: KeyProvInfo,
    kind: str,
    index: KeyIndex,
    home: Home,
    as_file_name: tuple[str, str],
    machine_guid: str | None,
    public: PublicKey | None,
) -> Resolved | None:
    """The container is already a unique file name: of this machine, or of one it was before."""
    error = _earlier_suffix(as_file_name, machine_guid)
    for k in searched_by(link, kind):
        if error is None:
            exact = index.with_file_name(k, link.container, home)
            if exact:
                return Resolved(_readable(exact[0]), exact[0])
        chosen = _choose(index.named(k, as_file_name[0], home), machine_guid, public)
        if chosen is not None:
            return Resolved(chosen.key_file, chosen.file, suffix_error=error)
    return None


def _resolve_name(
    container: str,
    searched: Sequence[str],
    index: KeyIndex,
    home: Home | None,
    machine_guid: str | None,
    public: PublicKey | None,
) -> Resolved | None:
    fallbacks: list[Resolved] = []
    for k in searched:
        chosen = _choose(index.of_container(k, container, home), None if k == "tpm" else machine_guid, public)
        if chosen is not None and chosen.key_file != "other_machine_guid":
            return chosen
        if chosen is not None:
            fallbacks.append(chosen)
    return fallbacks[0] if fallbacks else None


def _resolve_spelling(
    container: str, kind: str, index: KeyIndex, home: Home, machine_guid: str | None, public: PublicKey | None
) -> Resolved | None:
    """A name beyond ASCII to whose hash no file answers: the file is known by the name in it, or by its public half."""
    unproved = sentence(
        "how Windows spells {name!r} in the name of a key file could not be shown: the name is not ASCII",
        name=container,
    )
    stored = index.stored_as(container, home, public)
    chosen = _choose([f for f in stored if public is None or _holds(f, public)], machine_guid, public)
    if chosen is not None and chosen.key_file != "other_machine_guid":
        return Resolved(chosen.key_file, chosen.file, unproved=unproved)
    if kind == "capi" or index.may_hold(container, home):
        return Resolved("not_examined", unproved=unproved)
    return None


def searched_by(link: KeyProvInfo, kind: str) -> tuple[str, ...]:
    """Return the kinds of key file that are looked for, in this order; type 0 always goes by way of CNG."""
    return _SEARCHED_BY["cng" if kind == "capi" and link.provider_type == 0 and link.provider.strip() else kind]


def _choose(files: list[KeyFileEvidence], machine_guid: str | None, public: PublicKey | None) -> Resolved | None:
    """Take the file with the current suffix; among others the one with the right public half, else the newest."""
    if not files:
        return None
    current = [f for f in files if machine_guid is None or f.row.name_guid == machine_guid]
    file = _likeliest(current or files, public)
    unproved = _which_of(files, public) if machine_guid is None else None
    return Resolved(_readable(file) if current else "other_machine_guid", file, unproved=unproved)


def _likeliest(files: list[KeyFileEvidence], public: PublicKey | None) -> KeyFileEvidence:
    if len(files) == 1:
        return files[0]
    return max(files, key=lambda f: (_holds(f, public), f.row.outcome == "present", _born(f)))


def _which_of(files: list[KeyFileEvidence], public: PublicKey | None) -> str | None:
    """Say that it hangs on the computer which of several files Windows opens; None where that makes no difference."""
    guids = sorted({file.row.name_guid for file in files if file.row.name_guid is not None})
    if len(guids) < 2 or all(_holds(file, public) for file in files):
        return None
    return sentence(
        "its container has files named for {count} MachineGuids ({names}), and not all of them hold "
        "the certificate's key: which one Windows opens depends on the computer",
        count=len(guids),
        names=", ".join(guids[:3]),
    )


def _holds(file: KeyFileEvidence, public: PublicKey | None) -> bool:
    return public is not None and any(slot.public == public for slot in slots_of(file))


def _born(file: KeyFileEvidence) -> float:
    return file.row.modified.timestamp() if file.row.modified else 0.0


def _readable(file: KeyFileEvidence) -> KeyFileFound:
    if file.row.outcome == "not_examined":
        return "not_examined"
    return "present" if file.row.outcome == "present" and file.parsed is not None else "unreadable"
