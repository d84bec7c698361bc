"""Images ``hyperv-target`` and ``hyperv-hgs``: hosts on which each way to bring a guardian's certificate went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from testdata.builder import dpapi
from testdata.builder.certs import CNG_TPM
from testdata.builder.cng import CngKey
from testdata.builder.folders import MACHINE
from testdata.builder.key_protector import GuardianPair, guardian_pair, write_key_protector
from testdata.builder.machine import cng_link, machine
from testdata.builder.pcpkey import pcp_blob
from testdata.builder.scenario import SOUND, Disk, Judged, Scenario
from testdata.builder.scenarios.bound import TPM_SEALED
from testdata.builder.scenarios.broken_secrets import NOTHING
from testdata.builder.scenarios.hyperv_host import (
    BRANCH,
    FILE_GONE,
    FIRST,
    NO_KEY,
    PLAIN_VM,
    SECOND,
    HostScript,
    needs,
)
from testdata.builder.scenarios.hyperv_source import host_of
from testdata.builder.virtual_machine import HYPER_V, VirtualMachine

DEFAULT = f"{HYPER_V}/Virtual Machines"
WINDOWS_DEFAULT = "C:\\ProgramData\\Microsoft\\Windows\\Hyper-V\\Virtual Machines"
IN_MY: Judged = SOUND
"""The chain of a certificate does not ask in which store it lies."""


def _pair(host: str, number: int, guardian: str = "UntrustedGuardian") -> GuardianPair:
    return guardian_pair(
        guardian,
        host,
        datetime(2020, 1, number, 8, 0, tzinfo=UTC),
        datetime(2030, 1, number, 8, 0, tzinfo=UTC),
        number=number,
    )


OWN = guardian_pair(
    "UntrustedGuardian",
    "HV02",
    datetime(2022, 9, 5, 12, 0, tzinfo=UTC),
    datetime(2032, 9, 5, 12, 0, tzinfo=UTC),
    number=5,
)
STRANGE = _pair("HV03", 6)
HALF = _pair("HV04", 7)
DELETED = _pair("HV05", 8)
IN_TPM = _pair("HV06", 9)


def hyperv_target() -> Scenario:
    script = HostScript(
        machine(
            "hyperv-target",
            computer_name="HV02",
            product_name="Windows Server 2022 Standard",
            build="20348",
            ubr=3328,
        )
    )
    _own(script)
    _without_keys(script)
    _only_in_my(script)
    _not_decryptable(script)
    _without_signing(script)
    _deleted_key(script)
    _bound_to_tpm(script)
    return Scenario(
        "hyperv-target",
        "Hyper-V host HV02: certificates of other hosts' guardians brought there in every way but the right one",
        [Disk(script.volumes())],
        [script.truth()],
    )


def _vm(
    script: HostScript, number: int, name: str, pair: GuardianPair, starts: str, encryption: str, signing: str, why: str
) -> None:
    """Put a machine whose only guardian is ``pair`` and state its rows."""
    vm_id = f"{number:08x}-0a02-4b02-8c03-000000000002"
    vm = VirtualMachine(name, vm_id, version=0x0A00, protector=write_key_protector(pair))
    path = f"{DEFAULT}/{vm_id.upper()}.vmcx"
    script.put_vm(vm, path, listed_as=f"{WINDOWS_DEFAULT}\\{vm_id.upper()}.vmcx")
    columns: dict[str, Any] = {
        "source_path": path,
        "name": name,
        "vm_id": vm_id,
        "configuration_version": "10.0",
        "owner": pair.signing.thumbprint,
        "last_wrapped_by": pair.signing.thumbprint,
        "last_host": host_of(pair),
        "needs": needs(pair),
        "starts_here": starts,
    }
    script.state_vm(why, **PLAIN_VM | columns)
    script.state_wrapping(
        pair,
        vm_id=vm_id,
        vm_name=name,
        configuration=path,
        is_checkpoint=False,
        wrapping=1,
        is_owner=True,
        wrapped_last=True,
        host=host_of(pair),
        encryption_here=encryption,
        signing_here=signing,
        signatures="valid",
    )


def _guardian(
    script: HostScript, pair: GuardianPair, role: Any, judged: Judged, why: str, users: Sequence[str], **row: Any
) -> None:
    script.guardian(
        pair,
        role,
        judged,
        why,
        host=host_of(pair),
        generation=row.pop("generation", 1),
        is_newest=row.pop("is_newest", True),
        paired_by=row.pop("paired_by", "key_protector"),
        has_key_file=row.pop("has_key_file", True),
        needed_by=users,
        **row,
    )


def _own(script: HostScript) -> None:
    for role in ("signing", "encryption"):
        _guardian(script, OWN, role, SOUND, f"the host's own pair, {role}", ["OWN01"])
    _vm(script, 1, "OWN01", OWN, "yes", "usable", "usable", "of the host's own guardian")


def _without_keys(script: HostScript) -> None:
    """Both certificates of HV01's first generation came as Export-HgsGuardian gives them."""
    for role in ("signing", "encryption"):
        _guardian(
            script,
            FIRST,
            role,
            NO_KEY,
            f"imported without private key, {role}",
            ["NOKEY01"],
            key="none",
            has_key_file=False,
            exportable="unknown",
            is_newest=False,
        )
    _vm(script, 2, "NOKEY01", FIRST, "no", "no_private_key", "no_private_key", "certificates without private keys")


