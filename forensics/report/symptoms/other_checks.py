"""Causes that lie beside the chains of keys: services, folders, the TPM, settings, virtual machines."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from forensics.engine.subjects import KEY_TABLES
from forensics.language import joined, sentence, sentence_n
from forensics.report.facts import label
from forensics.report.symptoms.causes import CAUSES, CauseName
from forensics.report.symptoms.ground import Affected, Examined, Ground, called, some
from forensics.tables.certificate import CertificateRow
from forensics.tables.hyperv import VmRow
from forensics.tables.key_chain import KeyChainRow
from forensics.tables.record import CoverageRow
from forensics.tables.timestamps import told_day
from forensics.tables.use import CertificateUseRow, FolderAclRow

_STARTS = {
    2: sentence("its start type is automatic, so Windows starts it when a key is asked for"),
    3: sentence("its start type is manual, so Windows starts it when a key is asked for"),
}
_ON_NO_DISK = sentence("no virtual machine lies on this disk, and others may run on this host")
_DISABLED = 4


def _found_by_rules(ground: Ground, name: CauseName) -> tuple[Affected, ...]:
    findings = ground.findings(CAUSES[name].rules)
    return tuple(dict.fromkeys(Affected(s.id, s.label) for finding in findings for s in finding.subjects))


def _key_isolation(ground: Ground) -> Examined:
    service, system = ground.service("KeyIso"), ground.system
    at_service = [c for c in ground.chains if c.broken_at == "service" and c.verdict == "unusable"]
    about_keys = [f for f in ground.findings(CAUSES["key-isolation"].rules) if f.subject_table in KEY_TABLES]
    keys = {one.id: one for one in (ground.affected(chain, "service") for chain in at_service)}
    named = {subject.id: Affected(subject.id, subject.label) for finding in about_keys for subject in finding.subjects}
    broken = tuple((named | keys).values())
    if service is not None and service.start is not None:
        if service.start == _DISABLED:
            return Examined("found", affected=broken or (Affected("KeyIso", sentence("KeyIso, which is disabled")),))
        unnamed = sentence(
            "its start type is {number}, so Windows starts it when a key is asked for", number=service.start
        )
        told = _STARTS.get(service.start, unnamed)
        return Examined("ruled_out", told) if system.is_whole else Examined("open", _not_whole("SYSTEM", system.why))
    if broken:
        return Examined("found", affected=broken)
    if not system.is_whole:
        return Examined("open", _not_whole("SYSTEM", system.why))
    return Examined("open", sentence("the service is not registered on this disk, or its start type is not set"))


def _not_whole(hive: str, why: str | None) -> str:
    return sentence("the hive {hive} was not seen whole: {why}", hive=hive, why=why or sentence("not in this source"))


def _protected_storage(ground: Ground) -> Examined:
    service = ground.service("ProtectedStorage")
    if not ground.system.is_whole:
        return Examined("open", _not_whole("SYSTEM", ground.system.why))
    if service is None:
        return Examined("ruled_out", sentence("this Windows has no such service, as newer ones have none"))
    if service.start == _DISABLED:
        return Examined(
            "found", affected=(Affected("ProtectedStorage", sentence("ProtectedStorage, which is disabled")),)
        )
    return Examined("open", sentence("the service is registered and not disabled, and whether it ran is not on a disk"))


def _folders(ground: Ground) -> Examined:
    folders: list[FolderAclRow] = ground.rows("folder_acl")
    refused = [folder for folder in folders if _refuses(folder)]
    unseen = [ground.facts.path(folder.machine_id, folder.path) for folder in folders if folder.acl is None]
    unseen += [row.name for row in ground.coverage if _is_unseen_folder(row)]
    because = sentence("the access list of {paths} is not in this source", paths=some(unseen)) if unseen else ""
    if refused:
        return Examined(
            "found",
            because,
            tuple(Affected(f.path, ground.facts.path(f.machine_id, f.path)) for f in refused),
        )
    if because:
        return Examined("open", because)
    if not folders:
        return Examined("open", sentence("no folder of keys was seen with its access list"))
    named = some([ground.facts.path(folder.machine_id, folder.path) for folder in folders])
    return Examined("ruled_out", sentence("the access lists let in whom they must, of {paths}", paths=named))


def _is_unseen_folder(row: CoverageRow) -> bool:
    of_machine = row.name.endswith((", machine)", ", system)", ", service)")) or row.name == "Protect\\S-1-5-18"
    return row.area == "folder" and of_machine and _is_unseen(row)


def _is_unseen(row: CoverageRow) -> bool:
    return row.outcome not in ("present", "absent")


def _refuses(folder: FolderAclRow) -> bool:
    if folder.system_can_read is False:
        return True
    if folder.scope in ("machine", "system") and folder.system_can_create is False:
        return True
    return folder.kind == "capi" and folder.scope == "machine" and folder.everyone_can_create is False


def _tpm(ground: Ground) -> Examined:
    found = _found_by_rules(ground, "tpm")
    sealed = [chain for chain in ground.chains if chain.provider_kind == "tpm"]
    named = {one.id for one in found}
    others = [label(chain) for chain in sealed if chain.thumbprint not in named]
    others += [called(chain) for chain in ground.files_alone if chain.provider_kind == "tpm"]
    never = ""
    if others:
        never = sentence(
            "a disk cannot prove that the TPM still is the one that made the key of {names}", names=some(others)
        )
    unseen = [row.name for row in ground.coverage if row.name.startswith("Crypto/PCPKSP") and _is_unseen(row)]
    folders = sentence("not seen whole: {names}", names=some(unseen)) if unseen else ""
    because = joined(filter(None, (never, folders, ground.unseen_certificates)), "; ")
    if found:
        return Examined("found", because, found)
    if because:
        return Examined("open", because)
    return Examined("ruled_out", sentence("no key on this disk is one of a TPM"))


def _certificate_gone(ground: Ground) -> Examined:
    named: list[CertificateUseRow] = [use for use in ground.uses if use.thumbprint is not None]
    gone = [use for use in named if use.present is False]
    affected = tuple(dict.fromkeys(Affected(use.thumbprint or "", use.label) for use in gone))
    unseen = [use.label for use in named if use.present is None]
    told = ""
    if unseen:
        told = sentence("whether the certificate is there is not known of {names}", names=some(unseen))
    because = joined(filter(None, (told, ground.unseen_uses)), "; ")
    if affected:
        return Examined("found", because, affected)
    if because:
        return Examined("open", because)
    if not named:
        return Examined("ruled_out", sentence("no setting on this disk names a certificate"))
    sound = sentence_n(
        "the certificate that {count} setting names is in its store",
        "the certificates that {count} settings name are in their stores",
        len(named),
    )
    return Examined("ruled_out", sound)


def _configuration_key(ground: Ground) -> Examined:
    uses = [use for use in ground.uses if use.consumer == "IIS configuration key"]
    dead = [use for use in uses if use.present is False or use.opens == "unusable"]
    unknown = [use.label for use in uses if use not in dead and use.opens == "unknown"]
    told = sentence("whether the key opens is not known of {names}", names=some(unknown)) if unknown else ""
    because = joined(filter(None, (told, ground.unseen_uses)), "; ")
    if dead:
        rows = tuple(Affected(use.source_path, use.label) for use in dead)
        return Examined("found", because, _found_by_rules(ground, "configuration-key") or rows)
    if because:
        return Examined("open", because)
    if not uses:
        return Examined("ruled_out", sentence("no configuration of IIS on this disk needs a key"))
    sound = sentence_n(
        "the {count} key that the configuration of IIS needs opens",
        "the {count} keys that the configuration of IIS needs open",
        len(uses),
    )
    return Examined("ruled_out", sound)


def _rdp_certificate_ended(ground: Ground) -> Examined:
    if found := _found_by_rules(ground, "rdp-certificate-ended"):
        return Examined("found", affected=found)
    thumbprints = {use.thumbprint for use in ground.uses if use.consumer == "RDP"}
    certificates: list[CertificateRow] = [c for c in ground.rows("certificate") if c.thumbprint in thumbprints]
    if not certificates or any(c.not_after is None or c.not_after < ground.case.as_of for c in certificates):
        return Examined("open", sentence("the certificate that Remote Desktop uses is not known"))
    ends = max(c.not_after for c in certificates if c.not_after is not None)
    return Examined("ruled_out", sentence("what it uses is valid until {date}", date=told_day(ends)))


def _not_exportable(ground: Ground) -> Examined:
    marked = [label(chain) for chain in ground.chains if chain.exportable != "yes"]
    if marked:
        told = sentence(
            "whether somebody tried is not on a disk; not, or not surely, exportable: {names}", names=some(marked)
        )
        return Examined("open", told)
    if ground.unseen_certificates:
        return Examined("open", ground.unseen_certificates)
    return Examined("ruled_out", sentence("no certificate on this disk has a key that may not be exported"))


def _storage_provider_key(ground: Ground) -> Examined:
    certificates = [(chain, ground.facts.certificate(chain)) for chain in ground.chains]
    kept = [label(chain) for chain, row in certificates if _is_of_storage_provider(chain, row)]
    if kept:
        told = sentence(
            "which programs ask is not on a disk; of a key storage provider, or named as such: {names}",
            names=some(kept),
        )
        return Examined("open", told)
    if ground.unseen_certificates:
        return Examined("open", ground.unseen_certificates)
    return Examined("ruled_out", sentence("no certificate on this disk has its key in a key storage provider"))


def _is_of_storage_provider(chain: KeyChainRow, certificate: CertificateRow | None) -> bool:
    return chain.provider_kind in ("cng", "tpm") or (certificate is not None and certificate.provider_type == 0)


def _smart_card(ground: Ground) -> Examined:
    if found := _found_by_rules(ground, "smart-card"):
        return Examined("found", affected=found)
    cards = [label(chain) for chain in ground.chains if chain.provider_kind == "smart_card"]
    if cards:
        told = sentence("which programs ask is not on a disk; on a smart card: {names}", names=some(cards))
        return Examined("open", told)
    if ground.unseen_certificates:
        return Examined("open", ground.unseen_certificates)
    return Examined("ruled_out", sentence("no certificate on this disk has its key on a smart card"))


def _guardian(ground: Ground) -> Examined:
    machines: list[VmRow] = ground.rows("vm")
    refused = [vm for vm in machines if vm.starts_here in ("no", "likely_no")]
    open_ones = [vm for vm in machines if vm.starts_here == "unknown"]
    because = ""
    if open_ones:
        because = sentence("whether they start is not known of {names}", names=some([_vm(vm) for vm in open_ones]))
    if refused:
        return Examined("found", because, tuple(Affected(_vm(vm), _vm(vm)) for vm in refused))
    if because or not machines:
        return Examined("open", because or _ON_NO_DISK)
    sound = sentence_n(
        "the {count} virtual machine on this disk has what it needs to start",
        "each of the {count} virtual machines on this disk has what it needs to start",
        len(machines),
    )
    return Examined("ruled_out", sound)


def _vm(vm: VmRow) -> str:
    return vm.label or vm.name or vm.source_path


def _guest_state(ground: Ground) -> Examined:
    if found := _found_by_rules(ground, "guest-state"):
        return Examined("found", affected=found)
    machines: list[VmRow] = ground.rows("vm")
    if not machines:
        return Examined("open", _ON_NO_DISK)
    return Examined("open", sentence("whether the two belong together is encrypted; their dates alone do not tell"))


def _machine_identity(ground: Ground) -> Examined:
    if found := _found_by_rules(ground, "machine-identity"):
        return Examined("found", affected=found)
    return Examined("open", sentence("whether another computer has it, the disks that were examined do not tell"))


OTHER_CHECKS: Mapping[CauseName, Callable[[Ground], Examined]] = {
    "key-isolation": _key_isolation,
    "protected-storage": _protected_storage,
    "folder-access-list": _folders,
    "tpm": _tpm,
    "certificate-gone": _certificate_gone,
    "configuration-key": _configuration_key,
    "rdp-certificate-ended": _rdp_certificate_ended,
    "not-exportable": _not_exportable,
    "storage-provider-key": _storage_provider_key,
    "smart-card": _smart_card,
    "guardian": _guardian,
    "guest-state": _guest_state,
    "machine-identity": _machine_identity,
}
"""Each such cause by its name."""
