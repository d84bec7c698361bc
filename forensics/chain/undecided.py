"""Why a verdict is unknown where nothing is suspected: what the chain itself was found to be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from forensics.language import sentence
from forensics.tables.certificate import KeyFileRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.secrets import MasterKeyRow

_REASONS: tuple[tuple[Mapping[str, str], str], ...] = (
    (
        {"private_key": "needs_pin", "provider_kind": "smart_card"},
        sentence("the key is on a smart card, which no disk shows"),
    ),
    ({"private_key": "needs_pin"}, sentence("the key asks for a PIN or password of its own, which is not on the disk")),
    (
        {"private_key": "sealed_tpm"},
        sentence("the key is sealed by a TPM, real or virtual, and opens with that one only"),
    ),
    (
        {"private_key": "sealed_vbs"},
        sentence("the key is sealed by VBS to its machine: it opens there and nowhere else"),
    ),
    ({"provider_kind": "other"}, sentence("the key is kept by a provider that this tool cannot look into")),
    ({"key_file": "not_examined"}, sentence("the key file could not be looked for or read in this source")),
    (
        {"unlocked_by": "nothing", "scope": "user", "domain_key": "does_not_open", "has_key_of_controller": "yes"},
        sentence(
            "the user's DPAPI master key is there, but the domain backup key that it names, from the "
            "disk of a domain controller, does not open it: likely the copy for the domain in it is "
            "damaged"
        ),
    ),
    (
        {"unlocked_by": "nothing", "scope": "user", "domain_key": "does_not_open"},
        sentence(
            "the user's DPAPI master key is there, but neither a password nor the domain backup key "
            "given opens it: that is not the key of its domain section"
        ),
    ),
    (
        {"unlocked_by": "nothing", "scope": "user", "has_domain_section": "no"},
        sentence("the user's DPAPI master key is there, but no password given opens it. It has no copy for a domain"),
    ),
    (
        {"unlocked_by": "nothing", "scope": "user"},
        sentence("the user's DPAPI master key is there, but no password or domain backup key given opens it"),
    ),
    (
        {"unlocked_by": "not_tried", "master_key": "present", "scope": "user", "is_virtual": "yes"},
        sentence(
            "the key file and its DPAPI master key are there; they are a virtual account's, which has no password that "
            "anybody could give"
        ),
    ),
    (
        {"unlocked_by": "not_tried", "master_key": "present", "scope": "user", "has_domain_section": "no"},
        sentence(
            "the key file and its DPAPI master key are there; what could open them was not given: the "
            "user's password (--password). The master key has no copy for a domain"
        ),
    ),
    (
        {"unlocked_by": "not_tried", "master_key": "present", "scope": "user"},
        sentence(
            "the key file and its DPAPI master key are there; nothing that could open them was given: "
            "the user's password (--password) or the domain's backup key (--domain-backup-key)"
        ),
    ),
    (
        {"unlocked_by": "not_tried", "master_key": "present"},
        sentence(
            "the key file and its DPAPI master key are there; the DPAPI_SYSTEM secret that opens them "
            "(hives SYSTEM and SECURITY) could not be had from this source"
        ),
    ),
    (
        {"master_key": "not_examined", "names_master_key": "yes"},
        sentence(
            "the key file is there; the DPAPI master key that encrypts it could not be looked for or "
            "read in this source"
        ),
    ),
    (
        {"private_key": "proved", "scope": "user", "key_file": "other_machine_guid"},
        sentence(
            "the key opens, and its file is named for another MachineGuid: whether Windows looks at such "
            "a file of a user is not published"
        ),
    ),
    (
        {"private_key": "proved", "public_key": "not_examined", "has_certificate": "yes"},
        sentence(
            "the key opens; whether it is the certificate's is not known: that one's public key is of a "
            "kind not modelled"
        ),
    ),
    (
        {"private_key": "not_examined", "master_key": "present"},
        sentence("the key's DPAPI blob opens; what is in it was not checked, since that would take too long"),
    ),
)
"""What an undecided chain was found to be, with what that means; the first that fits counts."""

ANY_OTHER = sentence("the evidence in this source does not decide it")
REASONS = frozenset({ANY_OTHER, *(reason for _, reason in _REASONS)})
"""Everything that :func:`why_undecided` says."""


def give_reasons(
    chains: Iterable[tuple[KeyChainRow, KeyFileRow | None]],
    master_key_of: Callable[[str | None, str | None], MasterKeyRow | None],
) -> None:
    """Write into the rows with an unknown verdict and no reason yet what keeps them open.

    Args:
        chains: Chains of one installation, each with the key file that was judged.
        master_key_of: Returns the master key of a GUID and an owner, as opening it left it.
    """
    for chain, file in chains:
        if chain.verdict == "unknown" and not chain.reason:
            owner = file.owner_sid if file is not None else None
            chain.reason = why_undecided(chain, file, master_key_of(chain.master_key_guid, owner))


def why_undecided(chain: KeyChainRow, file: KeyFileRow | None, master_key: MasterKeyRow | None) -> str:
    """Say what keeps a chain open.

    Args:
        chain: Its verdict is unknown, and nothing that it rests on is suspected.
        file: The key file that was judged, None without one.
        master_key: The file of the master key that its blob names, None without one.

    Returns:
        One sentence, or two, without the last full stop.
    """
    has_domain = master_key.has_domain_backup if master_key else None
    seen = {
        "private_key": chain.private_key,
        "provider_kind": chain.provider_kind,
        "key_file": chain.key_file,
        "public_key": chain.public_key,
        "unlocked_by": chain.unlocked_by,
        "master_key": chain.master_key,
        "names_master_key": "yes" if chain.master_key_guid else "no",
        "has_certificate": "yes" if chain.thumbprint else "no",
        "scope": file.scope if file is not None else None,
        "is_virtual": "yes" if master_key and master_key.is_of_virtual_account else "no",
        "domain_key": master_key.domain_key if master_key else None,
        "has_key_of_controller": "yes" if master_key and master_key.domain_key_from else "no",
        "has_domain_section": None if has_domain is None else "yes" if has_domain else "no",
    }
    return next((reason for wanted, reason in _REASONS if wanted.items() <= seen.items()), ANY_OTHER)
