"""IIS sites: the names behind the bindings of http.sys, and the old hashes that can undo them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from forensics.collectors.guard import guard
from forensics.collectors.uses.consumers import IIS, IIS_METABASE
from forensics.collectors.uses.context import IIS_CONFIG_NAME, Provenance, UseContext
from forensics.collectors.uses.http_sys import HttpBinding
from forensics.formats.iis_configuration import HASH_PROPERTY, HttpsBinding, OldHash
from forensics.language import sentence
from forensics.late_methods import dataclass
from forensics.tables.use import CertificateUseRow

MAX_SITES = 5_000
"""Evidence: bindings for https of all sites of IIS, and old hashes of its metabase."""


@dataclass(frozen=True, slots=True)
class _Site:
    """An https binding of a site, and the bindings of http.sys that serve it."""

    binding: HttpsBinding
    served_by: tuple[HttpBinding, ...]


def iis_uses(context: UseContext, bindings: Sequence[HttpBinding]) -> Iterator[CertificateUseRow]:
    """Yield a row for each https binding of each site and the certificate http.sys has for it."""
    if context.iis is None:
        return
    configuration, place = context.iis.configuration, context.iis.place
    sites = list(_sites(context, configuration.bindings, bindings, place))
    for site in sites:
        yield from _site_uses(context, site, place)
    yield from _metabase_uses(context, configuration.old_hashes, sites, place)


def _sites(
    context: UseContext, found: Sequence[HttpsBinding], bindings: Sequence[HttpBinding], place: Provenance
) -> Iterator[_Site]:
    by_name: dict[tuple[str, str], list[HttpBinding]] = {}
    for binding in bindings:
        by_name.setdefault((binding.kind, binding.name.lower()), []).append(binding)
    for https in found[:MAX_SITES]:
        yield _Site(https, tuple(b for key in https.http_sys_names() for b in by_name.get(key, ())))
    if len(found) > MAX_SITES:
        context.installation.cut(
            "file",
            IIS_CONFIG_NAME,
            place.path,
            sentence("only the first {max_sites} https bindings were read", max_sites=MAX_SITES),
        )


def _site_uses(context: UseContext, site: _Site, place: Provenance) -> Iterator[CertificateUseRow]:
    detail = f"{site.binding.site_name} {site.binding.information}"
    for binding in site.served_by:
        fault = (
            None
            if binding.thumbprint
            else sentence("the http.sys binding {name} has no certificate hash", name=binding.name)
        )
        yield binding.told_in(
            context.use(IIS, place, binding.thumbprint, detail=detail, store=binding.store, fault=fault)
        )
    if site.binding.takes_central_store:
        detail = sentence("{detail} (central certificate store: PFX files on a share)", detail=detail)
        yield context.use(IIS, place, None, detail=detail, store=None)
    elif not site.served_by:
        fault = sentence("http.sys has no certificate for this binding")
        yield context.use(IIS, place, None, detail=detail, store=None, fault=fault)


def _metabase_uses(
    context: UseContext, found: Sequence[OldHash], sites: Sequence[_Site], place: Provenance
) -> Iterator[CertificateUseRow]:
    by_number: dict[str, list[_Site]] = {}
    for site in sites:
        by_number.setdefault(site.binding.site, []).append(site)
    for old in found[:MAX_SITES]:
        with guard(context.installation, place.path):
            yield _metabase_use(context, old, by_number.get(old.site, ()), place)
    if len(found) > MAX_SITES:
        context.installation.cut(
            "file",
            IIS_CONFIG_NAME,
            place.path,
            sentence("only the first {max_sites} old hashes were read", max_sites=MAX_SITES),
        )


def _metabase_use(context: UseContext, old: OldHash, sites: Sequence[_Site], place: Provenance) -> CertificateUseRow:
    thumbprint = old.thumbprint()
    served = sorted({b.thumbprint for site in sites for b in site.served_by if b.thumbprint})
    name = sites[0].binding.site_name if sites else sentence("no https binding")
    fault = None
    if thumbprint not in served:
        fault = sentence(
            "http.sys has {names} for this site, the metabase keeps another hash",
            names=", ".join(served) or sentence("no certificate"),
        )
    detail = sentence(
        "customMetadata LM/W3SVC/{site} property {hash_property} ({name})",
        site=old.site,
        hash_property=HASH_PROPERTY,
        name=name,
    )
    return context.use(IIS_METABASE, place, thumbprint, detail=detail, fault=fault)
