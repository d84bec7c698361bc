"""Collects one installation: every table in turn, each on its own feet."""

from __future__ import annotations

from forensics.collectors.authority import collect_authorities
from forensics.collectors.backup_identity import fill_backup_identity
from forensics.collectors.certificates import collect_certificates
from forensics.collectors.ek_lists import collect_ek_lists
from forensics.collectors.event_identity import fill_identity
from forensics.collectors.event_processes import fill_processes
from forensics.collectors.events import EventLogs
from forensics.collectors.evidence import Evidence
from forensics.collectors.folder_acls import collect_folder_acls
from forensics.collectors.guard import guard
from forensics.collectors.hyperv.settings import collect_hyperv_settings
from forensics.collectors.hyperv.traces import collect_guardian_traces
from forensics.collectors.key_content import master_keys_named
from forensics.collectors.key_files import collect_key_files
from forensics.collectors.key_folders import collect_key_folders
from forensics.collectors.local_groups import collect_local_groups
from forensics.collectors.lsa import collect_lsa, collect_secrets
from forensics.collectors.machine import collect_machine
from forensics.collectors.master_keys import collect_master_keys
from forensics.collectors.moved_data import with_moved_data
from forensics.collectors.packages import collect_packages
from forensics.collectors.policies import collect_policies
from forensics.collectors.profiles import Profile, collect_profiles, knows_all_profiles
from forensics.collectors.providers import collect_provider_rows, collect_providers
from forensics.collectors.rdp import collect_rdp_thumbprints
from forensics.collectors.sam import collect_sam
from forensics.collectors.secure_boot import collect_secure_boot
from forensics.collectors.service_identities import collect_service_identities
from forensics.collectors.services import collect_services
from forensics.collectors.setup_events import collect_setup_events
from forensics.collectors.shadow_copies import collect_shadow_copies
from forensics.collectors.templates import collect_templates
from forensics.collectors.tpm import collect_tpm
from forensics.collectors.users import collect_users
from forensics.collectors.uses.collect import collect_certificate_uses
from forensics.collectors.uses.context import UseContext
from forensics.collectors.wrong_bits import tell_wrong_bits
from forensics.sources.installation import Installation


def collect(installation: Installation) -> Evidence:
    """Read everything the chain and the rules need; failures become rows of ``installation.problems``.

    Args:
        installation: One Windows on one source.

    Returns:
        The rows, and the parsed artefacts behind them.
    """
    evidence = Evidence(installation, collect_machine(installation))
    profiles: list[Profile] = []
    with guard(installation, "backup hives"):
        fill_backup_identity(installation, evidence.machine)
    logs: EventLogs | None = None
    with guard(installation, "event logs"):
        logs = EventLogs(installation)
    with guard(installation, "services"):
        evidence.services.extend(collect_services(installation))
    with guard(installation, "setup logs"):
        evidence.setup_events = collect_setup_events(installation)
    with guard(installation, "update packages"):
        evidence.packages.extend(collect_packages(installation))
    with guard(installation, "profiles"):
        profiles = collect_profiles(installation)
        evidence.knows_all_profiles = knows_all_profiles(installation)
    with guard(installation, "event logs"):
        evidence.events = logs.rows() if logs is not None else []
        fill_identity(installation, evidence.machine, evidence.events)
    with guard(installation, "users"):
        evidence.users = collect_users(installation, evidence.machine, profiles)
    with guard(installation, "certificates"):
        evidence.certificates = collect_certificates(installation, profiles)
    with guard(installation, "profiles"):
        profiles = with_moved_data(installation, profiles)
    with guard(installation, "local groups"):
        evidence.local_groups = collect_local_groups(installation, evidence.machine.machine_sid)
    with guard(installation, "service accounts"):
        evidence.service_identities = collect_service_identities(installation, evidence.machine, evidence.users)
        fill_processes(evidence.events, evidence.service_identities)
        for certificate in evidence.certificates:
            if evidence.service_identities and certificate.row.service:
                certificate.service = evidence.service_identities.get(certificate.row.service.lower())
    with guard(installation, "key folders"):
        evidence.key_folders = collect_key_folders(installation, profiles)
        key_files = collect_key_files(
            installation,
            evidence.key_folders,
            evidence.machine.key_suffix,
            evidence.certificates,
            evidence.machine.ansi_code_page,
        )
        evidence.key_files, evidence.key_folder_rows = key_files.found, key_files.rows
    if installation.kind == "profile":
        from forensics.collectors.profiles_alone import describe

        describe(evidence.machine, profiles, [file.row for file in evidence.key_files])
    with guard(installation, "master keys"):
        master_keys = collect_master_keys(installation, profiles, master_keys_named(evidence.key_files))
        evidence.master_keys, evidence.master_key_folders = master_keys.found, master_keys.folders
    with guard(installation, "SAM"):
        evidence.sam = collect_sam(installation)
    with guard(installation, "LSA secrets"):
        evidence.secrets = collect_secrets(installation)
        evidence.lsa = collect_lsa(installation)
    with guard(installation, "providers"):
        evidence.providers = collect_providers(installation, _named_providers(evidence))
        evidence.provider_rows.extend(collect_provider_rows(installation))
    with guard(installation, "Remote Desktop"):
        evidence.rdp_thumbprints = collect_rdp_thumbprints(installation, evidence.certificates)
    with guard(installation, "folder access"):
        evidence.folder_acls.extend(collect_folder_acls(installation, evidence.key_folders))
    with guard(installation, "templates"):
        evidence.templates.extend(collect_templates(installation, profiles))
    with guard(installation, "policies"):
        evidence.policies.extend(collect_policies(installation, profiles))
    with guard(installation, "Secure Boot"):
        evidence.secure_boot.append(collect_secure_boot(installation))
    with guard(installation, "uses of certificates"):
        certificates = [c.row for c in evidence.certificates]
        key_rows = [file.row for file in evidence.key_files]
        context = UseContext(
            installation,
            evidence.machine,
            certificates,
            profiles,
            evidence.users,
            key_rows,
            evidence.key_folders,
            evidence.events,
            evidence.service_identities,
        )
        evidence.certificate_uses = collect_certificate_uses(context)
    with guard(installation, "TPM"):
        evidence.tpm.extend(collect_tpm(installation, evidence.machine, evidence.certificates, evidence.key_files))
    with guard(installation, "certification authorities"):
        evidence.authorities.extend(collect_authorities(installation, evidence.certificates))
        ek_lists = collect_ek_lists(installation, evidence.authorities)
        evidence.ek_lists, evidence.ek_list_entries = ek_lists.folders, ek_lists.entries
    with guard(installation, "Hyper-V settings"):
        evidence.policies.extend(collect_hyperv_settings(installation))
        evidence.guardian_traces.extend(collect_guardian_traces(installation, certificates))
    with guard(installation, "shadow copies"):
        evidence.shadow_copies.extend(collect_shadow_copies(installation))
    with guard(installation, "wrong bits"):
        tell_wrong_bits(evidence)
    installation.tell_lost_places()
    return evidence


def _named_providers(evidence: Evidence) -> dict[str, None]:
    """Return the names of providers that certificates name, each once."""
    return dict.fromkeys(c.link.provider for c in evidence.certificates if c.link is not None)
