"""The certificate that each SQL Server instance was given.

References:
    Microsoft Learn, Configure SQL Server Database Engine for encrypting connections.
"""

from __future__ import annotations

from collections.abc import Iterator

from forensics.collectors.uses.consumers import SQL_SERVER
from forensics.collectors.uses.context import Provenance, UseContext
from forensics.formats.thumbprint import thumbprint_of_text
from forensics.language import sentence
from forensics.tables.use import CertificateUseRow

MAX_INSTANCES = 500
"""Evidence: instances of SQL Server."""
DEFAULT_INSTANCE = "MSSQLSERVER"

_ROOT = "Microsoft\\Microsoft SQL Server"
_NETWORK = "MSSQLServer\\SuperSocketNetLib"
_CERTIFICATE = "Certificate"


def sql_server_uses(context: UseContext) -> Iterator[CertificateUseRow]:
    """Yield a row for each instance with a certificate; without one the server makes its own at each start."""
    software = context.software
    names = _instance_names(context)
    for instance in software.subkeys(_ROOT, MAX_INSTANCES):
        key = (
            software.key(f"{_ROOT}\\{instance.name}\\{_NETWORK}") if instance.name.upper().startswith("MSSQL") else None
        )
        text = software.text(key, _CERTIFICATE) if key else None
        if key is None or text is None:
            continue
        thumbprint, fault = thumbprint_of_text(text)
        name = names.get(instance.name.lower()) or instance.name.partition(".")[2] or DEFAULT_INSTANCE
        place = Provenance(software.where(key, _CERTIFICATE), key.timestamp)
        row = context.use(SQL_SERVER, place, thumbprint, detail=sentence("instance {name}", name=name), fault=fault)
        service = DEFAULT_INSTANCE if name.upper() == DEFAULT_INSTANCE else f"MSSQL${name}"
        yield context.service_account(row, service)


def _instance_names(context: UseContext) -> dict[str, str]:
    """Instance names by the name of their key, as SQL Server itself looks them up."""
    key = context.software.key(f"{_ROOT}\\Instance Names\\SQL")
    values = key.values() if key else ()
    return {value.text.lower(): value.name for value in values if value.text}
