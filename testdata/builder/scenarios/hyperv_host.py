"""A Hyper-V host under construction: guardians in its stores, virtual machines on its volumes, the truth of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from testdata.builder.certs import CNG_SOFTWARE, Certificate
from testdata.builder.cng import ALLOW_EXPORT, ALLOW_PLAINTEXT_EXPORT, CngKey
from testdata.builder.files import FileSpec
from testdata.builder.folders import MACHINE
from testdata.builder.hyperv_storage import Layout, Pending
from testdata.builder.key_protector import GuardianPair, guardian_pair
from testdata.builder.machine import cng_link
from testdata.builder.scenario import UNREACHED, Judged, Script
from testdata.builder.virtual_machine import INVENTORY, VirtualMachine, inventory
from testdata.builder.vmgs import GuestFile, write_vmgs

SHIELDED = "Shielded VM Local Certificates"
STARTED = datetime(2026, 10, 29, 6, 12, 40, tzinfo=UTC)
"""Last change of configurations and guest states, unless a case says otherwise."""

NO_KEY: Judged = UNREACHED | {
    "key_file": "absent",
    "verdict": "unusable",
    "broken_at": "claim",
    "recoverable": False,
    "known_by": "public_key",
}
"""A certificate alone, imported without its private key."""

FILE_GONE: Judged = UNREACHED | {
    "key_file": "absent",
    "verdict": "unusable",
    "broken_at": "key_file",
    "recoverable": False,
    "known_by": "inference",
}
"""The certificate still names its key; the key file was deleted."""

GUEST_STATE = write_vmgs(
    {
        1: GuestFile(b"\x01" * 900),
        3: GuestFile(b"\x02" * 16384, encrypted=True, authenticated=True),
        7: GuestFile(b"\x03" * 16),
    },
    capacity=0,
)
"""A guest state of three parts; only the virtual TPM's is encrypted."""

GUEST_STATE_FACTS = "version 3.0: BIOS_NVRAM 900 bytes, TPM_NVRAM 16384 bytes, encrypted, VM_UNIQUE_ID 16 bytes"

# The six generations of guardians that the hosts' stories are about; every pair has keys of its own.
FIRST = guardian_pair(
    "UntrustedGuardian", "HV01", datetime(2016, 11, 7, 9, 30, tzinfo=UTC), datetime(2026, 11, 7, 9, 30, tzinfo=UTC)
)
SECOND = guardian_pair(
    "UntrustedGuardian",
    "HV01",
    datetime(2026, 10, 26, 14, 5, tzinfo=UTC),
    datetime(2036, 10, 26, 14, 5, tzinfo=UTC),
    number=2,
)
BRANCH = guardian_pair(
    "BranchGuardian",
    "HV07",
    datetime(2021, 5, 3, 7, 0, tzinfo=UTC),
    datetime(2031, 5, 3, 7, 0, tzinfo=UTC),
    number=3,
)
LOST = guardian_pair(
    "UntrustedGuardian",
    "HV00",
    datetime(2019, 2, 11, 10, 0, tzinfo=UTC),
    datetime(2029, 2, 11, 10, 0, tzinfo=UTC),
    number=4,
)


