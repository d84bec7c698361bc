"""Why a chain that no link breaks is undecided, where that is in the nature of the key or what opens it was not had."""

from __future__ import annotations

from collections.abc import Mapping

_REASONS: tuple[tuple[Mapping[str, str], str], ...] = (
    ({"kind": "smart_card"}, "the key is on a smart card, which no disk shows"),
    ({"private_key": "needs_pin"}, "the key asks for a PIN or password of its own, which is not on the disk"),
    ({"private_key": "sealed_tpm"}, "the key is sealed by the TPM of its machine: it opens there and nowhere else"),
    ({"private_key": "sealed_vbs"}, "the key is sealed by VBS to its machine: it opens there and nowhere else"),
    ({"kind": "other"}, "the key is kept by a provider that this tool cannot look into"),
    ({"key_file": "not_examined"}, "the key file could not be looked for or read in this source"),
    (
        {"scope": "user", "master_key": "present"},
        "neither a password nor a domain's backup key that opens the account's master key was given",
    ),
    ({"master_key": "present"}, "DPAPI_SYSTEM, which opens the master key, could not be had from this source"),
    (
        {"master_key": "not_examined"},
        "the master key that encrypts the key could not be looked for or read in this source",
    ),
)
"""What a chain was found to be, and what that leaves open; the first that fits counts."""


def why_undecided(**seen: str | None) -> str:
    """Return why the verdict on a chain without a doubt of its own is unknown, one sentence without its full stop.

    Args:
        seen: ``kind`` (of provider), ``key_file``, ``private_key`` and ``master_key`` as in table key_chain, and the
            ``scope`` of the key.
    """
    fitting = (reason for wanted, reason in _REASONS if wanted.items() <= seen.items())
    return next(fitting, "the evidence in this source does not decide it")
