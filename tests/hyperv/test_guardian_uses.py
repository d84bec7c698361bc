"""Virtual machines as users of guardian certificates."""

from __future__ import annotations

from typing import Any

from forensics.hyperv.uses import guardian_uses
from forensics.tables.certificate import CertificateRow
from forensics.tables.hyperv import VmGuardianRow

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
    found = list(guardian_uses(rows, {1: held}))
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