def text(moment: datetime | None) -> str | None:
    """Return a moment as truth files have it."""
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class HostScript(Script):
    """A host; ``data`` are the files of its second volume."""

    data: dict[str, FileSpec] = field(default_factory=dict)
    listed: dict[str, str] = field(default_factory=dict)

    # --- guardians

    def guardian(
        self,
        pair: GuardianPair,
        role: Literal["signing", "encryption"],
        judged: Judged,
        why: str,
        *,
        key: Literal["sound", "none", "deleted"] = "sound",
        store: str = SHIELDED,
        host: str | None,
        generation: int | None,
        is_newest: bool | None,
        paired_by: str | None,
        has_key_file: bool,
        exportable: str = "yes",
        needed_by: Sequence[str] = (),
        **row: Any,
    ) -> None:
        """Put a guardian's certificate into a store of the host and state its rows of key_chain and guardian.

        Args:
            pair: The guardian.
            role: Which of its two certificates.
            judged: The judged columns of key_chain.
            why: The case in one line.
            key: What there is of its key file.
            store: Machine store.
            host: Column of guardian, as are the following.
            generation: See there.
            is_newest: See there.
            paired_by: See there.
            has_key_file: See there.
            exportable: See there.
            needed_by: See there.
            row: ``path``, ``link``, ``container``, ``provider``, ``provider_kind``, ``master_key`` or ``key_chain`` in
                place of a sound software key's.
        """
        certificate: Certificate = pair.signing if role == "signing" else pair.encryption
        other = pair.encryption if role == "signing" else pair.signing
        chain = self._key(certificate, pair, role, key) | row
        self.certificate(certificate, judged, why, store=store, exportable=exportable, **chain)
        wrong = store != SHIELDED
        self.guardians.append(
            {
                "thumbprint": certificate.thumbprint,
                "subject": certificate.subject,
                "role": role,
                "guardian": pair.guardian,
                "host": host,
                "generation": generation,
                "is_newest": is_newest,
                "partner": other.thumbprint if paired_by else None,
                "paired_by": paired_by,
                "origin": "wrong_store" if wrong else "store",
                "store": store,
                "store_scope": "machine",
                "not_before": text(certificate.x509.not_valid_before_utc),
                "not_after": text(certificate.x509.not_valid_after_utc),
                "provider": chain["provider"],
                "provider_kind": chain["provider_kind"],
                "verdict": judged["verdict"],
                "broken_at": judged["broken_at"],
                "has_key_file": has_key_file,
                "exportable": exportable,
                "recoverable": judged["recoverable"],
                "needed_by": list(needed_by),
                "why": why,
            }
        )

    def _key(self, certificate: Certificate, pair: GuardianPair, role: str, key: str) -> dict[str, Any]:
        """Put a key in the software key storage provider, as Hyper-V makes its guardians' keys."""
        if key == "none":
            nothing = ("link", "container", "provider", "provider_kind", "path", "master_key")
            return dict.fromkeys(nothing) | {"unsettled": ("key_file", "known_by")}
        container = f"te-{certificate.thumbprint[:8].lower()}-{role}"
        path = None
        if key == "sound":
            path = self.machine.put_cng(
                container,
                CngKey.rsa(certificate.key),  # type: ignore[arg-type]
                export_policy=ALLOW_EXPORT | ALLOW_PLAINTEXT_EXPORT,
                created=certificate.x509.not_valid_before_utc,
            )
        return {
            "link": cng_link(container, CNG_SOFTWARE),
            "container": container,
            "provider": CNG_SOFTWARE,
            "provider_kind": "cng",
            "path": path,
            "master_key": self.machine.keys[MACHINE].guid if path else None,
        }

    # --- virtual machines

    def put_vm(
        self,
        vm: VirtualMachine,
        path: str,
        *,
        on_data: bool = False,
        state: bytes | None = None,
        listed_as: str | None = None,
        log: Pending | None = None,
        layout: Layout | None = None,
        modified: datetime = STARTED,
    ) -> None:
        """Put a configuration, and a guest state beside it; ``on_data`` puts them on the second volume.

        Args:
            vm: The virtual machine.
            path: Path of the ``.vmcx`` on its volume.
            on_data: On the second volume.
            state: Content of the ``.vmgs`` beside it.
            listed_as: Windows path under which the host's list has it.
            log: Changes left in its log.
            layout: See :func:`write_hyperv_storage`.
            modified: Date of both files.
        """
        self.put(path, vm.vmcx(log=log, layout=layout), on_data=on_data, modified=modified)
        if state is not None:
            self.put(path.removesuffix(".vmcx") + ".vmgs", state, on_data=on_data, modified=modified)
        if listed_as is not None:
            self.listed[vm.vm_id] = listed_as

    def put(self, path: str, data: bytes, *, on_data: bool = False, modified: datetime = STARTED) -> None:
        """Put a file on the system volume or the second one."""
        if on_data:
            self.data[path] = FileSpec(path, data, None, modified, modified)
        else:
            self.machine.write(path, data, created=modified)

    def state_vm(self, why: str, **columns: Any) -> None:
        """State a row of vm: every column that says something of the machine."""
        missing = set(VM_COLUMNS) - columns.keys()
        assert not missing, f"{why}: the truth says nothing of {sorted(missing)}"
        self.vms.append(columns | {"why": why})

    def state_wrapping(self, pair: GuardianPair, **columns: Any) -> None:
        """State a row of vm_guardian; thumbprints, names and dates are the pair's."""
        missing = set(WRAPPING_COLUMNS) - columns.keys()
        assert not missing, f"the truth of a wrapping says nothing of {sorted(missing)}"
        self.wrappings.append(pair_columns(pair) | columns)

    def volumes(self) -> list[list[FileSpec]]:
        """Return the volumes of the host's disk."""
        if self.listed:
            self.put(INVENTORY, inventory(self.listed))
        system = self.machine.volume()
        return [system, [self.data[path] for path in sorted(self.data)]] if self.data else [system]


