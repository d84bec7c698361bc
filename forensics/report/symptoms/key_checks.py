"""Causes that lie at one link of a key's chain: found, ruled out for every key, or open for some."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from forensics.engine.subjects import KEY_TABLES
from forensics.language import joined, sentence
from forensics.late_methods import dataclass
from forensics.report.symptoms.causes import CAUSES, CauseName
from forensics.report.symptoms.ground import Affected, Examined, Ground, called, some
from forensics.tables.key_chain import ChainLink, KeyChainRow
from forensics.tables.use import CertificateUseRow

Truth = bool | None
"""Yes, no, or None for not known."""

_USERS = ("S-1-5-21-", "S-1-12-1-")


@dataclass(frozen=True, slots=True)
class KeyCheck:
    """How a cause is examined key by key.

    Attributes:
        links: The links of a chain at which it may lie.
        of_key: Whether a chain has it.
        sound: What was seen where no key has it.
        of_use: Whether a use of a key has it, for causes that depend on who asks.
        of_files: A key file that no certificate names may have it, too, and a program may ask for that.
    """

    links: tuple[ChainLink, ...]
    of_key: Callable[[Ground, KeyChainRow], Truth]
    sound: str
    of_use: Callable[[CertificateUseRow], Truth] | None = None
    of_files: bool = True


def examine_keys(name: CauseName, ground: Ground) -> Examined:
    """Examine every key that a certificate names, and every use that the check of a cause asks for."""
    check = KEY_CHECKS[name]
    answers = [(chain, check.of_key(ground, chain)) for chain in ground.chains]
    affected = [ground.affected(chain, *check.links) for chain, answer in answers if answer]
    undecided = [chain for chain, answer in answers if answer is None]
    doubts: list[str] = [sentence("not known of {what}", what=ground.undecided(undecided))] if undecided else []
    doubts += [ground.unseen_certificates] if ground.unseen_certificates else []
    doubts += list(_of_files(check, ground)) if check.of_files else []
    findings = [f for f in ground.findings(CAUSES[name].rules) if f.subject_table not in KEY_TABLES]
    affected += [Affected(subject.id, subject.label) for finding in findings for subject in finding.subjects]
    if check.of_use is not None:
        uses = [(use, check.of_use(use)) for use in ground.uses]
        named = {one.id for one in affected}
        affected += [_used(use) for use, answer in uses if answer and _used(use).id not in named]
        open_uses = list(dict.fromkeys(_told(use) for use, answer in uses if answer is None))
        doubts += [sentence("not known of {what}", what=some(open_uses))] if open_uses else []
        doubts += [ground.unseen_uses] if ground.unseen_uses else []
    because = joined(doubts, "; ")
    if affected:
        return Examined("found", because, tuple(dict.fromkeys(affected)))
    if because:
        return Examined("open", because)
    sound = check.sound if ground.chains else sentence("no certificate on this disk names a key")
    return Examined("ruled_out", sound)


def _of_files(check: KeyCheck, ground: Ground) -> Iterator[str]:
    """Say of which key files without certificate it holds or is not known; what programs ask for, no disk tells."""
    answers = [(called(chain), check.of_key(ground, chain)) for chain in ground.files_alone]
    if held := [name for name, answer in answers if answer]:
        yield sentence(
            "it holds for key files that no certificate names, for which a program may ask: {names}", names=some(held)
        )
    if unknown := [name for name, answer in answers if answer is None]:
        yield sentence(
            "not known of key files that no certificate names, for which a program may ask: {names}",
            names=some(unknown),
        )


def _used(use: CertificateUseRow) -> Affected:
    return Affected(use.thumbprint or use.source_path, use.label)


def _told(use: CertificateUseRow) -> str:
    return joined([use.label, use.opens_reason], ": ") if use.opens_reason else use.label


def _broken(chain: KeyChainRow) -> Truth:
    """What breaks a chain that Windows would not open; of a chain that is not decided it is not known."""
    return True if chain.verdict == "unusable" else None


def _looks_for_a_file(chain: KeyChainRow) -> bool:
    return chain.key_file != "not_applicable" and chain.broken_at not in ("claim", "provider")


def _has_file(chain: KeyChainRow) -> bool:
    """A file is there, or may be, whose list, content and lock matter; one under an earlier name when put back."""
    return _looks_for_a_file(chain) and chain.key_file in ("present", "other_machine_guid", "not_examined")


def _no_link(ground: Ground, chain: KeyChainRow) -> Truth:
    if chain.broken_at == "claim":
        return False if _has_link(ground, chain) else _broken(chain)
    if chain.broken_at is not None or chain.verdict == "usable" or chain.key_file != "not_examined":
        return False
    return False if _has_link(ground, chain) else None


def _has_link(ground: Ground, chain: KeyChainRow) -> bool:
    certificate = ground.facts.certificate(chain)
    return certificate is not None and bool(certificate.has_key_link)


def _wrong_link(ground: Ground, chain: KeyChainRow) -> Truth:
    if chain.broken_at == "claim" and _has_link(ground, chain):
        return False if chain.thumbprint in ground.subjects(CAUSES["another-key-set"].rules) else _broken(chain)
    return None if chain.verdict == "unknown" and chain.key_file == "not_examined" else False


def _another_key_set(ground: Ground, chain: KeyChainRow) -> Truth:
    if chain.thumbprint in ground.subjects(CAUSES["another-key-set"].rules):
        return True
    return None if chain.verdict == "unknown" and _has_file(chain) and chain.key_file == "not_examined" else False


def _provider(ground: Ground, chain: KeyChainRow) -> Truth:
    if chain.broken_at is not None or chain.verdict == "usable":
        return _broken(chain) if chain.broken_at == "provider" else False
    return False if (chain.provider or "").casefold() in ground.providers else None


def _file_gone(ground: Ground, chain: KeyChainRow) -> Truth:
    if chain.verdict == "usable" or not _looks_for_a_file(chain):
        return False
    if chain.key_file == "absent":
        return _broken(chain)
    return None if chain.key_file == "not_examined" else False


def _other_machine_guid(ground: Ground, chain: KeyChainRow) -> Truth:
    if chain.verdict == "usable" or not _looks_for_a_file(chain):
        return False
    if chain.key_file == "other_machine_guid":
        return _broken(chain)
    return None if chain.key_file == "not_examined" else False


def _damaged(ground: Ground, chain: KeyChainRow) -> Truth:
    if chain.verdict == "usable" or not _looks_for_a_file(chain):
        return False
    # A private half that does not fit the public half in its own file is damage, which the rule tells apart.
    if chain.key_file == "unreadable" or chain.private_key == "damaged" or _is_told_damaged(ground, chain):
        return _broken(chain)
    # What a TPM, a password or a lost secret locks may be damaged below the lock.
    return False if not _has_file(chain) or chain.private_key == "proved" else None


def _is_told_damaged(ground: Ground, chain: KeyChainRow) -> bool:
    return chain.thumbprint in ground.subjects(CAUSES["key-file-damaged"].rules)


def _another_key(ground: Ground, chain: KeyChainRow) -> Truth:
    if chain.verdict == "usable" or not _has_file(chain) or _is_told_damaged(ground, chain):
        return False
    if chain.public_key == "mismatch":
        return _broken(chain)
    return False if chain.public_key == "match" or chain.private_key == "proved" else None


def _access(ground: Ground, chain: KeyChainRow) -> Truth:
    if chain.verdict == "usable" or not (_has_file(chain) or chain.key_file == "unreadable"):
        return False
    if chain.access == "denied":
        return _broken(chain)
    return None if chain.access == "not_examined" else False


def _access_of_use(use: CertificateUseRow) -> Truth:
    if use.opens_broken_at == "access" or (use.opens == "unusable" and use.key_access == "denied"):
        return True if use.place == "present" else None
    if use.opens != "unknown" or use.present is False or use.key_access == "ok":
        return False
    return None


def _key_set_of_use(use: CertificateUseRow) -> Truth:
    if use.opens_broken_at == "keyset":
        return True if use.place == "present" else None
    if use.opens != "unknown" or use.present is False or use.key_access == "ok":
        return False
    return None


def _master_key(ground: Ground, chain: KeyChainRow) -> Truth:
    if chain.verdict == "usable" or not _has_file(chain):
        return False
    if chain.master_key in ("absent", "unreadable"):
        return _broken(chain)
    return None if chain.master_key == "not_examined" and _may_need_one(chain) else False


def _locked_of_machine(ground: Ground, chain: KeyChainRow) -> Truth:
    return False if _is_of_user(chain) else _locked(chain)


def _locked_of_user(ground: Ground, chain: KeyChainRow) -> Truth:
    return _locked(chain) if _is_of_user(chain) else False


def _is_of_user(chain: KeyChainRow) -> bool:
    return (chain.owner_sid or "").startswith(_USERS)


def _locked(chain: KeyChainRow) -> Truth:
    if chain.verdict == "usable" or not _has_file(chain) or chain.master_key in ("absent", "unreadable"):
        return False
    if chain.unlocked_by in ("nothing", "previous"):
        return _broken(chain)
    return None if chain.unlocked_by == "not_tried" and _may_need_one(chain) else False


def _may_need_one(chain: KeyChainRow) -> bool:
    """A master key: a file that was read names it, where it needs one."""
    return chain.master_key_guid is not None or chain.key_file == "not_examined"


def _vbs(ground: Ground, chain: KeyChainRow) -> Truth:
    if chain.private_key != "sealed_vbs":
        return None if _has_file(chain) and chain.key_file == "not_examined" and chain.verdict == "unknown" else False
    return True if chain.verdict == "unusable" else None


KEY_CHECKS: Mapping[CauseName, KeyCheck] = {
    "no-link": KeyCheck(
        ("claim",), _no_link, sentence("every certificate that should have a key names one"), of_files=False
    ),
    "wrong-link": KeyCheck(
        ("claim",),
        _wrong_link,
        sentence("no link of a certificate to its key was found to be at fault"),
        of_files=False,
    ),
    "another-key-set": KeyCheck(
        ("claim",),
        _another_key_set,
        sentence("whoever is known to use a key looks where it lies"),
        _key_set_of_use,
        of_files=False,
    ),
    "provider": KeyCheck(
        ("provider",),
        _provider,
        sentence("every provider that a certificate names is registered, with the type that is named"),
        of_files=False,
    ),
    "key-file-gone": KeyCheck(
        ("key_file",), _file_gone, sentence("the file of every key was looked for, and none is missing"), of_files=False
    ),
    "other-machine-guid": KeyCheck(
        ("key_file",), _other_machine_guid, sentence("no key file that is looked for is named for another MachineGuid")
    ),
    "key-file-damaged": KeyCheck(
        ("key_file", "private_key"), _damaged, sentence("every key file that is there was opened and is sound")
    ),
    "another-key": KeyCheck(
        ("public_key",),
        _another_key,
        sentence("every key file that is there holds the key of its certificate"),
        of_files=False,
    ),
    "access-list": KeyCheck(
        ("access",), _access, sentence("every account that is known to use a key may read its file"), _access_of_use
    ),
    "master-key": KeyCheck(
        ("master_key",), _master_key, sentence("every master key that is needed is there and whole")
    ),
    "master-key-locked": KeyCheck(
        ("secret",),
        _locked_of_machine,
        sentence("every master key of the machine that is needed opens with the secrets of today"),
    ),
    "user-master-key": KeyCheck(
        ("secret",), _locked_of_user, sentence("no user's key has a master key that does not open")
    ),
    "vbs": KeyCheck(("private_key",), _vbs, sentence("no key is sealed by virtualization-based security")),
}
"""Each such cause by its name."""
