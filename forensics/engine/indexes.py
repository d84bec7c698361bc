"""Indexes over the evidence: what rules look up, so that a store of thousands of certificates is not read thousands
of times.

SQLite has no statistics to choose by, so nearly every index begins with the machine and goes on with what is looked up.
That over the machine alone serves the conditions that look up nothing else: without it, each of a thousand machines
would read what all have.

References:
    https://www.sqlite.org/optoverview.html
    https://www.sqlite.org/partialindex.html
"""

from __future__ import annotations

from collections.abc import Iterator

MANY = 100
"""Work: rows from which an index pays for itself."""

# Columns behind machine_id. Long tables alone come to have one; the others are read as a whole.
_LOOKED_UP = {
    "certificate": (
        "thumbprint, source_path",
        # "Is there a newer one of this subject" is one step in it.
        "subject, store, not_after",
        *("public_key_sha256", "container", "renewal_of"),
    ),
    "certificate_use": ("thumbprint", "sha256", "consumer"),
    "ca_eklist_entry": ("ek_hash",),
    "event": ("event_id", "thumbprint", "key_name", "key_file_name", "machine_guid"),
    "folder_acl": ("path",),
    "key_chain": ("thumbprint, verdict", "key_file_path", "master_key_guid"),
    "key_file": ("path", "file_name", "name_hash", "public_key_sha256", "second_public_key_sha256"),
    "master_key": ("guid",),
    "package": ("kb",),
    "policy": ("area, name",),
    "problem": ("source_path",),
    "provider": ("lower(name)",),
    "secret": ("name",),
    "service": ("name",),
    "setup_event": ("phase, time", "kind, time", "machine_guid"),
    "template": ("name", "oid"),
    "user": ("sid",),
}
# What is looked up of whatever machine it is. Each serves conditions about its last column only, so that nothing else
# goes through the rows of all machines.
_OF_ALL = {
    # What every rule asks that must know what was examined: once for all machines.
    "coverage": ("area, lower(name)",),
    "machine": ("lower(vm_name)",),
    "guardian": ("thumbprint",),
    "shared_key": ("public_key_sha256",),
}
# Most keys are well, so most rules ask for few of all rows, whatever their machine.
_STATES = {"key_chain": ("key_file", "public_key", "access", "master_key", "unlocked_by", "private_key")}


def indexes(table: str, rows: int) -> Iterator[str]:
    """Yield the statements that index a table.

    Args:
        table: Its name.
        rows: How many it holds.
    """
    if rows < MANY:
        return
    yield f'CREATE INDEX "{table} machine" ON "{table}" (machine_id)'
    for number, columns in enumerate(_LOOKED_UP.get(table, ())):
        # Nobody looks up what is empty, and many columns are empty nearly everywhere.
        where = f"{columns.split(',')[0]} IS NOT NULL"
        yield f'CREATE INDEX "{table} {number}" ON "{table}" (machine_id, {columns}) WHERE {where}'
    for columns in _OF_ALL.get(table, ()):
        where = f"{columns.split(', ')[-1]} IS NOT NULL"
        yield f'CREATE INDEX "{table} {columns}" ON "{table}" ({columns}) WHERE {where}'
    for column in _STATES.get(table, ()):
        yield f'CREATE INDEX "{table} {column}" ON "{table}" ({column})'
