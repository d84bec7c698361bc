"""Collects one installation: every table in turn, each on its own feet."""

from __future__ import annotations

from forensics.collectors.certificates import collect_certificates
from forensics.collectors.evidence import Evidence
from forensics.collectors.guard import guard
from forensics.collectors.key_files import collect_key_files
from forensics.collectors.key_folders import collect_key_folders
from forensics.collectors.lsa import collect_lsa, collect_secrets
from forensics.collectors.machine import collect_machine
from forensics.collectors.master_keys import collect_master_keys
from forensics.collectors.profiles import Profile, collect_profiles
from forensics.collectors.providers import collect_providers
from forensics.collectors.rdp import collect_rdp_thumbprints
from forensics.collectors.services import collect_services
from forensics.collectors.users import collect_users
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
    with guard(installation, "services"):
        evidence.services.extend(collect_services(installation))
    with guard(installation, "profiles"):
        profiles = collect_profiles(installation)
    with guard(installation, "users"):
        evidence.users = collect_users(installation, evidence.machine, profiles)
    with guard(installation, "certificates"):
        evidence.certificates = collect_certificates(installation, profiles)
    with guard(installation, "key folders"):
        evidence.key_folders = collect_key_folders(installation, profiles)
        evidence.key_files = collect_key_files(installation, evidence.key_folders, evidence.machine.machine_guid)
    with guard(installation, "master keys"):
        master_keys = collect_master_keys(installation, profiles)
        evidence.master_keys, evidence.master_key_folders = master_keys.found, master_keys.folders
    with guard(installation, "LSA secrets"):
        evidence.secrets = collect_secrets(installation)
        evidence.lsa = collect_lsa(installation)
    with guard(installation, "providers"):
        evidence.providers = collect_providers(installation)
    with guard(installation, "Remote Desktop"):
        evidence.rdp_thumbprints = collect_rdp_thumbprints(installation, evidence.certificates)
    return evidence
