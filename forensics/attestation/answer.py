"""Would a certification authority accept the key of a device's TPM, by which way of trust, and if not, what is missing.

References:
    https://learn.microsoft.com/windows-server/identity/ad-ds/manage/component-updates/tpm-key-attestation
    https://learn.microsoft.com/openspecs/windows_protocols/ms-crtd/ (2.27 msPKI-Private-Key-Flag)
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import field
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypeVar

from forensics.attestation.trust import (
    Answer,
    Trust,
    by_ek_certificate,
    by_endorsement_key,
    on_use,
)
from forensics.case_tables import CaseTables
from forensics.collectors.tpm import ACPI_DEVICES
from forensics.disk.evidence_files import EvidenceFiles
from forensics.language import _, joined, listed, sentence
from forensics.late_methods import dataclass
from forensics.report.accounted import head_lines
from forensics.report.result import Result, UnsuitableCaseError
from forensics.sources.coverage import Coverage, Place
from forensics.tables.authority import CaEkListEntryRow, CaEkListRow, CaRow
from forensics.tables.certificate import CertificateRow
from forensics.tables.machine import MachineRow
from forensics.tables.record import CoverageRow
from forensics.tables.row import Row
from forensics.tables.tpm import TpmRow
from forensics.tables.use import TemplateRow

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T", bound=Row)

EXPORTABLE, ARCHIVED, LEGACY_PROVIDER, ATTEST_PREFERRED, ATTEST_REQUIRED = 0x10, 0x1, 0x100, 0x1000, 0x2000
TRUST_ON_USE, VALIDATE_CERTIFICATE, VALIDATE_KEY = 0x200, 0x400, 0x800

_PLATFORM_PROVIDER = "microsoft platform crypto provider"
_WINDOWS_8_1 = 9600
"""Build of Windows 8.1 and Windows Server 2012 R2, the first that attest."""
_SERVER_2012_R2, _CLIENT_8_1 = 0x50000, 0x5000000
_SERVER_MASK, _CLIENT_MASK = 0xF0000, 0xF000000
_DISABLED = 4
_NAMED = 10
"""Display: templates or providers that one sentence names."""


@dataclass(frozen=True, slots=True)
class AttestingTemplate:
    """A template that asks for attestation.

    Attributes:
        name: Its name.
        required: Attestation is required, not only preferred.
        models: Ways of trust it permits, in Windows' order of assurance.
        faults: Settings that exclude attestation.
    """

    name: str
    required: bool
    models: tuple[str, ...]
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeviceAnswer:
    """What becomes of one device.

    Attributes:
        name: Computer name, or what else the machine is called.
        accepted: ``yes``, ``no`` or ``unknown``.
        by: Way of trust by which it is accepted, the one of highest assurance; None if it is not.
        obstacles: What excludes attestation whatever the trust.
        trusts: One answer for each way of trust, highest assurance first.
        provided: What could not be read and must hold besides, one sentence each.
    """

    name: str
    accepted: Answer
    by: str | None
    obstacles: tuple[str, ...]
    trusts: tuple[Trust, ...]
    provided: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class Attestation(Result):
    """What :func:`attest` returns: the answer of one authority; a notebook shows it as text.

    Attributes:
        ca: Its row.
        computer: The computer it runs on.
        obstacles: What keeps it from attesting anything.
        templates: Templates that ask for attestation, as the authority's disk and the devices cached them.
        devices: One answer a device.
        as_of: The moment "expired" refers to.
        not_examined: What of the evidence was not examined, and why, one sentence each.
        read: What was read as evidence.
    """

    formats = ("text", "html", "json")

    ca: CaRow
    computer: str
    obstacles: tuple[str, ...]
    templates: tuple[AttestingTemplate, ...]
    devices: tuple[DeviceAnswer, ...]
    as_of: datetime
    not_examined: tuple[str, ...] = ()
    read: EvidenceFiles = field(default_factory=EvidenceFiles, compare=False)

    @property
    def evidence(self) -> EvidenceFiles:
        return self.read

    @property
    def accepts_all(self) -> bool:
        """Every device is accepted."""
        return all(device.accepted == "yes" for device in self.devices)

    @property
    def trusts(self) -> pd.DataFrame:
        """What each way of trust comes to for each device, one row each, the highest assurance of a device first.

        Columns ``device``, ``accepted`` (of the device), ``model``, ``answer``, ``certainty``, ``assurance``,
        ``because``, ``missing`` (list of texts).
        """
        from forensics.attestation.frames import trusts_frame

        return trusts_frame(self.devices)

    def _render(self, format: str, width: int | None) -> str:
        from forensics.attestation.render import attestation_document, render_attestation

        if format == "json":
            text = json.dumps(attestation_document(self), indent=2, ensure_ascii=False) + "\n"
            # File names on NTFS may hold lone surrogates, which no encoding of text takes.
            return text.encode("utf-8", "backslashreplace").decode("utf-8")
        if format == "html":
            from forensics.attestation.page import render_attestation_page

            return render_attestation_page(self)
        return render_attestation(self, width)


def attest(ca: CaseTables, devices: CaseTables | Iterable[CaseTables]) -> Attestation:
    """Tell whether a certification authority would accept the keys of devices' TPMs, and what is missing.

    Args:
        ca: The case of the authority's disk; its ``as_of`` is what "expired" refers to.
        devices: The cases of devices; every Windows in them is answered for.

    Raises:
        UnsuitableCaseError: The authority's disk holds no certification authority, or several and none is active.

    Examples:
        >>> import forensics
        >>> answer = forensics.attest(forensics.examine("ca.vhdx"), forensics.examine("laptop.vhdx"))
        >>> answer.accepts_all
        True
    """
    cases = [devices] if isinstance(devices, CaseTables) else list(devices)
    authority, as_of = _rows(ca), ca.as_of
    sources = [_rows(case) for case in cases]
    row = _authority(authority)
    own = _same_machine(authority, row)
    machine = next((row for row in own if isinstance(row, MachineRow)), None)
    cached = [*_of(TemplateRow, own), *_of(TemplateRow, (row for source in sources for row in source))]
    templates = _templates(cached)
    names = sorted({row.name for row in cached})
    obstacles = tuple(_authority_obstacles(row, machine))
    answers = tuple(
        _device(row, own, device, _same_machine(source, device), templates, names, obstacles, as_of)
        for source in sources
        for device in source
        if isinstance(device, MachineRow)
    )
    told = tuple(line for case in (ca, *cases) for line in head_lines(case.sources))
    read = EvidenceFiles.together(ca.evidence, *(case.evidence for case in cases))
    return Attestation(row, _name(machine, row.name), obstacles, templates, answers, as_of, told, read)


def _rows(case: CaseTables) -> list[Row]:
    return [row for table in case.present.tables.values() for row in table]


def _same_machine(rows: Sequence[Row], machine: Row) -> list[Row]:
    return [row for row in rows if row.machine_id == machine.machine_id]


def _of(kind: type[T], rows: Iterable[Row]) -> list[T]:
    return [row for row in rows if isinstance(row, kind)]


def _name(machine: MachineRow | None, otherwise: str) -> str:
    return (machine and (machine.computer_name or machine.machine_guid)) or otherwise


def _authority(rows: Sequence[Row]) -> CaRow:
    found = _of(CaRow, rows)
    active = [row for row in found if row.active] or found
    if not found:
        raise UnsuitableCaseError(
            "ca",
            _(
                "no certification authority is configured on what {} names (no CertSvc\\Configuration in SYSTEM): name "
                "the disk of the server that issues the certificates"
            ),
        )
    if len(active) > 1:
        names = listed(row.name for row in active[:_NAMED])
        raise UnsuitableCaseError(
            "ca",
            _("several certification authorities are on what {{}} names ({names}); name a disk with one", names=names),
        )
    return active[0]


def _authority_obstacles(ca: CaRow, machine: MachineRow | None) -> Iterable[str]:
    if ca.enterprise is False:
        yield sentence(
            "{name} is a standalone authority: only enterprise authorities have templates that attest", name=ca.name
        )
    if machine is not None and _is_older(machine):
        yield sentence(
            "{name} runs build {build}; attestation needs Windows Server 2012 R2",
            name=_name(machine, ca.name),
            build=machine.build,
        )
    if ca.service_start == _DISABLED:
        yield sentence("the service CertSvc is disabled")


def _is_older(machine: MachineRow | None) -> bool:
    return bool(machine and machine.build and machine.build.isdecimal() and int(machine.build) < _WINDOWS_8_1)


def _device(
    ca: CaRow,
    authority: Sequence[Row],
    machine: MachineRow,
    rows: Sequence[Row],
    templates: Sequence[AttestingTemplate],
    cached: Sequence[str],
    ca_obstacles: Sequence[str],
    as_of: datetime,
) -> DeviceAnswer:
    tpm = next(iter(_of(TpmRow, rows)), None)
    certificates = _of(CertificateRow, authority)
    lists = [row for row in _of(CaEkListRow, authority) if row.ca == ca.name]
    entries = [row for row in _of(CaEkListEntryRow, authority) if row.ca == ca.name]
    answers = (
        by_endorsement_key(tpm, lists, entries),
        by_ek_certificate(ca, tpm, _of(CertificateRow, rows), certificates, as_of),
        on_use(),
    )
    trusts = tuple(_as_templates_permit(trust, templates) for trust in answers)
    obstacles = [*_device_obstacles(machine, tpm, rows)]
    provided = []
    if not templates and cached:
        provided.append(_no_template_asks(cached))
    elif not templates:
        provided.append(
            sentence(
                "no template that asks for attestation is cached on these disks: the template must require "
                "or prefer it and permit this way of trust"
            )
        )
    if ca.enterprise is None:
        provided.append(sentence("the type of the authority was not read: it must be an enterprise authority"))
    by = next((trust.model for trust in trusts if trust.answer == "yes"), None)
    accepted: Answer = "yes" if by else "unknown" if any(t.answer == "unknown" for t in trusts) else "no"
    if accepted == "yes" and cached and not templates:
        accepted, by = "unknown", None
    if obstacles or ca_obstacles:
        accepted, by = "no", None
    name = _name(machine, sentence("machine {machine_id}", machine_id=machine.machine_id))
    return DeviceAnswer(name, accepted, by, tuple(obstacles), trusts, tuple(provided))


def _device_obstacles(machine: MachineRow, tpm: TpmRow | None, rows: Sequence[Row]) -> Iterable[str]:
    if _is_older(machine):
        yield sentence("it runs build {build}; attestation needs Windows 8.1", build=machine.build)
    seen = Coverage(machine.machine_id, rows=list(_of(CoverageRow, rows))).saw(Place("registry", ACPI_DEVICES))
    if (tpm.enumerated is False) if tpm is not None else seen.state == "present":
        yield sentence("Windows never saw a TPM 2.0 on it (no Enum\\ACPI\\MSFT0101)")
    if tpm is not None and tpm.ek_algorithm == "EC":
        yield sentence("its endorsement key (EKPub) is an elliptic-curve key, and only RSA keys are attested")


def _as_templates_permit(trust: Trust, templates: Sequence[AttestingTemplate]) -> Trust:
    """Weigh a way of trust by the templates that are known; the user's word counts only where one asks for it."""
    permitting = [t for t in templates if trust.model in t.models and not t.faults]
    if permitting:
        return trust.permitted(joined((t.name for t in permitting), ", "))
    if templates:
        broken = [t.name for t in templates if trust.model in t.models]
        why = _excluded(broken) if broken else _not_permitted([t.name for t in templates])
        return trust.refused(why)
    return trust


