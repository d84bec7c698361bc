"""The certificate with which EFS encrypts a user's new files.

References:
    MS-EFSR; old files name their certificates in their own $EFS stream, which is not read here.
"""

from __future__ import annotations

from collections.abc import Iterator

from forensics.collectors.uses.consumers import EFS
from forensics.collectors.uses.context import Provenance, UseContext
from forensics.language import sentence
from forensics.tables.use import CertificateUseRow

_CURRENT_KEYS = "Software\\Microsoft\\Windows NT\\CurrentVersion\\EFS\\CurrentKeys"
_HASH = "CertificateHash"


def efs_uses(context: UseContext) -> Iterator[CertificateUseRow]:
    """Yield a row for each user whose files are encrypted."""
    for profile, view in context.user_hives():
        key = view.key(_CURRENT_KEYS)
        thumbprint = context.raw_thumbprint(view, key, _HASH) if key else None
        if key is not None and thumbprint is not None:
            place = Provenance(view.where(key, _HASH), key.timestamp)
            detail = sentence("new files of {rpartition}", rpartition=profile.path.rpartition("/")[2])
            yield context.use(EFS, place, thumbprint, detail=detail, owner_sid=profile.sid, account=profile.sid)
