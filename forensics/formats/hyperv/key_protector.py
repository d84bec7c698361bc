"""Key protectors: which guardians may start a virtual machine with a virtual TPM, and who owns its protector.

A protector holds, in clear, both certificates of every guardian. The key itself is encrypted to each guardian's
encryption certificate and is of no interest here.

What is certain of the signatures, and what their outcome rests on:

* Signer. A signing certificate is signed by the wrapping that ``ParentWrappingId`` names, an encryption certificate by
  the signing certificate beside it, the whole by the wrapping that ``GuardianSignature`` names.
* Algorithm. The specification lists no URIs; those of XML Signature are checked, all others are ``not_checked``.
* Text. ``GuardianSignature`` is over the exclusive canonical form of ``Wrappings``, so a signature that does not fit it
  is ``invalid``. What is signed of a certificate is not said: its DER, its base64 text and the canonical form of its
  element are tried. If none fits, the outcome is ``not_checked``, and ``invalid`` only where the value was provably
  made neither by the signer's key nor by the other of the two (parent, wrapping itself).
* ``TransportKeySignature`` needs the transport key and is never checked.

References:
    [MS-KPS] 2.2.2.3, 3.1.5.1.1, 6.1, https://learn.microsoft.com/openspecs/windows_protocols/ms-kps/
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import field, replace
from typing import Literal
from xml.etree.ElementTree import Element

from forensics.formats.errors import FormatError
from forensics.formats.hyperv.guardian_certificate import GuardianCertificate, read_certificate
from forensics.formats.hyperv.guardian_xml import (
    NAMESPACE,
    Encoding,
    GuardianXml,
    base64_content,
    exclusive_c14n,
    parse_guardian_xml,
    tag,
    unsigned_int,
)
from forensics.formats.signature import SignatureCheck, check_signature, is_known_algorithm
from forensics.formats.xml_text import MAX_XML_SIZE
from forensics.language import sentence
from forensics.late_methods import dataclass

MAX_WRAPPINGS = 256
"""Evidence: guardians of one key protector; where there are more, the row says that the right one may be missing."""
MAX_PROTECTORS = 64
"""Evidence: documents taken out of one value."""

SignatureState = Literal["valid", "invalid", "not_checked"]

_EMPTY = (b"", b"\0\0\0\4", b"\4\0\0\0")
_MAX_START_TAG = 2048
"""Format: characters before the name of a document's first element."""
_START_TAG = re.compile(r"<(?:([\w.-]{1,64}):)?Protector\s")
_CERTIFICATES = ("SigningCertificate", "EncryptionCertificate")


