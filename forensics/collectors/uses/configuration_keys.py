"""The keys with which IIS and ASP.NET encrypt values of configurations: only those that an encrypted value needs.

References:
    IIS Support Blog and Learn, "Using encryption to protect passwords": which provider has which container, in the
    computer's key set; those of WAS are for SYSTEM and Administrators only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from forensics.collectors.uses.consumers import SYSTEM
from forensics.collectors.uses.context import Provenance, UseContext
from forensics.collectors.uses.roles import IIS_CONFIGURATION_KEY
from forensics.formats.key_file_name import capi_name_hashes, cng_name_hashes
from forensics.formats.protected_configuration import KNOWN, ProtectedProvider
from forensics.language import sentence
from forensics.tables.use import CertificateUseRow

_FOR_SYSTEM = frozenset({"iiswaskey", "iiscngwaskey"})


def configuration_key_uses(context: UseContext, encrypted: Mapping[str, Provenance]) -> Iterator[CertificateUseRow]:
    """Yield a row for each key container that encrypted values need.

    Args:
        context: What is examined.
        encrypted: Names of the providers that encrypted something, and the first file in which one did.
    """
    defined = context.iis.configuration.providers if context.iis is not None else ()
    providers = {**KNOWN, **{provider.name.lower(): provider for provider in defined}}
    told: set[tuple[str, bool]] = set()
    for name, place in encrypted.items():
        provider = providers.get(name.lower())
        # One that is defined elsewhere, that keeps its key in a user's key set, or that has none (DPAPI).
        if provider is None or not provider.is_machine:
            continue
        key = (provider.container.lower(), provider.is_cng)
        if key not in told:
            told.add(key)
            yield _use(context, provider, name, place)


def _use(context: UseContext, provider: ProtectedProvider, name: str, place: Provenance) -> CertificateUseRow:
    use = context.use(
        IIS_CONFIGURATION_KEY,
        place,
        None,
        detail=sentence("{container}, for values that {name} encrypted", container=provider.container, name=name),
        store=None,
        account=SYSTEM if provider.container.lower() in _FOR_SYSTEM else None,
    )
    use.container = provider.container
    use.present = _is_present(context, provider)
    return use


def _is_present(context: UseContext, provider: ProtectedProvider) -> bool | None:
    """Tell whether this machine has a key file of that container; None where its folder was not seen whole."""
    kind = "cng" if provider.is_cng else "capi"
    code_page = context.machine.ansi_code_page
    hashes = cng_name_hashes(provider.container) if provider.is_cng else capi_name_hashes(provider.container, code_page)
    files = [f for f in context.key_files if f.kind == kind and f.scope == "machine" and f.name_hash in hashes]
    if any(file.guid_is_current for file in files):
        return True
    if any(file.guid_is_current is None for file in files):
        return None
    folders = [f for f in context.key_folders if f.kind == kind and f.scope == "machine"]
    return False if folders and all(folder.outcome.is_whole for folder in folders) else None
