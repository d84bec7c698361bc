"""DPAPI_SYSTEM of older states of a Windows: asked only for a master key that no secret of today opens.

Its backup hives (RegBack) are such a state, and so are its hives in each shadow copy of its volume.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from forensics.collectors.lsa import collect_lsa, sealed_secrets
from forensics.dpapi.lsa import DpapiSystem, SystemSecret, unlock_dpapi_system
from forensics.lack_of_memory import how
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.sources.backup_hives import reader_of_backups
from forensics.sources.coverage import Coverage
from forensics.sources.former import former_windows
from forensics.sources.installation import Installation
from forensics.sources.volumes import find_windows

if TYPE_CHECKING:
    from forensics.collectors.past_volumes import PastVolume, PastVolumes
    from forensics.disk.tree import Tree

_MOST_WINDOWS = 8
"""Work: Windows folders in one shadow copy whose hives are asked for their secret, that of the installation first."""


@dataclass(frozen=True, slots=True)
class OlderSecret:
    """What the hives of an older state gave.

    Attributes:
        hives: The folder in which they lie, as rows name it.
        system: Their DPAPI_SYSTEM.
    """

    hives: str
    system: DpapiSystem


class OlderSecrets:
    """The DPAPI_SYSTEM of each older state, the backup hives first, then the shadow copies, the newest first.

    Args:
        installation: Whose.
        past: Its volume as it was.
        today: What its own hives hold, which is not tried again.
    """

    def __init__(self, installation: Installation, past: PastVolumes, today: DpapiSystem) -> None:
        self._installation = installation
        self._past = past
        self._known = {secret.fingerprint for secret in _secrets_of(today)}
        self._opened = {sealed_secrets(installation)} if self._known else set()
        self._had: list[OlderSecret] = []
        self._more = self._read()

    def __iter__(self) -> Iterator[OlderSecret]:
        yield from self._had
        for secret in self._more:
            self._had.append(secret)
            yield secret

    @property
    def not_had(self) -> str | None:
        """Why there may be more, now that all were asked for; None where there is none."""
        return self._past.not_searched

    def _read(self) -> Iterator[OlderSecret]:
        backups = reader_of_backups(self._installation)
        if backups is not None:
            yield from self._new(backups)
        for volume in self._past.own:
            tree = volume.tree()
            if tree is None:
                continue
            try:
                yield from self._in_copy(volume, tree)
            except Exception as error:  # whatever the libraries behind a tree raise on damaged or hostile bytes
                volume.fail(sentence("reading its hives failed {how}", how=how(error)))

    def _in_copy(self, volume: PastVolume, tree: Tree) -> Iterator[OlderSecret]:
        now = self._installation
        formers = (root.windows for root in former_windows(tree, now.drive, Coverage(0)))
        folders = dict.fromkeys((now.windows, *(found.path for found in find_windows(tree)), *formers))
        for windows in islice(folders, _MOST_WINDOWS):
            then = Installation(
                machine_id=now.machine_id,
                source_path=now.source_path,
                tree=tree,
                windows=windows,
                drive=now.drive,
                open_hive=now.open_hive,
            )
            for reader in (then, reader_of_backups(then)):
                if reader is not None:
                    yield from self._new(reader, volume)

    def _new(self, reader: Installation, volume: PastVolume | None = None) -> Iterator[OlderSecret]:
        """Yield the secret of some hives, unless it is one that was had already."""
        hives = reader.in_windows(reader.hive_folder)
        sealed = sealed_secrets(reader)
        _tell_unread(reader, "SECURITY", volume)
        if sealed in self._opened or sealed is None:
            return
        system = unlock_dpapi_system(collect_lsa(reader))
        _tell_unread(reader, "SYSTEM", volume)
        secrets = {secret.fingerprint for secret in _secrets_of(system)}
        if secrets:
            self._opened.add(sealed)
        elif volume is not None:
            volume.fail(
                sentence("the DPAPI_SYSTEM in {hives} did not open: {reason}", hives=hives, reason=system.reason)
            )
        if secrets - self._known:
            self._known |= secrets
            yield OlderSecret(hives if volume is None else volume.label(hives), system)


def _secrets_of(system: DpapiSystem) -> Iterable[SystemSecret]:
    return (secret for secret in (system.current, system.previous) if secret is not None)


def _tell_unread(reader: Installation, hive: str, volume: PastVolume | None) -> None:
    outcome = reader.hive_outcome(hive)
    if volume is not None and not outcome.is_whole:
        where = reader.in_windows(f"{reader.hive_folder}/{hive}")
        volume.fail(sentence("its {where} could not be read whole: {why}", where=where, why=outcome.why))
