"""Key files as they lie, had again from whatever tree they were found in."""

from __future__ import annotations

import pytest

from forensics.collectors.evidence import KeyFileEvidence, MasterKeyEvidence
from forensics.collectors.key_content import MAX_FILE_SIZE
from forensics.collectors.lying_file import file_as_it_lies
from forensics.collectors.name_search import FoundFile
from forensics.disk.tree import Entry, NotFound, NotObtained
from forensics.registry.hives import open_hive
from forensics.sources.installation import Installation
from forensics.tables.certificate import KeyFileRow
from forensics.tables.secrets import MasterKeyRow
from testdata.builder import acl
from tests.memory_tree import MemoryTree


class WithAttributes(MemoryTree):
    def attributes(self, item: Entry | str) -> int | None:
        return 0x26


def installation(tree: MemoryTree) -> Installation:
    return Installation(1, "memory", tree, "Windows", "", open_hive)


def key_file(path: str, where: FoundFile | None = None) -> KeyFileEvidence:
    row = KeyFileRow(machine_id=1, path=path, file_name="f", kind="capi", scope="machine", source_path=path)
    return KeyFileEvidence(row, where=where)


def test_one_in_its_folder() -> None:
    tree = WithAttributes({"k/f": b"key"}, descriptors={"k/f": acl.RDP_KEY_SD})
    lying = file_as_it_lies(installation(tree), key_file("k/f"))
    assert (lying.data, lying.attributes) == (b"key", 0x26)
    assert lying.security is not None
    assert (lying.security.owner, len(lying.security.dacl or ())) == ("S-1-5-18", 3)
    assert "key" not in repr(lying)


@pytest.mark.parametrize("label", ["k/f (deleted, file record 98)", "k/f (shadow copy 4 of 2026)", "partition 2/k/f"])
def test_one_that_was_found_in_another_tree(label: str) -> None:
    """Whatever rows call it: its bytes are had from the tree in which it was found."""
    where = FoundFile(MemoryTree({"then/f": b"older"}), "then/f", label)
    lying = file_as_it_lies(installation(MemoryTree({"k/f": b"today"})), key_file(label, where))
    assert (lying.data, lying.security, lying.attributes) == (b"older", None, None)


def test_a_master_key() -> None:
    row = MasterKeyRow(machine_id=1, guid="g", path="p/g", source_path="p/g")
    assert file_as_it_lies(installation(MemoryTree({"p/g": b"master"})), MasterKeyEvidence(row)).data == b"master"


def test_what_is_not_had() -> None:
    tree = MemoryTree({"k/large": b"x" * (MAX_FILE_SIZE + 1)})
    with pytest.raises(NotFound):
        file_as_it_lies(installation(tree), key_file("k/f"))
    with pytest.raises(NotObtained, match="more than 262144 bytes"):
        file_as_it_lies(installation(tree), key_file("k/large"))


def test_an_access_list_that_lies_is_none() -> None:
    tree = MemoryTree({"k/f": b"key"}, descriptors={"k/f": b"no descriptor"})
    assert file_as_it_lies(installation(tree), key_file("k/f")).security is None
