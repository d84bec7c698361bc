"""Virtual machines as users of guardian certificates."""

from __future__ import annotations

from typing import Any

from forensics.hyperv.uses import guardian_uses
from forensics.tables.certificate import CertificateRow
from forensics.tables.hyperv import VmGuardianRow
from forensics.tables.key_chain import KeyChainRow

STORE = "Shielded VM Local Certificates"


def wrapping(name: str, encryption: str, signing: str, **values: Any) -> VmGuardianRow:
    known: dict[str, Any] = {"machine_id": 1, "source_path": "x", "configuration": f"{name}.vmcx", "is_owner": True}
    return VmGuardianRow(
        **(known | {"vm_name": name, "encryption_thumbprint": encryption, "signing_thumbprint": signing} | values)
    )


def uses(*rows: VmGuardianRow, **stores: str) -> list[tuple[str | None, str | None, str | None, str]]:
    held = [
        CertificateRow(machine_id=1, source_path="x", thumbprint=t, store=store, store_scope="machine")
        for t, store in stores.items()
    ]
    found = list(guardian_uses(rows, {1: held}, {}))
    assert {row.consumer for row in found} <= {"Hyper-V"}
    return [(row.thumbprint, row.detail, row.store, row.certainty) for row in found]


def test_both_certificates_of_the_only_guardian_are_used() -> None:
    assert uses(wrapping("VM1", "E", "S"), E=STORE, S=STORE) == [
        ("E", "VM1", STORE, "proved"),
        ("S", "VM1", STORE, "proved"),
    ]


def test_of_several_guardians_each_is_a_candidate() -> None:
    rows = (wrapping("VM1", "E", "S"), wrapping("VM1", "F", "T", is_owner=False))
    assert uses(*rows, E=STORE, F=STORE) == [("E", "VM1", STORE, "candidate"), ("F", "VM1", STORE, "candidate")]


def test_a_certificate_in_another_store_is_named_all_the_same_and_one_that_is_gone_is_not() -> None:
    assert uses(wrapping("VM1", "E", "S"), E="MY") == [("E", "VM1", None, "proved")]


def test_a_machine_that_no_host_lists_and_a_checkpoint() -> None:
    assert uses(wrapping("VM1", "E", "S", machine_id=0, is_checkpoint=True), E=STORE) == [
        ("E", "VM1 (checkpoint)", STORE, "candidate")
    ]


def test_windows_opens_the_key_for_hyperv_as_its_chain_says() -> None:
    held = [
        CertificateRow(machine_id=1, source_path="x", thumbprint=t, store=STORE, store_scope="machine") for t in "ES"
    ]
    broken = KeyChainRow(
        machine_id=1,
        source_path="x",
        thumbprint="E",
        store=STORE,
        verdict="unusable",
        broken_at="key_file",
        key_file="absent",
        key_file_path=None,
        reason="the key file is not on this disk",
    )
    elsewhere = KeyChainRow(machine_id=1, source_path="x", thumbprint="E", store="MY", verdict="usable")
    sealed = KeyChainRow(
        machine_id=1,
        source_path="x",
        thumbprint="S",
        store=STORE,
        private_key="sealed_tpm",
        key_file_path="k",
        reason="it is sealed",
    )
    found = guardian_uses([wrapping("VM1", "E", "S")], {1: held}, {1: [broken, elsewhere, sealed]})
    assert [(u.opens, u.opens_broken_at, u.opens_reason, u.key_file_path) for u in found] == [
        ("unusable", "key_file", "the key file is not on this disk", None),
        ("unknown", None, "it is sealed", "k"),
    ]
