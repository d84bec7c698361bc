"""An NTFS image carried on from one state of its files to the next, as a driver would: in place.

What stays is not touched, a file that is written anew keeps its record and, as far as it fits, its clusters, and what
is deleted leaves its record and content behind until something else takes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from testdata.builder.change_journal import Change
from testdata.builder.files import FileSpec
from testdata.builder.ntfs import NtfsError, NtfsExtras, VolumeWriter
from testdata.builder.ntfs_library import NtfsVolume


def change_ntfs(
    image: Path,
    before: Iterable[FileSpec],
    after: Iterable[FileSpec],
    *,
    default_sd: bytes | None = None,
    changes: Sequence[Change] = (),
    deleted: Sequence[FileSpec] = (),
) -> None:
    """Turn the files of a volume into others; the same call on the same bytes writes the same bytes.

    Args:
        image: Volume that :func:`testdata.builder.ntfs.build_ntfs` made.
        before: Files and folders that are on it, at least those that change.
        after: What shall be of them, and what shall be new; what is missing of ``before`` is deleted.
        default_sd: Security descriptor of new files that name none.
        changes: What the change journal tells afterwards, of a volume that had none.
        deleted: Files that are written and deleted besides.

    Raises:
        NtfsError: libntfs-3g refuses, or a change that is none of new, deleted or other bytes and dates.
    """
    old, new = {spec.path: spec for spec in before}, {spec.path: spec for spec in after}
    gone = [old[path] for path in sorted(old.keys() - new.keys(), key=lambda path: (-path.count("/"), path))]
    made = [new[path] for path in sorted(new.keys() - old.keys())]
    altered = [spec for path, spec in new.items() if path in old and old[path] != spec]
    for spec in altered:
        if (spec.is_dir, spec.sd, spec.streams) != (old[spec.path].is_dir, old[spec.path].sd, old[spec.path].streams):
            raise NtfsError(f"{spec.path} changes more than its content and dates")
    with NtfsVolume(image) as volume:
        named = [*(spec.path for spec in (*gone, *altered)), *(change.path for change in changes)]
        records = _records(volume, [*named, *(spec.path for spec in (*made, *deleted))])
        writer = VolumeWriter(volume, {}, default_sd, NtfsExtras(changes=changes, deleted=deleted))
        writer.records.update(records)
        for spec in gone:
            volume.delete(records[_folder(spec.path)], records[spec.path], spec.path.rpartition("/")[2])
            del writer.records[spec.path]
        _rewrite(volume, altered, records)
        writer.write(made)
        touched = {_folder(spec.path) for spec in (*gone, *deleted)} - {spec.path for spec in gone}
        _date(volume, touched, new, writer.records)


def _records(volume: NtfsVolume, paths: Iterable[str]) -> dict[str, int]:
    wanted = {"", *paths}
    wanted.update(str(above) for path in tuple(wanted) for above in PurePosixPath(path).parents if str(above) != ".")
    found = {path: volume.find(path) for path in sorted(wanted)}
    return {path: record for path, record in found.items() if record is not None}


def _rewrite(volume: NtfsVolume, altered: Sequence[FileSpec], records: Mapping[str, int]) -> None:
    for spec in altered:
        with volume.open(records[spec.path]) as inode:
            if spec.data is not None:
                inode.truncate(len(spec.data))
                inode.write("", spec.data)
            inode.set_times(spec.created, spec.modified, spec.modified)


def _date(volume: NtfsVolume, folders: Iterable[str], new: Mapping[str, FileSpec], records: Mapping[str, int]) -> None:
    # Deleting put the present into the times of the folder.
    for path in sorted(folders):
        spec = new.get(path, FileSpec(path, data=None))
        with volume.open(records[path]) as inode:
            inode.set_times(spec.created, spec.modified, spec.modified)


def _folder(path: str) -> str:
    return path.rpartition("/")[0]