def pair_columns(pair: GuardianPair) -> dict[str, Any]:
    """Return the columns of vm_guardian that follow from a guardian's certificates."""
    columns: dict[str, Any] = {"guardian": pair.guardian}
    for role, certificate in (("encryption", pair.encryption), ("signing", pair.signing)):
        columns |= {
            f"{role}_thumbprint": certificate.thumbprint,
            f"{role}_not_before": text(certificate.x509.not_valid_before_utc),
            f"{role}_not_after": text(certificate.x509.not_valid_after_utc),
        }
    return columns


def needs(*pairs: GuardianPair) -> list[str]:
    """Return the thumbprints that a key protector of these guardians names."""
    return [thumbprint for pair in pairs for thumbprint in (pair.encryption.thumbprint, pair.signing.thumbprint)]


VM_COLUMNS = (
    "source_path",
    "name",
    "vm_id",
    "is_checkpoint",
    "checkpoint_of",
    "outcome",
    "registered",
    "configuration_version",
    "generation",
    "secure_boot",
    "secure_boot_template",
    "vtpm",
    "key_protector",
    "key_protector_at",
    "owner",
    "last_wrapped_by",
    "last_host",
    "needs",
    "starts_here",
    "guest_state_file",
    "guest_state",
    "guest_state_time",
    "guest_state_facts",
    "configuration_time",
    "isolation",
    "disks",
    "missing_disks",
    "uncommitted",
    "earlier_key_protector",
)
WRAPPING_COLUMNS = (
    "vm_id",
    "vm_name",
    "configuration",
    "is_checkpoint",
    "wrapping",
    "is_owner",
    "wrapped_last",
    "host",
    "encryption_here",
    "signing_here",
    "signatures",
)

KEY_PROTECTOR_AT = "configuration/_736e6aa9-a3f8-49c0-9550-a963214d259a_/KeyProtector"
PLAIN_VM: dict[str, Any] = {
    "is_checkpoint": False,
    "checkpoint_of": None,
    "outcome": "present",
    "registered": True,
    "configuration_version": "9.0",
    "generation": 2,
    "secure_boot": True,
    "secure_boot_template": "MicrosoftWindows",
    "vtpm": "present",
    "key_protector": "present",
    "key_protector_at": KEY_PROTECTOR_AT,
    "guest_state_file": None,
    "guest_state": "not_examined",
    "guest_state_time": None,
    "guest_state_facts": None,
    "configuration_time": text(STARTED),
    "isolation": None,
    "disks": [],
    "missing_disks": [],
    "uncommitted": 0,
    "earlier_key_protector": False,
}
"""A registered generation 2 machine with a virtual TPM and a key protector; a case states what differs."""

NO_PROTECTOR: dict[str, Any] = {
    "key_protector": "not_found",
    "key_protector_at": None,
    "owner": None,
    "last_wrapped_by": None,
    "last_host": None,
    "needs": [],
}
