"""Table template: the certificate templates that enrolment cached, for the computer and for each user.

References:
    MS-CRTD (attributes of certificate templates); outflanknl/regcertipy (where the cache lies).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from forensics.collectors.profiles import SYSTEM_SID, Profile
from forensics.collectors.registry_view import RegistryView
from forensics.collectors.user_hives import user_hives
from forensics.formats.certificate_template import key_algorithm, period_seconds, provider_name
from forensics.formats.errors import FormatError
from forensics.formats.oid_names import eku_name
from forensics.language import sentence
from forensics.registry.hive import Key
from forensics.sources.installation import Installation
from forensics.tables.use import TemplateRow

MAX_TEMPLATES = 2_000
"""Evidence: certificate templates in one cache."""
MAX_TEXT = 256
"""Display: characters of one text."""
MAX_TEXTS = 64
"""Evidence: texts of one attribute of a template."""

_CACHE = "Microsoft\\Cryptography\\CertificateTemplateCache"


def collect_templates(installation: Installation, profiles: Sequence[Profile]) -> Iterator[TemplateRow]:
    """Yield every cached template: of SOFTWARE, of SYSTEM's own registry, and of each user's."""
    yield from _cached(RegistryView.of_machine(installation, "SOFTWARE"), _CACHE, SYSTEM_SID)
    yield from _cached(RegistryView.of_machine(installation, "DEFAULT"), f"Software\\{_CACHE}", SYSTEM_SID)
    for profile, view in user_hives(installation, profiles):
        yield from _cached(view, f"Software\\{_CACHE}", profile.sid)


def _cached(view: RegistryView, path: str, owner_sid: str | None) -> Iterator[TemplateRow]:
    for key in view.subkeys(path, MAX_TEMPLATES):
        yield TemplateRow(
            machine_id=view.installation.machine_id,
            name=key.name,
            display_name=(view.text(key, "DisplayName") or "")[:MAX_TEXT] or None,
            oid=next(iter(_texts(view, key, "msPKI-Cert-Template-OID")), None),
            owner_sid=owner_sid,
            schema_version=view.number(key, "msPKI-Template-Schema-Version"),
            validity_seconds=_period(view, key, "ValidityPeriod"),
            renewal_overlap_seconds=_period(view, key, "RenewalOverlap"),
            private_key_flags=_flags(view, key, "msPKI-Private-Key-Flag"),
            enrollment_flags=_flags(view, key, "msPKI-Enrollment-Flag"),
            name_flags=_flags(view, key, "msPKI-Certificate-Name-Flag"),
            minimal_key_bits=view.number(key, "msPKI-Minimal-Key-Size"),
            eku=[eku_name(oid) for oid in _texts(view, key, "ExtKeyUsageSyntax")],
            providers=[provider_name(text) for text in _texts(view, key, "SupportedCSPs")],
            key_algorithm=key_algorithm(_texts(view, key, "msPKI-RA-Application-Policies")),
            source_path=view.where(key),
            source_time=key.timestamp,
        )


def _texts(view: RegistryView, key: Key, name: str) -> list[str]:
    value = view.value(key, name)
    if value is None:
        return []
    texts = value.texts or ([value.text] if value.text else [])
    if len(texts) > MAX_TEXTS:
        view.cut(
            key,
            sentence("only the first {max_texts} of {count} texts are kept", max_texts=MAX_TEXTS, count=len(texts)),
            value=name,
        )
    return [text[:MAX_TEXT] for text in texts[:MAX_TEXTS]]


def _flags(view: RegistryView, key: Key, name: str) -> int | None:
    # The directory's signed numbers, of which the bits are meant.
    number = view.number(key, name)
    return None if number is None else number & 0xFFFFFFFF


def _period(view: RegistryView, key: Key, name: str) -> int | None:
    data = view.data(key, name)
    if data is None:
        return None
    try:
        return period_seconds(data)
    except FormatError as error:
        view.installation.problem(view.where(key, name), error.kind, error.message)
        return None
