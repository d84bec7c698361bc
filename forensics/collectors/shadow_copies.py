"""Volume shadow copies that a volume has: listed, none of them opened.

The volume's catalog names them. A file that keeps one and is not named there belongs to another volume, or what named
it is lost: that there are no others is then not known.

References:
    https://github.com/libyal/libvshadow/blob/main/documentation/Volume%20Shadow%20Snapshot%20(VSS)%20format.asciidoc
"""

from __future__ import annotations

from collections.abc import Sequence

from forensics.disk.shadow_copy import KnowsPresent, ShadowCopy
from forensics.disk.tree import KeepsShadowCopies, NotFound, Tree, Unreadable, damage_of
from forensics.lack_of_memory import suppressed
from forensics.language import said_by, sentence
from forensics.late_methods import dataclass
from forensics.sources.installation import Installation, outcome_of
from forensics.tables.outcome import Outcome
from forensics.tables.shadow_copy import ShadowCopyRow

FOLDER = "System Volume Information"
_STORE = "}{3808876b-c176-4e48-b7ae-04046e6cc752}"
"""End of the name of a file that keeps one copy; that of the catalog has the last GUID alone."""
_NEEDLESS = sentence("shadow copies are searched only for what a broken key lacks")


@dataclass(frozen=True, slots=True)
class KnownCopies:
    """The shadow copies of a volume.

    Attributes:
        copies: Those that its catalog names, the newest first.
        more: Why there may be others; None where there are none.
        failure: What kept the catalog from being read; None where it was read.
    """

    copies: Sequence[ShadowCopy] = ()
    more: Outcome | None = None
    failure: Unreadable | None = None


def known_copies(tree: Tree) -> KnownCopies:
    """List the shadow copies of a volume.

    What was copied out of a volume, a WIM or a collection, has none of it; nor has a volume as a shadow copy has it.
    """
    if not isinstance(tree, KeepsShadowCopies) or isinstance(tree, KnowsPresent):
        return KnownCopies()
    try:
        copies = tree.shadow_copies()
    except Unreadable as reason:
        return KnownCopies((), outcome_of(reason), reason)
    try:
        names = (entry.name.lower() for entry in tree.entries(FOLDER))
        kept = [name[1 : -len(_STORE)] for name in names if name.endswith(_STORE)]
        damage = damage_of(tree, FOLDER)
    except NotFound:
        kept, damage = [], None
    except Unreadable as reason:
        kept, damage = [], said_by(reason)
    unnamed = sorted(set(kept) - {copy.identifier for copy in copies})
    if unnamed:
        return KnownCopies(copies, Outcome("partial" if copies else "not_examined", _told(unnamed)))
    if damage is not None and not copies:
        # That the volume has no catalog either does not prove it: the damage may have taken both.
        return KnownCopies(
            (),
            Outcome(
                "not_examined",
                sentence("whether it has any is not known: {folder}: {damage}", folder=FOLDER, damage=damage),
            ),
        )
    return KnownCopies(copies)


def _told(unnamed: Sequence[str]) -> str:
    if len(unnamed) == 1:
        what, whose = (
            sentence("shadow copy {unnamed}", unnamed=unnamed[0]),
            sentence("it belongs to another volume, or the catalog has lost it"),
        )
    else:
        what = sentence("{count} shadow copies, {unnamed} among them", count=len(unnamed), unnamed=unnamed[0])
        whose = sentence("they belong to another volume, or the catalog has lost them")
    return sentence(
        "{folder} keeps {what}, which the catalog of this volume does not name: {whose}",
        folder=FOLDER,
        what=what,
        whose=whose,
    )


def collect_shadow_copies(installation: Installation) -> list[ShadowCopyRow]:
    """Return the shadow copies of the volume of an installation, and say in coverage where there may be others."""
    return _rows(installation, installation.own_tree, FOLDER, installation.volume)


def shadow_copies_beside(installation: Installation) -> list[ShadowCopyRow]:
    """Return the shadow copies of the other volumes of an installation's disk, which only a broken key needs."""
    found: list[ShadowCopyRow] = []
    for volume in installation.disk_volumes:
        if volume.name == installation.volume or volume.open is None:
            continue
        with suppressed():  # a volume that does not open is told where its files are looked for
            found += _rows(installation, volume.open(), volume.label(FOLDER), volume.name)
    return found


def _rows(installation: Installation, tree: Tree, folder: str, volume: str | None) -> list[ShadowCopyRow]:
    known = known_copies(tree)
    if known.failure is not None:
        installation.problem(folder, known.failure.kind, str(known.failure))
    if known.more is not None:
        installation.coverage.tell("volume", "shadow copies", known.more, folder)
    return [
        ShadowCopyRow(
            machine_id=installation.machine_id,
            source_path=f"{folder}/{{{copy.identifier}{_STORE}",
            id=copy.identifier,
            created=copy.created,
            volume=volume,
            examined="not_examined",
            why=_NEEDLESS,
        )
        for copy in known.copies
    ]
