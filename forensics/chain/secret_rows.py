"""Table secret: what unlocking DPAPI_SYSTEM showed; never a value."""

from __future__ import annotations

from dataclasses import replace

from forensics.collectors.evidence import Evidence
from forensics.dpapi.lsa import DpapiSystem
from forensics.language import sentence
from forensics.tables.secrets import SecretRow


def secret_rows(evidence: Evidence, system: DpapiSystem) -> list[SecretRow]:
    """Return the rows with fingerprints and ``validated``; a stored secret that does not open is a problem.

    Without the SYSTEM hive, which holds the boot key, nobody could try: the secret is ``not_examined``.
    """
    return [_row(row, evidence, system) for row in evidence.secrets]


def _row(row: SecretRow, evidence: Evidence, system: DpapiSystem) -> SecretRow:
    secret = {"current": system.current, "previous": system.previous}.get(row.generation)
    if secret is not None:
        return replace(
            row,
            validated=True,
            fingerprint=secret.fingerprint,
            machine_fingerprint=secret.machine_fingerprint,
            user_fingerprint=secret.user_fingerprint,
        )
    if row.outcome != "present":
        return row
    if not evidence.installation.hive_outcome("SYSTEM").is_there:
        return replace(row, outcome="not_examined")
    if row.generation == "previous" and system.never_changed:
        return replace(row, outcome="absent")
    reason = system.reason or sentence("it is not a DPAPI_SYSTEM secret of version 1 and length 44")
    message = sentence("DPAPI_SYSTEM ({generation}) does not open: {reason}", generation=row.generation, reason=reason)
    evidence.installation.problem(row.source_path, "secret_unreadable", message)
    return replace(row, outcome="unreadable")
