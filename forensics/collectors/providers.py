"""Which key providers are registered: CAPI under SOFTWARE, CNG under SYSTEM."""

from __future__ import annotations

from forensics.collectors.evidence import Providers
from forensics.collectors.registry_view import RegistryView
from forensics.sources.installation import Installation


def collect_providers(installation: Installation) -> Providers:
    """Return the registered providers; None for a list that was not there to examine."""
    software = RegistryView.of_machine(installation, "SOFTWARE")
    system = RegistryView.of_machine(installation, "SYSTEM")
    return Providers(
        capi=_names(software, "Microsoft\\Cryptography\\Defaults\\Provider"),
        cng=_names(system, f"{installation.control_set()}\\Control\\Cryptography\\Providers"),
    )


def _names(view: RegistryView, path: str) -> frozenset[str] | None:
    key = view.key(path)
    return None if key is None else frozenset(k.name.lower() for k in view.subkeys(key))
