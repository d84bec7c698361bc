"""What a row of each table is about: the identity and the name that findings give their subjects."""

from __future__ import annotations

_COMPUTER = (
    "coalesce((SELECT max(machine.computer_name) FROM machine WHERE machine.machine_id = this.machine_id),"
    " 'machine ' || this.machine_id)"
)


def called(row: str = "this") -> str:
    """Return the SQL for what to call a certificate: one without subject, as ACME issues them, by its thumbprint."""
    return f"CASE WHEN {row}.subject = '' THEN {row}.thumbprint ELSE {row}.subject END"


_SUBJECTS = {
    "machine": ("coalesce(this.computer_name, this.machine_guid, 'machine ' || this.machine_id)", "{id}"),
    "certificate": ("this.thumbprint", f"coalesce({called()}, this.thumbprint)"),
    "certificate_use": (
        "coalesce(this.thumbprint, this.source_path)",
        "this.consumer || coalesce(' ' || this.detail, '')",
    ),
    "key_file": ("this.path", "coalesce(this.container, this.file_name)"),
    "key_folder": ("this.path", "{id}"),
    "master_key": ("this.path", "this.guid"),
    "key_chain": (
        "coalesce(this.thumbprint, this.key_file_path)",
        f"coalesce({called()}, this.container, windows_path(this.machine_id, this.key_file_path))",
    ),
    "secret": ("this.name || ' ' || this.generation", "{id}"),
    "service": ("this.name", "{id}"),
    "user": ("this.sid", "coalesce(this.name, this.sid)"),
    "folder_acl": ("this.path", "windows_path(this.machine_id, this.path)"),
    "provider": ("this.name", "{id}"),
    "template": ("this.name", "{id}"),
    "policy": ("this.name", "{id}"),
    "shared_identity": (
        "coalesce(this.computer_name, 'installation ' || this.member) || ' on ' || this.disk",
        "{id}",
    ),
    "shared_key": (
        "coalesce(this.thumbprints ->> '$[0]', this.public_key_sha256)",
        "coalesce(this.subject, 'public key ' || substr(this.public_key_sha256, 1, 16))",
    ),
    "former_windows": ("this.folder", "{id}"),
    "efs_agent": ("this.thumbprint", f"coalesce({called()}, this.thumbprint)"),
    "secure_boot": (
        "coalesce((SELECT machine.computer_name FROM machine WHERE machine.machine_id = this.machine_id),"
        " 'machine ' || this.machine_id)",
        "{id}",
    ),
    "package": ("this.name", "{id}"),
    "tpm": (_COMPUTER, "{id}"),
    "ca": ("coalesce(this.common_name, this.name)", "{id}"),
    "ca_eklist": ("this.configured", "{id}"),
    "ca_eklist_entry": ("this.folder || '/' || this.name", "this.name"),
    "vm": (
        "coalesce(this.name, this.vm_id, this.source_path)",
        "{id} || CASE WHEN this.is_checkpoint THEN ' (checkpoint)' ELSE '' END",
    ),
    "vm_guardian": (
        "coalesce(this.vm_name, this.vm_id, this.configuration)",
        "{id} || CASE WHEN this.is_checkpoint THEN ' (checkpoint)' ELSE '' END",
    ),
    "guardian": ("coalesce(this.thumbprint, this.source_path)", f"coalesce({called()}, this.thumbprint)"),
    "bitlocker": ("this.disk || ', ' || this.volume", "{id}"),
}
CALLED_BY_SUBJECT = frozenset({"certificate", "key_chain", "guardian", "efs_agent"})
"""Tables whose rows are called by the subject of a certificate."""
KEY_TABLES = frozenset(
    {
        "key_chain",
        "certificate",
        "certificate_use",
        "key_file",
        "guardian",
        "shared_identity",
        "shared_key",
        "efs_agent",
    }
)
"""Tables whose findings explain each other only where they share a subject: keys, certificates, clones."""

_NAMED = {
    "vm": "this.needs",
    "vm_guardian": "coalesce(this.encryption_thumbprint, '') || ' ' || coalesce(this.signing_thumbprint, '')",
    "master_key": (
        "(SELECT group_concat(needing.thumbprint, ' ') FROM key_chain AS needing"
        " WHERE needing.machine_id = this.machine_id AND needing.master_key_guid = this.guid)"
    ),
}
"""Tables about something else whose rows name certificates: SQL for their thumbprints, in whatever stands between."""
COMPARED = KEY_TABLES | _NAMED.keys()
"""Tables whose findings are compared with others by the keys that they are about, or name."""

_ENDED = "CASE WHEN this.not_after < (SELECT as_of FROM examination) THEN 1 ELSE 0 END"
_STANDING = (
    f"CASE this.standing WHEN 'in_use' THEN {_ENDED} WHEN 'superseded' THEN 4 WHEN 'daily' THEN 5 ELSE 2 + {_ENDED} END"
)
_RANKS = {
    "certificate": _STANDING,
    "key_chain": _STANDING,
    "guardian": f"CASE WHEN this.named_by IS NOT NULL THEN 0 ELSE 2 END + {_ENDED}",
}
"""Tables whose rows have an end, and are in use or not; a guardian's certificate, where a virtual machine names it."""


def rank(table: str) -> str:
    """Return SQL for how much a row matters, 0 the most: what is in use before what is not, live before ended.

    NULL for tables without such rows.
    """
    return _RANKS.get(table, "NULL")


def named_keys(table: str) -> str:
    """Return SQL for the thumbprints that a row names besides its subject; NULL for tables that name none."""
    return _NAMED.get(table, "NULL")


def default_subject(table: str) -> tuple[str, str]:
    """Return SQL for the identity and the name of a row's subject, where the rule does not say."""
    identity, label = _SUBJECTS.get(table, ("this.source_path", "{id}"))
    return identity, label.replace("{id}", identity)
