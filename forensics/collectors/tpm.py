"""Table tpm: the TPM as the registry of SYSTEM describes it.

References:
    Names of keys and values: scripts that read or delete them (Endorsement, WindowsAIKHash, Admin\\SRKPub), and for
    ProvisionInfo public listings of Windows' own provisioning table. Encodings are nowhere documented.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from forensics.collectors.evidence import CertificateEvidence, KeyFileEvidence
from forensics.collectors.guard import guard
from forensics.collectors.registry_view import RegistryView
from forensics.collectors.tpm_kind import add_kind
from forensics.formats.endorsement_key import encodings, read_endorsement_key
from forensics.formats.filetime import filetime
from forensics.formats.public_key import PublicKey
from forensics.language import sentence
from forensics.registry.hive import Value
from forensics.sources.coverage import together
from forensics.sources.installation import Installation
from forensics.tables.machine import MachineRow
from forensics.tables.outcome import PRESENT, Outcome
from forensics.tables.tpm import TpmRow

ACPI_DEVICES = "ACPI devices (TPM)"
"""Name in coverage of where Windows keeps the devices that it ever saw."""

EK_STORES = frozenset({"ekcertstore", "ekcertstoreecc"})
MAX_KEY_SIZE = 4096
"""Evidence: bytes of a public key of a TPM."""
MAX_NAMES = 200
"""Evidence: names, values or key files of one kind that the row of a TPM lists."""
MAX_DIGESTS = 12
"""Evidence: hashes of endorsement keys that are kept, and rules look at: one key in every form, and the keys of its
other algorithms' certificates.
"""
MAX_TEXT = 256
"""Display: characters of a name or value."""

_ENUM = "Enum\\ACPI"
_TPM_2_0 = "MSFT0101"
_AIK_FOLDER = "/pcpksp/windowsaik/"
_WMI = "Services\\TPM\\WMI"
_FIRST_TPM_2_0, _FAR = datetime(2009, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_OWN_COLUMN = frozenset({"lastekpub", "lasttpmprovisionedtime", "lastrsaekcertthumbprint"})


def collect_tpm(
    installation: Installation,
    machine: MachineRow,
    certificates: Sequence[CertificateEvidence],
    key_files: Sequence[KeyFileEvidence] = (),
) -> Iterator[TpmRow]:
    """Yield one row where anything speaks of a TPM; what there was to examine is coverage of area ``registry``.

    Args:
        installation: What is examined.
        machine: Its row.
        certificates: Its certificates, those of the EK stores among them.
        key_files: Its key files.
    """
    system = RegistryView.of_machine(installation, "SYSTEM")
    if system.hive is None:
        return
    control_set = installation.control_set()
    enum, wmi = f"{control_set}\\{_ENUM}", f"{control_set}\\{_WMI}"
    # Every Windows has ACPI devices: a registry without them is a part of one.
    seen = system.key(enum) is not None
    instances = [key.name[:MAX_TEXT] for key in system.subkeys(f"{enum}\\{_TPM_2_0}", MAX_NAMES)]
    devices = Outcome("not_examined", sentence("this registry holds no ACPI devices"))
    if seen:
        devices = together([PRESENT, system.saw(f"{enum}\\{_TPM_2_0}")])
    installation.coverage.tell("registry", ACPI_DEVICES, devices, system.where(enum))
    installation.coverage.tell("registry", "TPM", system.saw(wmi), system.where(wmi))
    if not instances and system.key(wmi) is None:
        return
    key = system.key(wmi)
    row = TpmRow(
        machine_id=installation.machine_id,
        enumerated=True if instances else False if devices.is_whole and not system.is_torn else None,
        instances=instances,
        source_path=system.where(wmi if key else f"{enum}\\{_TPM_2_0}"),
        source_time=key.timestamp if key else None,
    )
    aik_files = [f.row.path for f in key_files if f.row.kind == "tpm" and _AIK_FOLDER in f.row.path.lower()]
    if len(aik_files) > MAX_NAMES:
        message = sentence(
            "only the first {max_names} of {count} files of attestation keys are listed with the TPM",
            max_names=MAX_NAMES,
            count=len(aik_files),
        )
        installation.cut("registry", "TPM", system.where(wmi), message)
    row.windows_aik_key_files = aik_files[:MAX_NAMES]
    add_kind(system, control_set, machine, row)
    with guard(installation, row.source_path):
        _Reader(system, wmi, row, certificates).fill()
    yield row


class _Reader:
    """Fills one row, value by value."""

    def __init__(
        self, system: RegistryView, wmi: str, row: TpmRow, certificates: Sequence[CertificateEvidence]
    ) -> None:
        self.system = system
        self.wmi = wmi
        self.row = row
        self.certificates = [c for c in certificates if c.row.store.lower() in EK_STORES]

    def fill(self) -> None:
        row = self.row
        self._endorsement_key()
        srk = self._key_value("Admin", "SRKPub")
        row.srk_pub_sha256, row.srk_pub_bytes = (_sha256(srk), len(srk)) if srk else (None, None)
        aik = self.system.value(self.wmi, "WindowsAIKHash")
        row.windows_aik_hash = _shown(aik) if aik else None
        aik_pub = self._key_value("", "WindowsAIKPub")
        row.windows_aik_pub_sha256 = _sha256(aik_pub) if aik_pub else None
        maker = self.system.value(self.wmi, "TaskManufacturerId")
        row.manufacturer = _shown(maker) if maker else None
        row.information_flags = self.system.number(self.wmi, "TaskInformationFlags")
        for path in (f"{self.wmi}\\PlatformQuoteKeys", self.wmi.removesuffix("\\WMI") + "\\PlatformQuoteKeys"):
            row.quote_keys += [key.name[:MAX_TEXT] for key in self.system.subkeys(path, MAX_NAMES)]
        row.task_states = self._values("TaskStates")
        self._provisioning()

    def _endorsement_key(self) -> None:
        row, path = self.row, f"{self.wmi}\\Endorsement"
        key = self.system.key(path)
        row.ek_no_fetch = self.system.number(path, "EkNoFetch")
        row.ek_certificates = sorted({c.row.thumbprint for c in self.certificates})
        now, last = self._key_value("Endorsement", "EKPub"), self._key_value("ProvisionInfo", "LastEkPub")
        digests: dict[str, str] = {}
        read = read_endorsement_key(now) if now else None
        if now:
            row.ek_pub, row.ek_pub_sha256 = now.hex(), _sha256(now)
            row.ek_pub_time = key.timestamp if key else None
            digests[_sha256(now)] = "EKPub as stored"
        if read:
            row.ek_pub_form, row.ek_algorithm, row.ek_bits = read[0], read[1].algorithm, read[1].bits
            _add_digests(digests, "EKPub as", read[1])
        if last:
            row.last_ek_pub, row.last_ek_pub_sha256 = last.hex(), _sha256(last)
        if now and last:
            row.ek_pub_agrees = _same_key(now, last)
        keys = [c.public_key for c in self.certificates if c.public_key is not None]
        if read and keys:
            alike = [k for k in keys if k.algorithm == read[1].algorithm]
            row.ek_certificate_agrees = any(k == read[1] for k in alike) if alike else None
        # A certificate of a TPM that is gone would bring its key into the digests of this one.
        for certificate in self.certificates:
            public = certificate.public_key
            if public is not None and (read is None or public == read[1] or public.algorithm != read[1].algorithm):
                _add_digests(digests, f"EK certificate {certificate.row.thumbprint[:8]} as", public)
        if len(digests) > MAX_DIGESTS:
            self.system.cut(
                path,
                sentence(
                    "only the first {max_digests} of {count} hashes of endorsement keys are kept",
                    max_digests=MAX_DIGESTS,
                    count=len(digests),
                ),
            )
        row.ek_digests = [f"{form}: {digest}" for digest, form in digests.items()][:MAX_DIGESTS]

    def _provisioning(self) -> None:
        row, path = self.row, f"{self.wmi}\\ProvisionInfo"
        key = self.system.key(path)
        if key is None:
            return
        row.provision_info_time = key.timestamp
        thumbprint = self.system.text(key, "LastRsaEkCertThumbprint")
        row.last_ek_certificate = thumbprint[:MAX_TEXT].upper() if thumbprint else None
        value = self.system.value(key, "LastTPMProvisionedTime")
        if value is not None:
            row.last_provisioned_raw = value.data[:MAX_TEXT].hex()
            ticks = int.from_bytes(value.data, "little") if len(value.data) == 8 else 0
            time = filetime(ticks)
            row.last_provisioned = time if time and _FIRST_TPM_2_0 < time < _FAR else None
        row.provision_info = self._values("ProvisionInfo")

    def _values(self, name: str) -> list[str]:
        found: list[str] = []
        key = self.system.key(f"{self.wmi}\\{name}")
        if key is None:
            return found
        with guard(self.system.installation, self.system.where(key)):
            for value in key.values():
                if len(found) == MAX_NAMES:
                    self.system.cut(key, sentence("only the first {max_names} values were read", max_names=MAX_NAMES))
                    break
                if value.name.lower() not in _OWN_COLUMN:
                    found.append(f"{value.name[:MAX_TEXT]}={_shown(value)}")
        return found

    def _key_value(self, name: str, value_name: str) -> bytes | None:
        path = f"{self.wmi}\\{name}" if name else self.wmi
        data = self.system.data(path, value_name)
        if data is not None and len(data) > MAX_KEY_SIZE:
            message = sentence(
                "{count} bytes; a public key of a TPM has at most {max_key_size}",
                count=len(data),
                max_key_size=MAX_KEY_SIZE,
            )
            self.system.cut(path, message, "too_large", value_name)
            return None
        return data


def _same_key(one: bytes, other: bytes) -> bool | None:
    """Compare two keys as stored; None where they are stored differently and a form is not known."""
    if one == other:
        return True
    first, second = read_endorsement_key(one), read_endorsement_key(other)
    if first is not None and second is not None:
        return first[1] == second[1]
    if first is None and second is None and len(one) == len(other):
        return False
    return True if one in other or other in one else None


def _add_digests(digests: dict[str, str], where: str, key: PublicKey) -> None:
    for form, data in encodings(key):
        digests.setdefault(_sha256(data), f"{where} {form}")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _shown(value: Value) -> str:
    if value.number is not None:
        return str(value.number)
    if value.text is not None:
        return value.text[:MAX_TEXT]
    if value.type == 7:
        return ", ".join(value.texts)[:MAX_TEXT]
    return value.data[:MAX_TEXT].hex()
