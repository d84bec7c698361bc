"""One sentence for a chain that no rule speaks of: its own reason, or what is not known of it."""

from __future__ import annotations

from collections.abc import Mapping

from forensics.report.facts import Facts
from forensics.tables.key_chain import KeyChainRow

_OPEN = "The key opens, but every user of this Windows may read the key file."
_UNDECIDED: tuple[tuple[Mapping[str, str], str], ...] = (
    (
        {"private_key": "needs_pin", "provider_kind": "smart_card"},
        "The key is on a smart card, which no disk shows.",
    ),
    ({"private_key": "needs_pin"}, "The key asks for a PIN or password of its own, which is not on the disk."),
    ({"private_key": "sealed_tpm"}, "The key is sealed by the TPM of its machine: it opens there and nowhere else."),
    ({"private_key": "sealed_vbs"}, "The key is sealed by VBS to its machine: it opens there and nowhere else."),
    ({"provider_kind": "other"}, "The key is kept by a provider that this tool cannot look into."),
    ({"key_file": "not_examined"}, "The key file could not be looked for or read in this source."),
    (
        {"unlocked_by": "nothing", "scope": "user", "domain_key": "does_not_open"},
        "The user's DPAPI master key is there, but neither a password nor the domain backup key given opens it: that "
        "is not the key of its domain section.",
    ),
    (
        {"unlocked_by": "nothing", "scope": "user", "has_domain_section": "no"},
        "The user's DPAPI master key is there, but no password given opens it. It has no copy for a domain.",
    ),
    (
        {"unlocked_by": "nothing", "scope": "user"},
        "The user's DPAPI master key is there, but no password or domain backup key given opens it.",
    ),
    (
        {"unlocked_by": "not_tried", "master_key": "present", "scope": "user", "has_domain_section": "no"},
        "The key file and its DPAPI master key are there; what could open them was not given: the user's password "
        "(--password). The master key has no copy for a domain.",
    ),
    (
        {"unlocked_by": "not_tried", "master_key": "present", "scope": "user"},
        "The key file and its DPAPI master key are there; nothing that could open them was given: the user's "
        "password (--password) or the domain's backup key (--domain-backup-key).",
    ),
    (
        {"unlocked_by": "not_tried", "master_key": "present"},
        "The key file and its DPAPI master key are there; the DPAPI_SYSTEM secret that opens them (hives SYSTEM "
        "and SECURITY) could not be had from this source.",
    ),
    (
        {"master_key": "not_examined", "names_master_key": "yes"},
        "The key file is there; the DPAPI master key that encrypts it could not be looked for or read in this source.",
    ),
)
"""What an undecided chain was found to be, with what that means; the first that fits counts."""


def reason_of(chain: KeyChainRow, facts: Facts) -> str:
    """Say why a key cannot, or might, be opened by Windows on this disk; nothing of one that is well."""
    if chain.reason:
        return f"{chain.reason[0].upper()}{chain.reason[1:]}."
    if chain.broken_at is not None:
        return f"The chain breaks at {chain.broken_at}."
    if chain.verdict == "usable":
        return _OPEN if chain.access == "too_open" else ""
    return _undecided(chain, facts)


def _undecided(chain: KeyChainRow, facts: Facts) -> str:
    file, master_key = facts.key_file(chain), facts.master_key(chain)
    has_domain = master_key.has_domain_backup if master_key else None
    seen = {
        "private_key": chain.private_key,
        "provider_kind": chain.provider_kind,
        "key_file": chain.key_file,
        "unlocked_by": chain.unlocked_by,
        "master_key": chain.master_key,
        "names_master_key": "yes" if chain.master_key_guid else "no",
        "scope": file.scope if file is not None else None,
        "domain_key": master_key.domain_key if master_key else None,
        "has_domain_section": None if has_domain is None else "yes" if has_domain else "no",
    }
    fitting = (sentence for wanted, sentence in _UNDECIDED if wanted.items() <= seen.items())
    return next(fitting, "The evidence in this source does not decide it.")
