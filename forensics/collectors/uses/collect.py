"""Table certificate_use: every family of consumers in turn, each on its own feet.

The registry is asked where a consumer is known to write; what else names a certificate is looked for where products
keep their settings, not everywhere, since that would mean reading the whole of SOFTWARE.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from forensics.collectors.guard import guard
from forensics.collectors.uses.applications import application_uses
from forensics.collectors.uses.bound_roles import federation_uses, gateway_uses, wsus_uses
from forensics.collectors.uses.by_store import ldaps_uses, service_store_uses, store_uses
from forensics.collectors.uses.certificate_authority import certificate_authority_uses
from forensics.collectors.uses.context import UseContext
from forensics.collectors.uses.directory_services import directory_service_uses
from forensics.collectors.uses.efs import efs_uses
from forensics.collectors.uses.enrollment import entra_uses, mdm_uses
from forensics.collectors.uses.http_sys import HttpBinding, http_sys_uses, read_bindings
from forensics.collectors.uses.iis import iis_uses
from forensics.collectors.uses.left_over import of_installed
from forensics.collectors.uses.management import config_mgr_uses, dsc_uses, scom_uses, web_management_uses
from forensics.collectors.uses.network_profiles import network_uses
from forensics.collectors.uses.nps import nps_uses
from forensics.collectors.uses.recognised import recognised_uses
from forensics.collectors.uses.references import other_references
from forensics.collectors.uses.remote_access import ikev2_uses, sstp_uses
from forensics.collectors.uses.remote_desktop import remote_desktop_uses
from forensics.collectors.uses.schannel import schannel_uses
from forensics.collectors.uses.sql_server import sql_server_uses
from forensics.collectors.uses.winrm import winrm_uses
from forensics.tables.outcome import Outcome
from forensics.tables.use import CertificateUseRow

Reader = Callable[[UseContext], Iterator[CertificateUseRow]]

_READERS: tuple[tuple[str, Reader], ...] = (
    ("certification authority", certificate_authority_uses),
    ("Remote Desktop", remote_desktop_uses),
    ("SQL Server", sql_server_uses),
    ("IKEv2", ikev2_uses),
    ("NPS", nps_uses),
    ("LDAPS", ldaps_uses),
    ("AD LDS", directory_service_uses),
    ("Entra join", entra_uses),
    ("MDM", mdm_uses),
    ("EFS", efs_uses),
    ("network profiles", network_uses),
    ("ConfigMgr", config_mgr_uses),
    ("Operations Manager", scom_uses),
    ("Web Management Service", web_management_uses),
    ("DSC", dsc_uses),
    ("stores", store_uses),
    ("applications", application_uses),
)
_BINDING_READERS = (
    ("http.sys", http_sys_uses),
    ("IIS", iis_uses),
    ("WinRM", winrm_uses),
    ("SSTP", sstp_uses),
    ("AD FS", federation_uses),
    ("WSUS", wsus_uses),
    ("Windows Admin Center", gateway_uses),
)
_READERS_OF_THE_REST = (
    ("certificates that tell their role", recognised_uses),
    ("stores of services", service_store_uses),
    ("Schannel", schannel_uses),
    ("other references", other_references),
)
"""They are told the uses that the others found."""


def collect_certificate_uses(context: UseContext) -> list[CertificateUseRow]:
    """Return every use of a certificate that this installation tells of."""
    rows: list[CertificateUseRow] = []
    bindings: list[HttpBinding] = []
    _tell_missing_keys(context)
    with _reading(context, "http.sys"):
        bindings = read_bindings(context)
    for name, read_bound in _BINDING_READERS:
        with _reading(context, name):
            rows.extend(read_bound(context, bindings))
    for name, read in _READERS:
        with _reading(context, name):
            rows.extend(read(context))
    rows = list(of_installed(context, rows))
    for name, read_rest in _READERS_OF_THE_REST:
        with _reading(context, name):
            rows.extend(read_rest(context, tuple(rows)))
    return together(rows)


def together(rows: Iterable[CertificateUseRow]) -> list[CertificateUseRow]:
    """Make one use of those that differ by the place alone that names the certificate."""
    found: dict[tuple[str | None, ...], CertificateUseRow] = {}
    for row in rows:
        names = (row.consumer, row.thumbprint, row.sha256, row.container, row.detail, row.store, row.owner_sid)
        first = found.setdefault((*names, row.account, row.account_name, row.service, row.fault), row)
        places = {first.source_path, *first.also_set_at}
        if first is not row:
            first.also_set_at += [path for path in (row.source_path, *row.also_set_at) if path not in places]
    return list(found.values())


@contextmanager
def _reading(context: UseContext, name: str) -> Iterator[None]:
    """Guard one reader; where it met a problem, coverage says that not all uses were seen."""
    installation = context.installation
    known = len(installation.problems)
    with guard(installation, f"uses of certificates: {name}"):
        yield
    for problem in installation.problems[known : known + 1]:
        installation.coverage.tell("uses", name, Outcome("partial", problem.message), problem.source_path)


def _tell_missing_keys(context: UseContext) -> None:
    """Tell where a hive that was read does not show all keys that consumers have."""
    for view, root in ((context.system, context.services), (context.software, "Microsoft")):
        seen = view.saw(root)
        if view.hive is not None and not seen.is_whole:
            context.installation.coverage.tell("uses", root, seen, view.where(root))
