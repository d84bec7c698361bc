"""What cannot be read is not absent: broken store elements, torn logs, several key protectors, values that are gone."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from forensics.collectors.certificates import collect_certificates
from forensics.collectors.hyperv.configuration import read_configuration
from forensics.collectors.hyperv.evidence import HyperVEvidence
from forensics.formats.hyperv.storage import parse_hyperv_storage
from forensics.hyperv.judge import judge_hyperv
from forensics.tables.certificate import CertificateRow
from forensics.tables.hyperv import VmRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.machine import MachineRow
from forensics.tables.record import CoverageRow
from forensics.tables.row import Row
from testdata.builder.hyperv_storage import Pending, Value, build_image
from testdata.builder.key_protector import EMPTY_KEY_PROTECTOR, GuardianPair, write_key_protector
from testdata.builder.scenarios.hyperv_host import FIRST, SECOND
from testdata.builder.virtual_machine import VIRTUAL_TPM, VirtualMachine
from tests.collectors.virtual import installation, software_hive
from tests.exports import APP

STORE = "Shielded VM Local Certificates"
TPM = f"configuration/_{VIRTUAL_TPM}_"
OF_FIRST = write_key_protector(FIRST)
OF_SECOND = write_key_protector(SECOND)


def _host(*pairs: GuardianPair, **chain: str) -> list[Row]:
    """HV01, on which both keys of some pairs open unless ``chain`` says otherwise."""
    rows: list[Row] = [
        MachineRow(machine_id=1, source_path="Windows", computer_name="HV01"),
        CoverageRow(machine_id=1, source_path="SOFTWARE", area="hive", name="SOFTWARE", outcome="present"),
    ]
    for pair in pairs:
        for certificate in (pair.encryption, pair.signing):
            common: dict[str, Any] = {
                "machine_id": 1,
                "thumbprint": certificate.thumbprint,
                "store": STORE,
                "store_scope": "machine",
            }
            rows.append(CertificateRow(source_path="SOFTWARE", sha256="", **common))
            told: dict[str, Any] = {"verdict": "usable", "key_file": "present", **chain}
            rows.append(KeyChainRow(source_path="SOFTWARE", **common, **told))
    return rows


def _unreadable(thumbprint: str) -> CoverageRow:
    return CoverageRow(
        machine_id=1,
        source_path="SOFTWARE",
        area="certificate",
        name=thumbprint,
        outcome="unreadable",
        detail=f"store {STORE}",
    )


def _judged(vmcx: bytes, rows: list[Row]) -> VmRow:
    storage = parse_hyperv_storage(lambda offset, length: vmcx[offset : offset + length], len(vmcx))
    evidence, _ = read_configuration(storage, VmRow(machine_id=1, source_path="a.vmcx"))
    judged = judge_hyperv([HyperVEvidence("memory", True, 1, vms=[evidence])], rows)
    (vm,) = [row for row in judged if isinstance(row, VmRow)]
    return vm


def _vmcx(protector: bytes | None = OF_FIRST, name: str = "KeyProtector", **further: Value) -> bytes:
    values = {f"{TPM}/{key}": value for key, value in further.items()}
    return VirtualMachine("APP01", APP, protector=protector, protector_name=name, further=values).vmcx()


# --- certificates that are there and cannot be read


def test_a_certificate_whose_entry_cannot_be_read_is_not_absent() -> None:
    lost = _judged(_vmcx(), [*_host(), _unreadable(FIRST.encryption.thumbprint)])
    assert lost.starts_here == "unknown"
    assert lost.starts_because == (
        f"needs the encryption certificate {FIRST.encryption.thumbprint}: its entry in a certificate store of the host "
        "cannot be read"
    )
    assert _judged(_vmcx(), [*_host(), _unreadable(SECOND.encryption.thumbprint)]).starts_here == "no"


@pytest.mark.parametrize("blob", [None, b"", b"\x20\0\0\0\1\0\0\0\xff\0\0\0\x30", b"\xff" * 40])
def test_a_broken_element_is_told_by_its_name(blob: bytes | None) -> None:
    software = software_hive()
    name = hashlib.sha1(b"any").hexdigest()
    key = software.key(f"Microsoft\\SystemCertificates\\{STORE}\\Certificates\\{name}")
    if blob is not None:
        key.binary("Blob", blob)
    examined = installation({}, {"SOFTWARE": software})
    assert collect_certificates(examined, []) == []
    told = [(c.name, c.outcome, c.detail) for c in examined.coverage if c.area == "certificate"]
    assert told == [(name.upper(), "unreadable", f"store {STORE}")]


# --- several key protectors


@pytest.mark.parametrize("here", [(FIRST,), (SECOND,), (FIRST, SECOND), ()])
def test_two_key_protectors_of_which_nothing_tells_the_current_one(here: tuple[GuardianPair, ...]) -> None:
    vm = _judged(_vmcx(OF_FIRST, "a1", a2=OF_SECOND), _host(*here))
    assert vm.starts_here == {0: "no", 1: "unknown", 2: "yes"}[len(here)]
    assert sorted(vm.needs) == sorted(c.thumbprint for p in (FIRST, SECOND) for c in (p.encryption, p.signing))
    assert (vm.owner, vm.key_protector_at) == (None, f"{TPM}/a1; {TPM}/a2")
    if len(here) == 1:
        assert "2 key protectors for different guardians" in vm.starts_because


def test_two_copies_of_one_key_protector_are_one() -> None:
    vm = _judged(_vmcx(OF_FIRST, "a1", a2=OF_FIRST), _host(FIRST))
    assert (vm.starts_here, vm.owner, vm.key_protector_at) == ("yes", FIRST.signing.thumbprint, f"{TPM}/a1")


def test_a_name_tells_the_key_protector_of_the_last_good_start() -> None:
    vm = _judged(_vmcx(OF_FIRST, LastKnownGoodKeyProtector=OF_SECOND), _host(FIRST))
    assert (vm.starts_here, len(vm.needs)) == ("yes", 2)


def test_an_empty_key_protector_is_not_filled_by_that_of_the_last_good_start() -> None:
    vm = _judged(_vmcx(EMPTY_KEY_PROTECTOR, LastKnownGoodKeyProtector=OF_FIRST), _host(FIRST))
    assert (vm.key_protector, vm.starts_here, vm.needs) == ("empty", "unknown", [])
    assert vm.starts_because.endswith(f"that of the last good start still stands at {TPM}/LastKnownGoodKeyProtector")


def test_a_damaged_key_protector_is_not_replaced_by_that_of_the_last_good_start() -> None:
    vm = _judged(_vmcx(OF_FIRST[:1500], LastKnownGoodKeyProtector=OF_FIRST), _host(FIRST))
    assert (vm.key_protector, vm.key_protector_at, vm.starts_here) == ("damaged", f"{TPM}/KeyProtector", "unknown")


# --- a log that is not whole


@pytest.mark.parametrize("held", [FIRST, SECOND])
@pytest.mark.parametrize("wrong", [34, 4096 + 10, 0])
def test_a_torn_log_decides_nothing(held: GuardianPair, wrong: int) -> None:
    """34: the first entry; 4106: the bytes of it; 0: the log itself."""
    before = VirtualMachine("APP01", APP, protector=OF_FIRST).values()
    after = VirtualMachine("APP01", APP, protector=OF_SECOND).values()
    image = build_image(after, log=Pending(before))
    assert _judged(bytes(image.data), _host(SECOND)).starts_here == "yes"
    assert _judged(bytes(image.data), _host(FIRST)).starts_here == "no"
    image.data[image.log_offset + wrong] ^= 1
    vm = _judged(bytes(image.data), _host(held))
    assert (vm.vtpm, vm.starts_here) == ("unknown", "unknown")
    assert vm.starts_because.startswith("the log of its configuration could not be applied as a whole")


# --- values that could not be read


@pytest.mark.parametrize("name", ["KeyProtector", "any"])
def test_a_value_that_was_not_read_may_be_the_key_protector(name: str) -> None:
    image = build_image(VirtualMachine("APP01", APP, protector=OF_FIRST + b" " * 8192, protector_name=name).values())
    at = image.files[f"{TPM}/{name}"]
    vm = _judged(bytes(image.data[:at]), _host(FIRST))
    assert (vm.key_protector, vm.key_protector_at, vm.starts_here) == ("damaged", f"{TPM}/{name}", "unknown")


# --- more guardians than are read


def test_a_limit_of_the_reader_proves_no_no() -> None:
    many = _vmcx(write_key_protector(FIRST, [SECOND] * 300))
    storage = parse_hyperv_storage(lambda offset, length: many[offset : offset + length], len(many))
    _, problems = read_configuration(storage, VmRow(machine_id=1, source_path="a.vmcx"))
    assert [problem.kind for problem in problems] == ["too_many"]
    undecided = _judged(many, _host())
    assert undecided.starts_here == "unknown"
    assert undecided.starts_because.startswith("its key protector names more guardians than are read")
    assert _judged(many, _host(SECOND)).starts_here == "yes"


# --- what is said


def test_the_reason_is_that_of_the_chain() -> None:
    other = "the key file holds another key than the certificate's"
    vm = _judged(_vmcx(), _host(FIRST, verdict="unusable", broken_at="public_key", reason=other))
    assert vm.starts_here == "likely_no"
    assert vm.starts_because.endswith(f": Windows cannot open its private key: {other}")


def test_several_guardians_are_counted() -> None:
    vm = _judged(_vmcx(write_key_protector(FIRST, [SECOND])), _host())
    assert vm.starts_because == (
        "needs the encryption certificate of one of its 2 guardians, and none is known to open here; of "
        f"{FIRST.encryption.thumbprint}, which comes closest: it is not there"
    )


def test_signatures_that_do_not_fit_are_told_of() -> None:
    sound = _judged(_vmcx(), _host(FIRST))
    # The guardian's own certificate in the place of another: its signature was made over that one.
    changed = write_key_protector(FIRST, [SECOND]).decode()
    values = [part.split("<", 1)[0] for part in changed.split("SignatureValue>")[1::2]]
    swapped = changed.replace(values[0], "@").replace(values[3], values[0]).replace("@", values[3]).encode()
    vm = _judged(_vmcx(swapped), _host(FIRST))
    assert (sound.starts_here, vm.starts_here) == ("yes", "yes")
    assert "[MS-KPS]" in vm.starts_because
    assert "[MS-KPS]" not in sound.starts_because