def _only_in_my(script: HostScript) -> None:
    for role in ("signing", "encryption"):
        _guardian(script, SECOND, role, IN_MY, f"imported into Personal, {role}", ["MY01"], store="MY", generation=2)
    _vm(script, 3, "MY01", SECOND, "likely_no", "wrong_store", "wrong_store", "its certificates lie in Personal only")


def _not_decryptable(script: HostScript) -> None:
    """The key file is of another life of this host: nothing opens its master key."""
    forged = script.machine
    stranger = dpapi.DpapiSystem.seeded("hyperv-target/of another life")
    current = forged.keys[MACHINE]
    strange = forged.add_master_key(MACHINE, "strange", secret=stranger, in_use=False)
    container = "te-strange-encryption"
    path = forged.put_cng(container, CngKey.rsa(STRANGE.encryption.key), master_key=strange)  # type: ignore[arg-type]
    assert forged.keys[MACHINE] is current
    _guardian(
        script,
        STRANGE,
        "encryption",
        NOTHING,
        "its master key opens with nothing",
        ["LOCKED01"],
        path=path,
        link=cng_link(container, "Microsoft Software Key Storage Provider"),
        container=container,
        key="deleted",
        master_key=strange.guid,
        exportable="unknown",
    )
    _guardian(script, STRANGE, "signing", SOUND, "its signing key is sound", ["LOCKED01"])
    _vm(script, 4, "LOCKED01", STRANGE, "likely_no", "unusable", "usable", "Windows cannot open the encryption key")


def _without_signing(script: HostScript) -> None:
    """Only the encryption certificate was exported and imported; which its partner is, the key protector tells."""
    _guardian(
        script,
        HALF,
        "encryption",
        SOUND,
        "sound, its signing certificate never came",
        ["HALF01"],
        paired_by="key_protector",
    )
    _vm(script, 5, "HALF01", HALF, "yes", "usable", "absent", "starts; its key protector cannot be changed")


def _deleted_key(script: HostScript) -> None:
    _guardian(
        script,
        DELETED,
        "encryption",
        FILE_GONE,
        "its key file was deleted",
        ["DELETED01"],
        key="deleted",
        has_key_file=False,
        exportable="unknown",
    )
    _guardian(script, DELETED, "signing", SOUND, "its signing key is sound", ["DELETED01"])
    _vm(script, 6, "DELETED01", DELETED, "no", "no_private_key", "usable", "the encryption key file is gone")


def _bound_to_tpm(script: HostScript) -> None:
    container = "te-in-tpm"
    path = script.machine.put_tpm(container, "RSA", pcp_blob("in tpm", IN_TPM.encryption.key, pcr_bound=False))
    _guardian(
        script,
        IN_TPM,
        "encryption",
        TPM_SEALED,
        "its key is in the host's TPM",
        ["TPM01"],
        path=path,
        link=cng_link(container, CNG_TPM),
        container=container,
        provider=CNG_TPM,
        provider_kind="tpm",
        key="deleted",
        master_key=None,
        exportable="unknown",
    )
    _guardian(script, IN_TPM, "signing", SOUND, "its signing key is sound", ["TPM01"])
    _vm(script, 7, "TPM01", IN_TPM, "unknown", "unknown", "usable", "its encryption key is in the TPM")


def hyperv_hgs() -> Scenario:
    """A guarded host: it asks a Host Guardian Service, whatever lies in its own store."""
    script = HostScript(
        machine(
            "hyperv-hgs",
            computer_name="GUARDED1",
            product_name="Windows Server 2019 Datacenter",
            edition="ServerDatacenter",
        )
    )
    client = script.machine.hives.software.key("Microsoft\\HgsClient")
    client.multi_sz("RemoteAttestationService", ["http://hgs.contoso.test/Attestation"])
    client.multi_sz("KdsService", ["http://hgs.contoso.test/KeyProtection"])
    for role in ("signing", "encryption"):
        _guardian(script, BRANCH, role, SOUND, f"a sound pair that is not consulted, {role}", ["SHIELDED01"])
    _vm(script, 1, "SHIELDED01", BRANCH, "unknown", "usable", "usable", "the host is in HGS mode")
    return Scenario(
        "hyperv-hgs",
        "A guarded host: its keys come from a Host Guardian Service, not from its own sound guardian",
        [Disk(script.volumes())],
        [script.truth()],
    )
