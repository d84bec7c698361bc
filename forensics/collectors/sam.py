"""What SAM keeps of local accounts' passwords: read, never opened here."""

from __future__ import annotations

from forensics.collectors.profiles import MAX_PROFILES
from forensics.collectors.registry_view import RegistryView
from forensics.formats.sam import SamMaterial
from forensics.sources.installation import Installation

_ACCOUNT = "SAM\\Domains\\Account"
_HEX_DIGITS = 8
_MICROSOFT_ACCOUNT = "InternetUserName"


def collect_sam(installation: Installation) -> SamMaterial:
    """Gather the values that lead to the NT hashes of local accounts."""
    sam = RegistryView.of_machine(installation, "SAM")
    users: dict[int, bytes] = {}
    linked: set[int] = set()
    for key in sam.subkeys(f"{_ACCOUNT}\\Users", MAX_PROFILES):
        # Beside the accounts, by their number in hexadecimal digits, stands the list of their names.
        if len(key.name) != _HEX_DIGITS or not key.name.isalnum():
            continue
        try:
            rid = int(key.name, 16)
        except ValueError:
            continue
        value = sam.data(key, "V")
        if value is not None:
            users[rid] = value
        if sam.data(key, _MICROSOFT_ACCOUNT):
            linked.add(rid)
    return SamMaterial(sam.data(_ACCOUNT, "F"), users, frozenset(linked))
