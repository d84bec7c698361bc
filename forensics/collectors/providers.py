"""Which key providers are registered: CAPI under SOFTWARE, CNG under SYSTEM."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from forensics.collectors.evidence import Providers
from forensics.collectors.registry_view import RegistryView
from forensics.registry.hive import Key
from forensics.sources.installation import Installation
from forensics.tables.use import ProviderRow

MAX_PROVIDERS = 500
"""Evidence: providers of one kind that are listed."""
MAX_PATH = 1_024
"""Display: characters of a path."""

CAPI_PROVIDERS = "Microsoft\\Cryptography\\Defaults\\Provider"
CNG_PROVIDERS = "Control\\Cryptography\\Providers"
_USER_MODE = "UM"


def collect_providers(installation: Installation, wanted: Iterable[str] = ()) -> Providers:
    """Return the registered providers; None for a list that was not there to examine.

    Args:
        installation: Whose they are.
        wanted: Names by which certificates name providers: one that is missed is looked for in damaged lists.
    """
    software = RegistryView.of_machine(installation, "SOFTWARE")
    system = RegistryView.of_machine(installation, "SYSTEM")
    asked = {name.lower(): name for name in islice(wanted, MAX_PROVIDERS)}
    capi = _names(software, CAPI_PROVIDERS, asked)
    types = {name: software.number(f"{CAPI_PROVIDERS}\\{name}", "Type") for name in asked if name in (capi or ())}
    return Providers(
        capi=capi,
        capi_types={name: number for name, number in types.items() if number is not None},
        cng=_names(system, f"{installation.control_set()}\\{CNG_PROVIDERS}", asked),
    )


def _names(view: RegistryView, path: str, asked: Mapping[str, str]) -> frozenset[str] | None:
    key = view.key(path)
    if key is None:
        return frozenset() if view.saw(path).state == "absent" else None
    names = frozenset(k.name.lower() for k in view.subkeys(key))
    for folded, name in asked.items():
        if folded not in names and "\\" not in name:
            view.key(f"{path}\\{name}")
    return None if view.is_cut(path) else names


def collect_provider_rows(installation: Installation) -> Iterator[ProviderRow]:
    """Yield table provider: each registered provider with its DLL."""
    software = RegistryView.of_machine(installation, "SOFTWARE")
    for key in software.subkeys(CAPI_PROVIDERS, MAX_PROVIDERS):
        yield ProviderRow(
            machine_id=installation.machine_id,
            name=key.name,
            kind="capi",
            image=_image(software, key, "Image Path"),
            type=software.number(key, "Type"),
            source_path=software.where(key),
            source_time=key.timestamp,
        )
    software.tell(CAPI_PROVIDERS)
    system = RegistryView.of_machine(installation, "SYSTEM")
    for key in system.subkeys(f"{installation.control_set()}\\{CNG_PROVIDERS}", MAX_PROVIDERS):
        user_mode = key.subkey(_USER_MODE)
        yield ProviderRow(
            machine_id=installation.machine_id,
            name=key.name,
            kind="cng",
            image=_image(system, user_mode, "Image") if user_mode else None,
            source_path=system.where(key),
            source_time=key.timestamp,
        )
    system.tell(f"{installation.control_set()}\\{CNG_PROVIDERS}")


def _image(view: RegistryView, key: Key, name: str) -> str | None:
    text = view.text(key, name)
    return text[:MAX_PATH] if text else None
