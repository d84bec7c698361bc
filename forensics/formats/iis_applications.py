"""applicationHost.config of IIS: the folders of its sites, and the accounts of the pools that run what lies there.

References:
    Microsoft Learn, IIS <site>, <application>, <virtualDirectory>, <applicationPools>, <processModel>.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from forensics.formats.xml_text import at_path, named
from forensics.late_methods import dataclass

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_ACCOUNTS = {
    "localsystem": "LocalSystem",
    "localservice": "NT AUTHORITY\\LocalService",
    "networkservice": "NT AUTHORITY\\NetworkService",
}
_OWN = "applicationpoolidentity"
_SPECIFIC = "specificuser"
_DEFAULT_POOL = "DefaultAppPool"


@dataclass(frozen=True, slots=True)
class SiteFolder:
    """The folder of an application of a site.

    Attributes:
        site: Name of the site.
        application: Path of the application in the site, ``/`` for the site itself.
        path: Folder as Windows names it, with variables.
        account: Account of its pool as Windows names it; None where the file does not tell it.
    """

    site: str
    application: str
    path: str
    account: str | None

    @property
    def name(self) -> str:
        """The site with the path of the application in it."""
        return self.site if self.application in ("", "/") else f"{self.site}{self.application}"


def site_folders(root: Element) -> Iterator[SiteFolder]:
    """Yield the folders of all applications, virtual directories among them.

    Args:
        root: The document.
    """
    pools = _pool_accounts(root)
    default = next((d.get("applicationPool") for d in named(root, "applicationDefaults")), None) or _DEFAULT_POOL
    for site in named(root, "site"):
        for application in at_path(site, "application"):
            pool = application.get("applicationPool") or default
            for directory in at_path(application, "virtualDirectory"):
                path = directory.get("physicalPath", "")
                if path:
                    yield SiteFolder(
                        site.get("name", ""), application.get("path", ""), path, pools.get(pool.lower(), _own(pool))
                    )


def _pool_accounts(root: Element) -> dict[str, str | None]:
    pools: dict[str, str | None] = {}
    for parent in named(root, "applicationPools"):
        defaults = next(at_path(parent, "applicationPoolDefaults", "processModel"), None)
        for pool in at_path(parent, "add"):
            name = pool.get("name", "")
            pools[name.lower()] = _account(name, next(at_path(pool, "processModel"), None), defaults)
    return pools


def _account(pool: str, model: Element | None, defaults: Element | None) -> str | None:
    told = [m for m in (model, defaults) if m is not None]
    identity = next((text.lower() for m in told if (text := m.get("identityType"))), _OWN)
    if identity == _OWN:
        return _own(pool)
    if identity == _SPECIFIC:
        return next((text for m in told if (text := m.get("userName"))), None)
    return _ACCOUNTS.get(identity)


def _own(pool: str) -> str:
    return f"IIS APPPOOL\\{pool}"
