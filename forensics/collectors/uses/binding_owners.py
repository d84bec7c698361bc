"""What writes a binding of http.sys, by its AppId, and how that gives it another certificate.

Whatever else a binding says (client certificates, store, revocation) is kept by an update in place and lost by delete
and add.

References:
    Microsoft Learn, netsh http (update sslcert); Managing SSL certificates in AD FS and WAP; Set-RemoteAccess;
    Configure TLS connections on a report server; winrm.
"""

from __future__ import annotations

from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.tables.use import BindingOwner


@dataclass(frozen=True, slots=True)
class Owner:
    """An owner of bindings.

    Attributes:
        name: Value of column ``binding_owner``.
        set_with: Command that sets another certificate; empty: none.
        repair: How another certificate is set; None: as the consumer has it.
        is_certain: Its AppId is documented.
    """

    name: BindingOwner
    set_with: str
    repair: str | None = None
    is_certain: bool = True


UPDATED = "set-binding"
_OTHER = Owner("other", UPDATED)
_OWNERS = {
    "4dc3e181-e14b-4a21-b022-59fc669b0914": Owner(
        "IIS", UPDATED, sentence("IIS Manager > Bindings: select the new certificate; or netsh http update sslcert")
    ),
    "afebb9ad-9b97-4a91-9ab5-daf4d59122f6": Owner(
        "WinRM", "", sentence("nothing here: WinRM writes this binding from its listener, see WinRM")
    ),
    "d7d72267-fcf9-4424-9eec-7e1d8dcec9a9": Owner(
        "IIS Web Management Service",
        "",
        sentence("select the certificate in IIS Manager > Management Service, restart WMSVC"),
    ),
    "ba195980-cd49-458b-9e23-c84ee0adcd75": Owner(
        "SSTP",
        "set-sstp-certificate",
        sentence("Set-RemoteAccess -SslCertificate, then restart RemoteAccess, which ends open tunnels"),
    ),
    "5d89a20c-beab-4389-9447-324788eb944a": Owner(
        "AD FS",
        "set-adfs-certificate",
        sentence(
            "Set-AdfsSslCertificate for all bindings of AD FS at once, on the primary server (2012 R2: on every server)"
        ),
    ),
    "f955c070-e044-456c-ac00-e9e4275b3f04": Owner(
        "Web Application Proxy",
        "set-proxy-certificate",
        sentence("Set-WebApplicationProxySslCertificate, on every proxy"),
    ),
    "5d8e2743-ef20-4d38-8751-7e400f200e65": Owner(
        "KDC Proxy or DirectAccess",
        "",
        sentence(
            "DirectAccess: in the Remote Access Management console; a KDC Proxy: netsh http update "
            "sslcert with this AppId"
        ),
        is_certain=False,
    ),
    "d673f5ee-a714-454d-8de2-492e4c1bd8f8": Owner("BranchCache", UPDATED, is_certain=False),
    "1d40ebc7-1983-4ac5-82aa-1e17a7ae9a0e": Owner(
        "Reporting Services",
        "",
        sentence(
            "Report Server Configuration Manager > Web Service URL and Web Portal URL: select the new "
            "certificate in both"
        ),
        is_certain=False,
    ),
}


def owner_of(app_id: str | None) -> Owner | None:
    """Return what writes the bindings of an AppId, a GUID in lower case; None without one."""
    return None if app_id is None else _OWNERS.get(app_id, _OTHER)
