"""Where private keys lie: the folders of CAPI, CNG and the TPM provider, and whose each is.

References:
    Microsoft, Key Storage and Retrieval: Key Directories and Files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from forensics.collectors.evidence import KeyFolder
from forensics.collectors.profiles import (
    SERVICE_PROFILES,
    SYSTEM_SID,
    Profile,
    folder_exists,
    is_xp_layout,
    may_exist,
    program_data,
    sid_folders,
)
from forensics.sources.coverage import together
from forensics.sources.installation import Installation
from forensics.tables.certificate import KeyFileKind, KeyFileScope
from forensics.tables.outcome import NOT_COLLECTED

_CAPI_ALGORITHMS = ("RSA", "DSS")


def collect_key_folders(installation: Installation, profiles: Sequence[Profile]) -> list[KeyFolder]:
    """Return every folder in which Windows looks for keys, and every other one of a SID that exists; each once."""
    found: dict[str, KeyFolder] = {}
    really: set[tuple[str, str, str | None, str]] = set()
    for folder in (*_shared(installation), *_of_profiles(installation, profiles)):
        # One key set may be led to by two paths; one folder may also serve two key sets.
        place = (folder.kind, folder.scope, folder.owner_sid, installation.really(folder.path).lower())
        if folder.path.lower() not in found and place not in really:
            really.add(place)
            found[folder.path.lower()] = folder
            name = "/".join(folder.path.replace("\\", "/").split("/")[-2:])
            installation.coverage.tell("folder", f"{name} ({folder.kind}, {folder.scope})", folder.outcome, folder.path)
    return list(found.values())


def _folder(
    installation: Installation, kind: KeyFileKind, scope: KeyFileScope, owner: str | None, path: str
) -> KeyFolder:
    listing = installation.listing(path)
    # The TPM provider has folders in its folder.
    below = [each for each in listing.entries if each.is_dir] if kind == "tpm" else []
    seen = together([listing.outcome, *(installation.listing(each.path).outcome for each in below)])
    return KeyFolder(kind, scope, owner, path, seen)


def _shared(installation: Installation) -> Iterator[KeyFolder]:
    crypto = f"{program_data(installation)}/Microsoft/Crypto"
    for algorithm in _CAPI_ALGORITHMS:
        base = f"{crypto}/{algorithm}"
        yield _folder(installation, "capi", "machine", SYSTEM_SID, f"{base}/MachineKeys")
        yield _folder(installation, "capi", "system", SYSTEM_SID, f"{base}/{SYSTEM_SID}")
        for sid in SERVICE_PROFILES:
            yield _folder(installation, "capi", "service", sid, f"{base}/{sid}")
        yield from _foreign(installation, base)
    if is_xp_layout(installation):
        return
    yield _folder(installation, "cng", "machine", SYSTEM_SID, f"{crypto}/Keys")
    yield _folder(installation, "cng", "system", SYSTEM_SID, f"{crypto}/SystemKeys")
    yield _folder(installation, "tpm", "machine", SYSTEM_SID, f"{crypto}/PCPKSP")


def _foreign(installation: Installation, base: str, scope: KeyFileScope = "user") -> Iterator[KeyFolder]:
    """Folders of SIDs that Windows would not look for here: they exist, so they are read."""
    if folder_exists(installation, base):
        for entry in sid_folders(installation, base):
            yield _folder(installation, "capi", _scope_of(entry.name, scope), entry.name.upper(), entry.path)


def _scope_of(sid: str, default: KeyFileScope) -> KeyFileScope:
    return "system" if sid == SYSTEM_SID else "service" if sid.upper() in SERVICE_PROFILES else default


def _of_profiles(installation: Installation, profiles: Sequence[Profile]) -> Iterator[KeyFolder]:
    for profile in profiles:
        if profile.elsewhere:
            places: dict[KeyFileKind, str] = {
                "capi": f"{profile.roaming}/Microsoft/Crypto/RSA",
                "cng": f"{profile.roaming}/Microsoft/Crypto/Keys",
                "tpm": f"{profile.local}/Microsoft/Crypto/PCPKSP",
            }
            for kind, path in places.items():
                yield KeyFolder(kind, profile.scope, profile.sid, path, NOT_COLLECTED)
            continue
        crypto = f"{profile.roaming}/Microsoft/Crypto"
        # SYSTEM and the service accounts have their main folders elsewhere: theirs count only where they exist.
        canonical = profile.scope == "user"
        for algorithm in _CAPI_ALGORITHMS:
            base = f"{crypto}/{algorithm}"
            if canonical and profile.sid is not None:
                yield _folder(installation, "capi", "user", profile.sid, f"{base}/{profile.sid}")
            yield from _foreign(installation, base)
        if profile.is_xp:
            continue
        keys = f"{crypto}/Keys"
        if profile.scope != "system" or may_exist(installation, keys):
            yield _folder(installation, "cng", profile.scope, profile.sid, keys)
        tpm = f"{profile.local}/Microsoft/Crypto/PCPKSP"
        if canonical or may_exist(installation, tpm):
            yield _folder(installation, "tpm", profile.scope, profile.sid, tpm)