def _no_template_asks(cached: Sequence[str]) -> str:
    told = (
        sentence(
            "the one template that is cached on these disks, {cached}, does not ask for attestation", cached=cached[0]
        )
        if len(cached) == 1
        else sentence(
            "none of the {count} templates that are cached on these disks asks for attestation", count=len(cached)
        )
    )
    return sentence("{told}; whether the authority has one that does is not known", told=told)


def _excluded(names: Sequence[str]) -> str:
    if len(names) == 1:
        return sentence(
            "the template {names}, which permits it, excludes attestation by its other settings", names=names[0]
        )
    return sentence(
        "the templates {names}, which permit it, exclude attestation by their other settings", names=joined(names, ", ")
    )


def _not_permitted(names: Sequence[str]) -> str:
    told = (
        sentence("{names} does not", names=names[0])
        if len(names) == 1
        else sentence("{names} do not", names=joined(names, ", "))
    )
    return sentence("no template known here permits it ({told})", told=told)


def _templates(rows: Iterable[TemplateRow]) -> tuple[AttestingTemplate, ...]:
    found: dict[str, AttestingTemplate] = {}
    for row in rows:
        flags = row.private_key_flags or 0
        if flags & (ATTEST_PREFERRED | ATTEST_REQUIRED):
            models: list[Literal["endorsement_key", "ek_certificate", "on_use"]] = []
            models += ["endorsement_key"] if flags & VALIDATE_KEY else []
            models += ["ek_certificate"] if flags & VALIDATE_CERTIFICATE else []
            models += ["on_use"] if flags & TRUST_ON_USE else []
            template = AttestingTemplate(
                row.name, bool(flags & ATTEST_REQUIRED), tuple(models), tuple(template_faults(row))
            )
            found.setdefault(row.name.lower(), template)
    return tuple(found.values())


def template_faults(row: TemplateRow) -> Iterable[str]:
    """Yield the settings of a template under which attestation cannot work."""
    flags = row.private_key_flags or 0
    if flags & EXPORTABLE:
        yield sentence("the private key may be exported")
    if flags & ARCHIVED:
        yield sentence("the private key is archived")
    if flags & LEGACY_PROVIDER:
        yield sentence("it is for legacy providers, not for key storage providers")
    if row.providers and _PLATFORM_PROVIDER not in (name.lower() for name in row.providers):
        yield sentence("it allows only {names}", names=joined(row.providers[:_NAMED], ", "))
    if row.key_algorithm and row.key_algorithm.upper() != "RSA":
        yield sentence(
            "it wants a key of {key_algorithm}, and only RSA keys are attested", key_algorithm=row.key_algorithm
        )
    if flags & _SERVER_MASK < _SERVER_2012_R2:
        yield sentence("it is compatible with authorities before Windows Server 2012 R2")
    if flags & _CLIENT_MASK < _CLIENT_8_1:
        yield sentence("it is compatible with clients before Windows 8.1")
