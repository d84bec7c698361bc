"""One plain sentence for why a chain is as it is, and one for what can be done.

The sentences name values that chains of one cause share (MachineGuid, dates, services), not the key's own path or
master key, so that the report can say one cause once, above all the certificates it hits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from forensics.report.facts import Facts, day
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.secrets import SecretRow


@dataclass(frozen=True, slots=True)
class Words:
    """What a reader is told of a chain.

    Attributes:
        why: What is the matter.
        do: What can be done about it; empty when nothing needs doing.
    """

    why: str
    do: str = ""


_Writer = Callable[[KeyChainRow, Facts], Words]

_SAVED = "The private key is still on this disk and can be recovered."
_LOST = (
    "The private key cannot be had from this disk: restore it from a backup or a PFX file, or issue a new certificate."
)
_ELSEWHERE = "On another machine a new certificate is needed."
_PERHAPS = "Whether the private key can be recovered from this disk could not be told."


def words_for(chain: KeyChainRow, facts: Facts) -> Words:
    """Say why a key cannot, can, or might be opened by Windows on this disk."""
    if chain.broken_at is not None:
        return _BROKEN.get(chain.broken_at, _other)(chain, facts)
    if chain.verdict == "usable":
        return _usable(chain, facts)
    return _unknown(chain, facts)


def _ending(chain: KeyChainRow, repair: str = "") -> str:
    """Say whether the key itself survives, after the repair that would bring it back."""
    fate = {True: _SAVED, False: _LOST, None: _PERHAPS}[chain.recoverable]
    return f"{fate} {repair}".strip()


def _claim(chain: KeyChainRow, facts: Facts) -> Words:
    certificate = facts.certificate(chain)
    if certificate is not None and certificate.has_key_link and certificate.container:
        why = "The certificate's link to its private key (KEY_PROV_INFO) leads to no key that Windows would find"
        why += f": {chain.reason}." if chain.reason else "."
    elif certificate is not None and certificate.has_key_link:
        why = "The certificate's link to its private key (KEY_PROV_INFO) cannot be read."
    else:
        why = "The certificate has no link to a private key (no KEY_PROV_INFO)."
    if chain.recoverable:
        why += " Its key lies on this disk all the same."
    repair = "On a running copy, certutil -repairstore with the store and the thumbprint makes the link anew."
    found = chain.recoverable and chain.key_file == "present" and chain.unlocked_by == "current"
    return Words(why, _ending(chain, repair if found else ""))


def _provider(chain: KeyChainRow, facts: Facts) -> Words:
    why = f'The provider that keeps the key, "{chain.provider}", is not installed on this disk.'
    return Words(
        why,
        _ending(chain, "Install the provider's software again, then the certificate works if the key was kept there."),
    )


def _key_file(chain: KeyChainRow, facts: Facts) -> Words:
    if chain.key_file == "other_machine_guid":
        return _other_machine_guid(chain, facts)
    if chain.key_file == "unreadable":
        return Words("The key file is there, but it is empty, cut off, or its lengths do not add up.", _ending(chain))
    what = "TPM key file (.PCPKEY)" if chain.provider_kind == "tpm" else "key file"
    return Words(f"The {what} is gone: its folder was examined and does not hold it.", _ending(chain))


def _other_machine_guid(chain: KeyChainRow, facts: Facts) -> Words:
    machine, file = facts.machine(chain.machine_id), facts.key_file(chain)
    now = (machine.machine_guid if machine else None) or "an unknown one"
    was = (file.name_guid if file else None) or "another one"
    since = (
        f" (registry key last written {day(machine.machine_guid_time)})"
        if machine and machine.machine_guid_time
        else ""
    )
    why = (
        f"Windows looks for the key file under this machine's MachineGuid {now}{since}, but the file carries {was}: "
        "the key is from before the machine's identity changed (Sysprep, a clone, or a restored registry)."
    )
    return Words(why, _ending(chain, _renaming(chain)))


def _renaming(chain: KeyChainRow) -> str:
    """Say whether the file's name is all that keeps Windows from the key."""
    if chain.unlocked_by == "current" and chain.private_key == "proved":
        return "A copy of the file named with the current MachineGuid likely opens again."
    if chain.unlocked_by == "previous":
        return (
            "Renaming the file does not help: its DPAPI master key too opens only with the previous "
            "DPAPI_SYSTEM secret (OldVal)."
        )
    return ""


def _public_key(chain: KeyChainRow, facts: Facts) -> Words:
    why = (
        "The key file that Windows opens holds another key than the certificate's: "
        "it was likely created anew under the same name."
    )
    if chain.recoverable:
        why += " The right key lies in another file of this disk."
    return Words(why, _ending(chain))


def _access(chain: KeyChainRow, facts: Facts) -> Words:
    why = "An account that must read the key file is shut out by the file's access list."
    file = facts.key_file(chain)
    if file is not None and file.acl:
        why += f" It reads: {file.acl}."
    repair = (
        'icacls "the key file below" /grant *S-1-5-18:F lets SYSTEM in, once /remove:d has taken out what denies it; '
        "the RDP listener also needs *S-1-5-20:R."
    )
    return Words(why, _ending(chain, repair))


