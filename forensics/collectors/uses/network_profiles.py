"""Wireless, wired and VPN profiles with EAP-TLS: they name no certificate, Windows chooses one that fits.

References:
    Microsoft Learn, EAP configuration.
"""

from __future__ import annotations

from collections.abc import Iterator

from forensics.collectors.guard import guard
from forensics.collectors.profiles import SYSTEM_SID, folder_exists, program_data
from forensics.collectors.uses.consumers import LAN, VPN, WLAN, Consumer
from forensics.collectors.uses.context import Provenance, UseContext, may_authenticate
from forensics.disk.tree import Entry
from forensics.formats.eap_profile import EAP_TLS, EITHER, parse_eap_profile
from forensics.formats.ini_text import decode_text, ini_sections
from forensics.language import sentence
from forensics.tables.use import CertificateUseRow

MAX_PROFILES = 200
"""Evidence: network profiles of one kind, or connections of one phone book."""
MAX_PROFILE_SIZE = 1 << 18
"""Format: bytes of one network profile."""

_SERVICES = ((WLAN, "wlansvc"), (LAN, "dot3svc"))
_PHONE_BOOK = "Microsoft/Network/Connections/Pbk/rasphone.pbk"
_MACHINE, _USER = "machine", "user"


def network_uses(context: UseContext) -> Iterator[CertificateUseRow]:
    """Yield the candidates of each EAP-TLS profile."""
    for consumer, service in _SERVICES:
        base = f"{program_data(context.installation)}/Microsoft/{service}/Profiles/Interfaces"
        if folder_exists(context.installation, base):
            for entry in _profile_files(context, base):
                with guard(context.installation, entry.path):
                    yield from _profile(context, consumer, entry)
    yield from _phone_books(context)


def _profile_files(context: UseContext, base: str) -> Iterator[Entry]:
    found = (
        entry
        for interface in context.installation.listing(base).entries
        if interface.is_dir
        for entry in context.installation.listing(interface.path).entries
        if not entry.is_dir and entry.name.lower().endswith(".xml")
    )
    for count, entry in enumerate(found):
        if count == MAX_PROFILES:
            context.installation.cut(
                "folder",
                base,
                base,
                sentence("only the first {max_profiles} profiles were read", max_profiles=MAX_PROFILES),
            )
            return
        yield entry


def _profile(context: UseContext, consumer: Consumer, entry: Entry) -> Iterator[CertificateUseRow]:
    content = context.installation.read(entry, MAX_PROFILE_SIZE)
    if not content.outcome.is_there:
        return
    profile = parse_eap_profile(content.data)
    # Of a certificate on a card, what was ever copied into a store says little.
    if not profile.eap_tls or profile.smart_card_only:
        return
    detail = sentence("profile {name}", name=profile.name or entry.name)
    place = Provenance(entry.path, entry.modified)
    if profile.auth_mode in (_MACHINE, EITHER):
        yield from _candidates(
            context, consumer, place, sentence("{detail}, computer logon", detail=detail), SYSTEM_SID
        )
    if profile.auth_mode in (_USER, EITHER):
        yield from _candidates(context, consumer, place, sentence("{detail}, user logon", detail=detail), None)


def _candidates(
    context: UseContext, consumer: Consumer, place: Provenance, detail: str, owner: str | None
) -> Iterator[CertificateUseRow]:
    able = [c for c in context.my_certificates(owner) if may_authenticate(c, "clientAuth")]
    yield from context.candidates(consumer, place, able, detail, owner)


def _phone_books(context: UseContext) -> Iterator[CertificateUseRow]:
    # A connection that all users share still takes the certificate of whoever dials it.
    books: list[tuple[str, str | None]] = [(f"{program_data(context.installation)}/{_PHONE_BOOK}", None)]
    books += [(f"{p.roaming}/{_PHONE_BOOK}", p.sid) for p in context.profiles if not p.elsewhere and p.scope == "user"]
    for path, owner in books:
        file = context.file(path)
        if file is None:
            continue
        place, data = file
        connections = [(name, values) for name, values in ini_sections(decode_text(data)) if name]
        if data and not connections:
            message = sentence("it has {count} bytes, and no connection is in them", count=len(data))
            context.installation.cut("file", "rasphone.pbk", path, message, "no_connection")
        sections = [name for name, values in connections if values.get("customauthkey") == EAP_TLS]
        if len(sections) > MAX_PROFILES:
            message = sentence("only the first {max_profiles} connections were read", max_profiles=MAX_PROFILES)
            context.installation.cut("file", "rasphone.pbk", path, message)
        for name in sections[:MAX_PROFILES]:
            yield from _candidates(context, VPN, place, sentence("connection {name}", name=name), owner)