@dataclass(frozen=True, slots=True)
class Wrapping:
    """One guardian of a protector.

    Attributes:
        id: Its number; None when it is missing or no number.
        parent_id: The wrapping whose signing key vouches for this one; the owner's own number for the owner.
        signing: Certificate of the key that may change the protector (of the owner) or pass it on.
        encryption: Certificate of the key that starts the machine.
        signing_signature: The parent's signature of ``signing``.
        encryption_signature: The signature of ``encryption`` by ``signing``.
        errors: What is missing or broken in it.
    """

    id: int | None
    parent_id: int | None
    signing: GuardianCertificate | None
    encryption: GuardianCertificate | None
    signing_signature: SignatureState = "not_checked"
    encryption_signature: SignatureState = "not_checked"
    errors: tuple[FormatError, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class KeyProtector:
    """A parsed key protector.

    Attributes:
        wrappings: In the order of the document.
        owner_id: The one wrapping that is its own parent; None when there is not exactly one.
        last_wrapped_by: Number of the wrapping whose guardian produced this protector.
        guardian_signature: That guardian's signature of all wrappings.
        max_offline_unwraps: None when the document does not say.
        encoding: How the document was encoded.
        errors: What is wrong with the document as a whole; a wrapping has its own.
    """

    wrappings: tuple[Wrapping, ...]
    owner_id: int | None
    last_wrapped_by: int | None
    guardian_signature: SignatureState
    max_offline_unwraps: int | None
    encoding: Encoding
    errors: tuple[FormatError, ...] = field(default=(), compare=False)


def is_empty_key_protector(data: bytes) -> bool:
    """Whether a value is what Hyper-V keeps where there is no protector: nothing, or the four bytes of a 4."""
    return data in _EMPTY


def find_key_protectors(data: bytes) -> list[bytes]:
    """Cut the key protectors out of a value.

    Args:
        data: Any bytes; the documents may stand anywhere, in UTF-8 or UTF-16LE.

    Returns:
        The documents from root to root in the order in which they stand, at most 64. One that has no end reaches to the
        next one, to the end of the value or to the largest size that is read: it is evidence too, and
        ``parse_key_protector`` says what is wrong with it.
    """
    starts = sorted({*_find_roots(data, "utf-8"), *_find_roots(data, "utf-16-le")})[: MAX_PROTECTORS + 1]
    documents = []
    for index, (start, encoding, prefix) in enumerate(starts[:MAX_PROTECTORS]):
        limit = starts[index + 1][0] if index + 1 < len(starts) else len(data)
        limit = min(limit, start + MAX_XML_SIZE)
        end_tag = re.compile(re.escape(f"</{prefix}Protector".encode(encoding)) + rb"[ \t\r\n\0]{0,64}>")
        end = end_tag.search(data, start, limit)
        stop = limit if end is None else end.end() + (encoding == "utf-16-le")
        documents.append(data[start:stop])
    return documents


def _find_roots(data: bytes, encoding: Encoding) -> Iterator[tuple[int, Encoding, str]]:
    """Yield where a start tag ``Protector`` of the namespace begins, and its prefix with the colon."""
    # Bytes that are no text must come back as they were, or the offset would be wrong.
    unit, errors = (2, "surrogatepass") if encoding == "utf-16-le" else (1, "surrogateescape")
    needle = NAMESPACE.encode(encoding)
    found = data.find(needle)
    while found >= 0:
        # An odd number of bytes before it would tear the characters.
        floor = found - min(found // unit, _MAX_START_TAG) * unit
        _, bracket, rest = data[floor:found].decode(encoding, errors).rpartition("<")
        match = _START_TAG.match(bracket + rest)
        if match:
            yield found - len((bracket + rest).encode(encoding, errors)), encoding, f"{match[1]}:" if match[1] else ""
        found = data.find(needle, found + len(needle))


def parse_key_protector(data: bytes) -> KeyProtector:
    """Parse one key protector.

    Args:
        data: The document, in UTF-8 or UTF-16LE.

    Raises:
        FormatError: As ``parse_guardian_xml`` does, or ``bad_structure`` where it has no wrappings at all. What is
            wrong inside is in ``errors``: ``bad_structure``, ``bad_number``, ``bad_base64``, ``bad_certificate``,
            ``duplicate_id``, ``unknown_wrapping``, ``no_owner``, ``several_owners``, ``too_many``.
    """
    document = parse_guardian_xml(data, "Protector")
    parent = document.root.find(tag("Wrappings"))
    elements = [] if parent is None else parent.findall(tag("Wrapping"))
    if parent is None or not elements:
        raise FormatError("bad_structure", 0, sentence("the key protector has no wrappings"))
    errors: list[FormatError] = []
    count = len(elements)
    if count > MAX_WRAPPINGS:
        errors.append(
            FormatError(
                "too_many",
                0,
                sentence(
                    "{count} wrappings, of which {max_wrappings} are read", count=count, max_wrappings=MAX_WRAPPINGS
                ),
            )
        )
        elements = elements[:MAX_WRAPPINGS]
    wrappings = [_wrapping(element) for element in elements]
    signers = _by_unique_id(wrappings, errors)
    guardian = document.root.find(tag("GuardianSignature"))
    last = _attribute(guardian, "WrappingId", "GuardianSignature", errors)
    # It may be one of those that are not read.
    if last is not None and last not in signers and len(elements) == count:
        errors.append(
            FormatError(
                "unknown_wrapping",
                0,
                sentence("the guardian signature names wrapping {last}, which is none", last=last),
            )
        )
    return KeyProtector(
        wrappings=tuple(_check_certificates(document, elements, wrappings, signers)),
        owner_id=_owner(wrappings, signers, errors, are_all=len(elements) == count),
        last_wrapped_by=last,
        guardian_signature=_check_guardian(document, parent, guardian, signers.get(last)),
        max_offline_unwraps=_optional(document.root.get("MaxOfflineUnwraps"), "MaxOfflineUnwraps", errors),
        encoding=document.encoding,
        errors=tuple(errors),
    )


def _wrapping(element: Element) -> Wrapping:
    errors: list[FormatError] = []
    number: int | None = None
    try:
        number = unsigned_int(element.findtext(tag("Id")), "the Id of a wrapping")
    except FormatError as error:
        errors.append(error)
    signing, encryption = (read_certificate(element.find(tag(name)), name, errors) for name in _CERTIFICATES)
    signature = element.find(tag("SigningCertificateSignature"))
    parent_id = _attribute(signature, "ParentWrappingId", "SigningCertificateSignature", errors)
    return Wrapping(number, parent_id, signing, encryption, errors=tuple(errors))


def _attribute(element: Element | None, name: str, owner: str, errors: list[FormatError]) -> int | None:
    value = None if element is None else element.get(name)
    if value is None:
        errors.append(
            FormatError("bad_structure", 0, sentence("{owner} with {name} is missing", owner=owner, name=name))
        )
    return _optional(value, name, errors)


def _optional(value: str | None, what: str, errors: list[FormatError]) -> int | None:
    if value is None:
        return None
    try:
        return unsigned_int(value, what)
    except FormatError as error:
        errors.append(error)
        return None


def _by_unique_id(wrappings: list[Wrapping], errors: list[FormatError]) -> dict[int | None, Wrapping]:
    count = Counter(wrapping.id for wrapping in wrappings if wrapping.id is not None)
    for number in sorted(number for number in count if count[number] > 1):
        errors.append(
            FormatError(
                "duplicate_id",
                0,
                sentence("{count} wrappings have the Id {number}", count=count[number], number=number),
            )
        )
    return {wrapping.id: wrapping for wrapping in wrappings if wrapping.id is not None and count[wrapping.id] == 1}


def _owner(
    wrappings: list[Wrapping], unique: dict[int | None, Wrapping], errors: list[FormatError], *, are_all: bool
) -> int | None:
    owners = [wrapping.id for wrapping in wrappings if wrapping.id is not None and wrapping.id == wrapping.parent_id]
    if len(owners) > 1:
        errors.append(
            FormatError("several_owners", 0, sentence("{count} wrappings are their own parent", count=len(owners)))
        )
    if not owners and are_all:
        errors.append(FormatError("no_owner", 0, sentence("no wrapping is its own parent, which the owner's is")))
    # An owner's number that another wrapping has too does not say which of them is meant.
    return owners[0] if len(owners) == 1 and owners[0] in unique else None


def _signature(element: Element | None) -> tuple[str | None, bytes]:
    """Return algorithm and value of the ``Signature`` in ``element``; no algorithm where it cannot be checked."""
    inner = None if element is None else element.find(tag("Signature"))
    algorithm = None if inner is None else inner.get("Algorithm")
    if inner is None or not is_known_algorithm(algorithm):
        return None, b""
    try:
        value = base64_content(inner.find(tag("SignatureValue")), "SignatureValue")
    except FormatError:
        return None, b""
    return (algorithm, value) if value else (None, b"")


def _check_certificates(
    document: GuardianXml,
    elements: list[Element],
    wrappings: list[Wrapping],
    signers: dict[int | None, Wrapping],
) -> Iterator[Wrapping]:
    canonical = _canonical_certificates(document, elements)
    for element, wrapping in zip(elements, wrappings, strict=True):
        is_own_parent = wrapping.id is not None and wrapping.id == wrapping.parent_id
        parent = wrapping if is_own_parent else signers.get(wrapping.parent_id)
        states: list[SignatureState] = []
        for name, certificate, signer, other in (
            ("SigningCertificate", wrapping.signing, parent, wrapping),
            ("EncryptionCertificate", wrapping.encryption, wrapping, parent),
        ):
            stored = element.find(tag(name))
            algorithm, value = _signature(element.find(tag(name + "Signature")))
            if algorithm is None or certificate is None or stored is None:
                states.append("not_checked")
                continue
            texts = [certificate.der, (stored.text or "").encode(), *canonical.get(stored, ())]
            state = _STATES[_check(algorithm, value, signer, texts)]
            if state == "invalid" and _check(algorithm, value, other, texts) in ("valid", "other_bytes"):
                # A sound signature by the other key at hand: Windows may do it otherwise than we read the schema.
                state = "not_checked"
            states.append(state)
        yield replace(wrapping, signing_signature=states[0], encryption_signature=states[1])


def _check(algorithm: str, value: bytes, signer: Wrapping | None, texts: list[bytes]) -> SignatureCheck:
    if signer is None or signer.signing is None:
        return "not_checked"
    return check_signature(algorithm, value, signer.signing.public_key, texts)


_STATES: dict[SignatureCheck, SignatureState] = {
    "valid": "valid",
    "other_bytes": "not_checked",
    "other_key": "invalid",
    "not_checked": "not_checked",
}


def _canonical_certificates(document: GuardianXml, elements: list[Element]) -> dict[Element, tuple[bytes]]:
    wanted = [
        certificate
        for element in elements
        for name in _CERTIFICATES
        if (certificate := element.find(tag(name))) is not None
        and _signature(element.find(tag(name + "Signature")))[0] is not None
    ]
    forms = exclusive_c14n(document, wanted) if wanted else None
    return {} if forms is None else {element: (form,) for element, form in zip(wanted, forms, strict=True)}


def _check_guardian(
    document: GuardianXml, wrappings: Element, guardian: Element | None, signer: Wrapping | None
) -> SignatureState:
    algorithm, value = _signature(guardian)
    if algorithm is None:
        return "not_checked"
    outcome: SignatureCheck = "not_checked"
    # The second form is for a document whose white space was added, or dropped before it was signed.
    for strip in (False, True):
        forms = exclusive_c14n(document, [wrappings], strip=strip)
        if forms is None:
            return "not_checked"
        outcome = _check(algorithm, value, signer, forms)
        if outcome != "other_bytes":
            break
    return "invalid" if outcome == "other_bytes" else _STATES[outcome]
