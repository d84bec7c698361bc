"""Agents and services of management: ConfigMgr, Operations Manager, IIS remote management, DSC.

References:
    Microsoft Learn, MOMCertImport; Configure the Web Management Service; Local Configuration Manager (CertificateID).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from forensics.collectors.profiles import SYSTEM_SID
from forensics.collectors.uses.consumers import CONFIG_MGR, DSC, SCOM, WEB_MANAGEMENT
from forensics.collectors.uses.context import MY, Provenance, UseContext
from forensics.formats.ini_text import decode_text, ini_sections
from forensics.formats.thumbprint import thumbprint_of_text
from forensics.language import sentence
from forensics.tables.outcome import Outcome
from forensics.tables.use import CertificateUseRow

_SMS_CONFIG, _SMS_IDENTIFIER = "SMSCFG.INI", "sms certificate identifier"
_OPERATIONS_MANAGER = "Microsoft\\Microsoft Operations Manager\\3.0\\Machine Settings"
_SERIAL, _HASH = "ChannelCertificateSerialNumber", "ChannelCertificateHash"
_MAX_SERIAL = 64
"""Format: bytes of a serial number."""
_HEALTH_SERVICE = "HealthService"
_WEB_MANAGEMENT, _WEB_HASH = "Microsoft\\WebManagement\\Server", "SslCertificateHash"
_META_CONFIG = "System32/Configuration/MetaConfig.mof"
_META_CLASS = "msft_dscmetaconfiguration"
_CERTIFICATE_ID = re.compile(r'CertificateID\s*=\s*"([^"]{1,100})"', re.IGNORECASE)


def config_mgr_uses(context: UseContext) -> Iterator[CertificateUseRow]:
    """Yield the client certificate that SMSCFG.INI names, as ``store;thumbprint``."""
    file = context.file(context.installation.in_windows(_SMS_CONFIG))
    if file is None:
        return
    place, data = file
    for _, values in ini_sections(decode_text(data)):
        store, semicolon, text = values.get(_SMS_IDENTIFIER, "").partition(";")
        if not semicolon:
            continue
        thumbprint, fault = thumbprint_of_text(text)
        yield context.use(CONFIG_MGR, place, thumbprint, store=store.strip() or "SMS", fault=fault)


def scom_uses(context: UseContext) -> Iterator[CertificateUseRow]:
    """Yield the certificate of the Operations Manager agent, by hash, else by serial number."""
    software = context.software
    key = software.key(_OPERATIONS_MANAGER)
    if key is None:
        return
    text, serial = software.text(key, _HASH), software.data(key, _SERIAL)
    if text is None and serial is None:
        return
    thumbprint, fault = thumbprint_of_text(text) if text else (None, None)
    if serial is not None and len(serial) > _MAX_SERIAL:
        context.installation.problem(
            software.where(key, _SERIAL), "bad_length", sentence("{count} bytes of serial number", count=len(serial))
        )
        serial = None
    number = (serial[::-1].lstrip(b"\0") or b"\0").hex().upper() if serial else None
    same_serial = sorted({c.thumbprint for c in context.my_certificates() if number and c.serial == number})
    if len(same_serial) == 1 and (thumbprint is None or context.present(thumbprint, MY, SYSTEM_SID) is False):
        # Earlier agents have the serial number alone.
        fault = (
            sentence("{hash} names {thumbprint}", hash=_HASH, thumbprint=thumbprint)
            if thumbprint and thumbprint != same_serial[0]
            else fault
        )
        thumbprint = same_serial[0]
    elif thumbprint and same_serial and thumbprint not in same_serial:
        fault = sentence("{serial} belongs to {names}", serial=_SERIAL, names=", ".join(same_serial))
    place = Provenance(software.where(key, _HASH if text else _SERIAL), key.timestamp)
    detail = sentence("serial number {number}", number=number) if number else None
    row = context.use(SCOM, place, thumbprint, detail=detail, fault=fault)
    if text and thumbprint in same_serial:
        row.also_set_at = [software.where(key, _SERIAL)]
    yield context.service_account(row, _HEALTH_SERVICE)


def web_management_uses(context: UseContext) -> Iterator[CertificateUseRow]:
    """Yield the certificate of the IIS Web Management Service."""
    software = context.software
    key = software.key(_WEB_MANAGEMENT)
    thumbprint = context.raw_thumbprint(software, key, _WEB_HASH) if key else None
    if key is not None and thumbprint is not None:
        yield context.use(WEB_MANAGEMENT, Provenance(software.where(key, _WEB_HASH), key.timestamp), thumbprint)


def dsc_uses(context: UseContext) -> Iterator[CertificateUseRow]:
    """Yield the certificate of the Local Configuration Manager; where its file is encrypted, as since WMF 5, say so."""
    file = context.file(context.installation.in_windows(_META_CONFIG))
    if file is None:
        return
    place, data = file
    text = decode_text(data)
    found = _CERTIFICATE_ID.search(text)
    if found is None and _META_CLASS not in text.lower():
        why = sentence(
            "it is encrypted, or not the Local Configuration Manager's: which certificate it names is not known"
        )
        context.installation.coverage.tell("uses", "DSC", Outcome("not_examined", why), place.path)
    if found:
        thumbprint, fault = thumbprint_of_text(found[1])
        yield context.use(DSC, place, thumbprint, certainty="likely", fault=fault)
