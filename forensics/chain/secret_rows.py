"""Writes into the table secret what unlocking DPAPI_SYSTEM showed; never a value."""

from __future__ import annotations

from forensics.collectors.evidence import Evidence
from forensics.dpapi.lsa import DpapiSystem


def fill_secret_rows(evidence: Evidence, system: DpapiSystem) -> None:
    """Fill fingerprints and ``validated``; a stored secret that does not open is ``unreadable`` and a problem.

    Without the SYSTEM hive, which holds the boot key, nobody could try: the secret is ``not_examined``.
    """
    has_boot_key = evidence.installation.hive_outcome("SYSTEM").is_there
    generations = {"current": system.current, "previous": system.previous}
    for row in evidence.secrets:
        secret = generations.get(row.generation)
        if secret is not None:
            row.validated = True
            row.fingerprint = secret.fingerprint
            row.machine_fingerprint = secret.machine_fingerprint
            row.user_fingerprint = secret.user_fingerprint
        elif row.outcome == "present" and not has_boot_key:
            row.outcome = "not_examined"
        elif row.outcome == "present":
            row.outcome = "unreadable"
            reason = system.reason or "it is not a DPAPI_SYSTEM secret of version 1 and length 44"
            message = f"DPAPI_SYSTEM ({row.generation}) does not open: {reason}"
            evidence.installation.problem(row.source_path, "secret_unreadable", message)