def _master_key(chain: KeyChainRow, facts: Facts) -> Words:
    if chain.master_key == "absent":
        why = "The DPAPI master key that encrypts the key is gone from its Protect folder."
    else:
        why = "The file of the DPAPI master key that encrypts the key is empty, damaged, or names another GUID inside."
    return Words(why, _ending(chain, "The master key's file from a backup of the Protect folder would open it."))


def _secret(chain: KeyChainRow, facts: Facts) -> Words:
    current, master_key = facts.secret(chain, "current"), facts.master_key(chain)
    if chain.unlocked_by == "previous":
        why = (
            "The DPAPI master key that encrypts the key opens only with the previous DPAPI_SYSTEM secret (OldVal); "
            f"Windows uses the current one{_set_at(current)}, which does not open it."
        )
        return Words(why, _ending(chain))
    hives = "Bring back the SYSTEM and SECURITY hives of the time the master key was made."
    if current is not None and current.outcome != "present":
        what = "is not on this disk" if current.outcome == "absent" else "cannot be read on this disk"
        why = f"The DPAPI_SYSTEM secret (in the SECURITY hive) {what}, and without it Windows opens no master key."
        return Words(why, _ending(chain, hives))
    state = " although its backup half is sound" if master_key is not None and master_key.intact == "yes" else ""
    why = (
        f"No DPAPI_SYSTEM secret on this disk{_set_at(current)} opens the DPAPI master key that encrypts the key"
        f"{state}: the secret and the master key are likely from different times or machines."
    )
    return Words(why, _ending(chain, hives))


def _set_at(secret: SecretRow | None) -> str:
    return f" (set {day(secret.set_at)})" if secret and secret.set_at else ""


def _private_key(chain: KeyChainRow, facts: Facts) -> Words:
    if chain.private_key == "sealed_vbs":
        return Words(
            "The key lived for one boot only (a VBS per-boot key); it died when that Windows shut down.", _ending(chain)
        )
    if chain.private_key != "damaged":
        return _other(chain, facts)
    why = "The encrypted private key in the key file is damaged"
    why += ": its checksum is wrong, but its numbers are sound." if chain.recoverable else "."
    return Words(why, _ending(chain))


def _service(chain: KeyChainRow, facts: Facts) -> Words:
    why = "The service CNG Key Isolation (KeyIso) is disabled; without it Windows opens no CNG key."
    return Words(why, _ending(chain, "sc config KeyIso start= demand brings it back."))


def _other(chain: KeyChainRow, facts: Facts) -> Words:
    why = f"{chain.reason[0].upper()}{chain.reason[1:]}." if chain.reason else f"The chain breaks at {chain.broken_at}."
    return Words(why, _ending(chain))


def _usable(chain: KeyChainRow, facts: Facts) -> Words:
    if chain.access == "too_open":
        return Words(
            "The key opens, but every user of this Windows may read the key file.",
            'icacls "the key file" /remove *S-1-1-0 *S-1-5-11 *S-1-5-32-545 takes the crowd out.',
        )
    return Words("Opened and proved: Windows on this disk would open this key.")


def _unknown(chain: KeyChainRow, facts: Facts) -> Words:
    if chain.private_key == "needs_pin":
        if chain.provider_kind == "smart_card":
            return Words("The key is on a smart card, which no disk can show.", "Try it with the card.")
        return Words("The key asks for a PIN or password of its own, which is not on the disk.")
    if chain.private_key == "sealed_tpm":
        return Words(
            "The key is sealed by the TPM of its machine: it opens there and nowhere else.",
            _ELSEWHERE,
        )
    if chain.private_key == "sealed_vbs":
        return Words(
            "The key is sealed by VBS to its machine: it opens there and nowhere else.",
            _ELSEWHERE,
        )
    if chain.provider_kind == "other":
        return Words(f'The key is kept by "{chain.provider}", which this tool cannot look into.')
    if chain.key_file == "not_examined":
        return Words(
            "The folder of the key file is not in this source, so nothing can be said of the key.",
            "Collect the Crypto folders too.",
        )
    if chain.master_key == "not_examined" and chain.master_key_guid:
        return Words(
            "The key file is there; the DPAPI master key that encrypts it is not in this source.",
            "Collect the Protect folders too.",
        )
    if chain.unlocked_by == "not_tried" and chain.master_key == "present":
        return Words(
            "The key file and the DPAPI master key that encrypts it are there; "
            "the secret that opens them is not in this source.",
            "Collect the SYSTEM and SECURITY hives too; a user's own keys need --password or --domain-backup-key.",
        )
    if chain.unlocked_by == "nothing":
        return Words(
            "The user's DPAPI master key is there, but no password given opens it.",
            "Give the user's password with --password USER:FILE, or the domain's backup key with --domain-backup-key.",
        )
    return Words(chain.reason or "The evidence in this source does not decide it.")


_BROKEN: dict[str, _Writer] = {
    "claim": _claim,
    "provider": _provider,
    "key_file": _key_file,
    "public_key": _public_key,
    "access": _access,
    "master_key": _master_key,
    "secret": _secret,
    "private_key": _private_key,
    "service": _service,
}
