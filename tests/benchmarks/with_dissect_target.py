"""The benchmark's reads through dissect.target, as its own plugins do them: ``python with_dissect_target.py DISK``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from dissect.target import Target

from tests.benchmarks.reads import KEY_FOLDERS, LSA, PROTECT_FOLDER, STORE, Reads, describe_entry


def main(disk: str) -> None:
    """Do the reads and print their summary."""
    reads = Reads()
    target = Target.open(disk)
    reads.stage("open")
    for folder in KEY_FOLDERS:
        for item in target.fs.get(f"sysvol/{folder}").scandir():
            entry = item.get()
            reads.key_file(entry.name, entry.open().read(), _rights(entry))
    reads.stage("key files")
    for item in target.fs.get(f"sysvol/{PROTECT_FOLDER}").scandir():
        if item.is_file() and item.name != "Preferred":
            reads.master_key(item.name, item.get().open().read())
    reads.stage("master keys")
    for key in target.registry.key(f"HKLM\\SOFTWARE\\{STORE}").subkeys():
        reads.certificate(key.name, key.value("Blob").value)
    reads.stage("certificates")
    for name in ("JD", "Skew1", "GBG", "Data"):
        reads.boot_key_class(name, target.registry.key(f"HKLM\\SYSTEM\\{LSA}\\{name}").class_name)
    for path in Reads.LSA_VALUES:
        reads.lsa_value(path, target.registry.key(f"HKLM\\SECURITY\\{path}").value("(Default)").value)
    reads.stage("boot key and LSA")
    print(json.dumps(reads.summary()))


def _rights(entry: Any) -> str:
    # Under the root entry stands one entry for each file system mounted there; the volume's is the only one.
    (below,) = entry.entries
    record = below.entry.dereference() if hasattr(below.entry, "dereference") else below.entry
    (information,) = record.attributes.STANDARD_INFORMATION
    descriptor = below.fs.ntfs.secure.lookup(information.security_id)
    entries = [
        describe_entry(ace.header.AceType.value, ace.header.AceFlags.value, ace.mask, ace.sid)
        for ace in descriptor.dacl.ace
    ]
    return ";".join([descriptor.owner, *entries])


if __name__ == "__main__":
    main(sys.argv[1])
