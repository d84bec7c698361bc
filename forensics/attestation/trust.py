"""The three ways in which a certification authority comes to trust a TPM, each answered from table rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal

from forensics.attestation.ek_chain import MAX_CHAIN, ChainSearch, is_valid
from forensics.commands.blocks import typed
from forensics.language import joined, sentence, sentence_n
from forensics.late_methods import dataclass
from forensics.tables.authority import CaEkListEntryRow, CaEkListRow, CaRow
from forensics.tables.certificate import CertificateRow
from forensics.tables.tpm import TpmRow

Answer = Literal["yes", "no", "unknown"]
Model = Literal["endorsement_key", "ek_certificate", "on_use"]

TPM_CHANGED = sentence("the TPM changed: EKPub is another key than the one Windows last provisioned (LastEkPub)")
_DEVICE = sentence("in PowerShell as administrator on the device")
_LOOK_AT_TPM = sentence(
    "look which endorsement key the TPM has today, {device}: {typed}", device=_DEVICE, typed=typed("tell-ek-hash")
)
_TELL_HASH = sentence("this tells it, {device}: {typed}", device=_DEVICE, typed=typed("tell-ek-hash"))
_LOOK_AT_CERTIFICATE = sentence("look, {device}: {typed}", device=_DEVICE, typed=typed("show-ek-certificates"))


@dataclass(frozen=True, slots=True)
class Trust:
    """One way of trust.

    Attributes:
        model: ``endorsement_key``, ``ek_certificate`` or ``on_use``.
        policy: Issuance policy that a certificate attested so carries.
        assurance: ``high``, ``medium`` or ``low``.
        answer: Whether the authority trusts the TPM so.
        certainty: ``proved`` or ``likely``.
        because: Why, one sentence.
        missing: What has to be done for it, one sentence each.
        templates: Templates that permit it, comma separated; None: no template that asks for attestation is known.
    """

    model: Model
    policy: str
    assurance: str
    answer: Answer
    certainty: Literal["proved", "likely"]
    because: str
    missing: tuple[str, ...] = ()
    templates: str | None = None

    def permitted(self, templates: str) -> Trust:
        """Return it for templates that permit it; the user's word then suffices."""
        answer: Answer = "yes" if self.model == "on_use" else self.answer
        return replace(self, answer=answer, templates=templates, missing=() if answer == "yes" else self.missing)

    def refused(self, why: str) -> Trust:
        """Return it where every template that is known refuses it."""
        change = sentence(
            "a template that requires or prefers attestation, permits this way and excludes it in no other setting"
        )
        because = why if self.model == "on_use" else sentence("{because}; but {why}", because=self.because, why=why)
        missing = (*(() if self.model == "on_use" else self.missing), change)
        return replace(self, answer="no", certainty="likely", because=because, missing=missing, templates="")


def _by_key(answer: Answer, certainty: Literal["proved", "likely"], because: str, *missing: str) -> Trust:
    return Trust("endorsement_key", "1.3.6.1.4.1.311.21.30", "high", answer, certainty, because, missing)


def _by_certificate(answer: Answer, because: str, *missing: str) -> Trust:
    return Trust("ek_certificate", "1.3.6.1.4.1.311.21.31", "medium", answer, "likely", because, missing)


def on_use() -> Trust:
    """Trust on use: whatever TPM the user has; only the template decides."""
    because = sentence("any TPM is trusted on the word of the user who enrols, where the template says so")
    missing = (sentence("a template with 'User credentials' under Key Attestation"),)
    return Trust("on_use", "1.3.6.1.4.1.311.21.32", "low", "unknown", "likely", because, missing)


def by_endorsement_key(tpm: TpmRow | None, lists: Sequence[CaEkListRow], entries: Sequence[CaEkListEntryRow]) -> Trust:
    """Answer whether a list of the authority names the TPM's endorsement key.

    A match is told with the form of the key that was hashed: SHA-256 values are not equal by chance, although which
    form Windows hashes is not documented.
    """
    if not lists:
        return _by_key(
            "no",
            "proved",
            sentence("the authority has no list of endorsement keys (EndorsementKeyListDirectories is not set)"),
            sentence("set EndorsementKeyListDirectories and put an empty file there, named by the key's SHA-256"),
        )
    return _of_today(_by_lists(tpm, lists, entries), tpm)


def _by_lists(tpm: TpmRow | None, lists: Sequence[CaEkListRow], entries: Sequence[CaEkListEntryRow]) -> Trust:
    digests = _digests(tpm)
    named = {entry.ek_hash: entry for entry in sorted(entries, key=lambda e: e.fault is None) if entry.ek_hash}
    for digest, form in digests.items():
        entry = named.get(digest)
        if entry is not None:
            return _listed(entry, digest, form, next((f for f in lists if f.path == entry.folder), None))
    unread = [f for f in lists if f.outcome not in ("present", "absent") or f.complete is False]
    if unread:
        names = joined(
            (sentence("{folder} ({why})", folder=f.configured, why=f.detail or f.outcome) for f in unread[:5]), ", "
        )
        return _by_key(
            "unknown",
            "likely",
            sentence("not every list could be read: {names}", names=names),
            sentence("look there for the key's hash"),
        )
    if not digests:
        because = sentence("the disk of the device does not hold its endorsement key (EKPub)")
        return _by_key(
            "unknown",
            "likely",
            because,
            sentence("the SHA-256 of its endorsement key: {tell_hash}", tell_hash=_TELL_HASH),
        )
    places = joined(
        (
            sentence("{folder} (missing)", folder=f.configured) if f.outcome == "absent" else f.configured
            for f in lists[:5]
        ),
        ", ",
    )
    return _by_key(
        "no",
        "likely",
        sentence_n(
            "the {count} entry in {places} is no SHA-256 of its endorsement key, in any form in which it might be "
            "hashed",
            "none of {count} entries in {places} is a SHA-256 of its endorsement key, in any form in which it might be "
            "hashed",
            sum(f.entries or 0 for f in lists),
            places=places,
        ),
        sentence(
            "an empty file in one of these folders, named by the SHA-256 of its endorsement key: {tell_hash}",
            tell_hash=_TELL_HASH,
        ),
    )


def _digests(tpm: TpmRow | None) -> dict[str, str]:
    pairs = (text.rpartition(": ") for text in (tpm.ek_digests if tpm else ()))
    return {digest: form for form, _, digest in pairs}


def _form(text: str) -> str:
    """Return what was hashed, of ``tpm.ek_digests``, as it is said in any language."""
    key, _, encoding = text.rpartition(" as ")
    if encoding == "stored":
        return sentence("{key} as stored", key=key)
    return sentence("{key} as {encoding}", key=key, encoding=encoding)


def _listed(entry: CaEkListEntryRow, digest: str, form: str, folder: CaEkListRow | None) -> Trust:
    where = folder.configured if folder else entry.folder
    told = sentence("{where} holds {name}, the SHA-256 of {form}", where=where, name=entry.name, form=_form(form))
    if entry.fault is not None and entry.fault != "not_empty":
        return _by_key(
            "no",
            "likely",
            sentence("{told}, but that is no name as the authority looks for it", told=told),
            sentence("rename it to {digest}", digest=digest),
        )
    if folder is not None and folder.ca_can_read is False:
        because = sentence("{told}, but the account of the authority cannot read that folder", told=told)
        return _by_key("no", "proved", because, sentence("let SYSTEM read {where}", where=where))
    if entry.fault == "not_empty":
        because = sentence("{told}; the file is not empty, as entries should be", told=told)
        return _by_key("yes", "likely", because, sentence("empty the file {name}", name=entry.name))
    return _by_key("yes", "likely", told)


def by_ek_certificate(
    ca: CaRow,
    tpm: TpmRow | None,
    device: Sequence[CertificateRow],
    authority: Sequence[CertificateRow],
    as_of: datetime,
) -> Trust:
    """Answer whether the certificate of the endorsement key chains to EKROOT by names, dates and signatures."""
    own = [row for row in device if row.store.lower() in ("ekcertstore", "ekcertstoreecc")]
    if "not_examined" in (ca.ekroot, ca.ekca):
        return _by_certificate(
            "unknown", sentence("the stores EKROOT and EKCA of the authority were not there to read")
        )
    if not ca.ekroot_count:
        because = (
            sentence("the authority trusts no manufacturer: its store EKROOT is absent")
            if ca.ekroot == "absent"
            else sentence("the authority trusts no manufacturer: its store EKROOT is empty")
        )
        names = joined(sorted({row.issuer for row in own if row.issuer}), ", ")
        put = sentence("the manufacturer's root in EKROOT and its intermediates in EKCA")
        if names:
            put = sentence(
                "the manufacturer's root in EKROOT and its intermediates in EKCA, for the issuer {names}", names=names
            )
        return _by_certificate("no", because, put)
    if not own:
        because = sentence(
            "the disk of the device holds no certificate of its endorsement key (EKCertStore); the TPM itself may"
        )
        return _by_certificate("unknown", because, _LOOK_AT_CERTIFICATE)
    if tpm is not None and tpm.ek_certificate_agrees is False:
        because = sentence(
            "the certificate that Windows keeps is of another endorsement key than the TPM's: of an earlier TPM"
        )
        return _by_certificate("no", because, sentence("the certificate of today's TPM, from its manufacturer"))
    answers = [_chain(row, authority, as_of) for row in own]
    best = next((a for wanted in ("yes", "unknown") for a in answers if a.answer == wanted), answers[0])
    return _of_today(best, tpm)


def _of_today(trust: Trust, tpm: TpmRow | None) -> Trust:
    """Withhold a yes where the registry knows two endorsement keys: which one the TPM has today it does not tell."""
    if trust.answer != "yes" or tpm is None or tpm.ek_pub_agrees is not False:
        return trust
    because = joined([trust.because, TPM_CHANGED], "; ")
    return replace(trust, answer="unknown", because=because, missing=(*trust.missing, _LOOK_AT_TPM))


def _chain(certificate: CertificateRow, authority: Sequence[CertificateRow], as_of: datetime) -> Trust:
    roots = [row for row in authority if row.store.lower() == "ekroot" and is_valid(row, as_of)]
    others = [row for row in authority if row.store.lower() == "ekca" and is_valid(row, as_of)]
    ended = {row.subject for row in authority if row.store.lower() in ("ekroot", "ekca") and not is_valid(row, as_of)}
    if not is_valid(certificate, as_of):
        until = f"{certificate.not_after:%Y-%m-%d}" if certificate.not_after else sentence("an unknown day")
        because = sentence(
            "the certificate of the endorsement key ({thumbprint}) was valid until {until}",
            thumbprint=certificate.thumbprint,
            until=until,
        )
        return _by_certificate(
            "no", because, sentence("a list of endorsement keys, or the manufacturer's new certificate")
        )
    chain = ChainSearch(roots, others).of(certificate)
    path = joined([certificate.subject or certificate.thumbprint, *chain.names], " < ")
    if chain.signatures == "valid":
        return _by_certificate("yes", sentence("the chain holds, by names, dates and signatures: {path}", path=path))
    if chain.signatures == "not_checked":
        because = sentence("by their names the chain holds: {path}; its signatures could not be checked", path=path)
        return _by_certificate("unknown", because, sentence("Confirm-CAEndorsementKeyInfo on the authority"))
    current = chain.last
    if chain.signatures == "invalid":
        because = sentence(
            "{subject} names {issuer} as its issuer, but the signature is not of that certificate's key: "
            "it is forged, damaged, or of another key of that name",
            subject=current.subject or current.thumbprint,
            issuer=current.issuer,
        )
        missing = sentence(
            "the certificate of {issuer} whose key signed it, if the manufacturer knows one", issuer=current.issuer
        )
        return _by_certificate("no", because, missing)
    if len(chain.names) >= MAX_CHAIN:
        because = sentence(
            "the chain of the endorsement key's certificate was followed for {max_chain} certificates only: {path}",
            max_chain=MAX_CHAIN,
            path=path,
        )
        return _by_certificate("unknown", because, sentence("Confirm-CAEndorsementKeyInfo on the authority"))
    issuer = current.issuer or sentence("an unnamed issuer")
    state = sentence("has ended there") if current.issuer in ended else sentence("is in neither EKROOT nor EKCA")
    if current.self_signed:
        missing = sentence(
            "{subject} in EKROOT, if you trust it: in EKCA a root counts for nothing", subject=current.subject
        )
    else:
        missing = sentence(
            "a valid certificate of {issuer} in EKCA, and its root in EKROOT (in EKROOT if it is a root itself)",
            issuer=issuer,
        )
    return _by_certificate(
        "no",
        sentence("the chain of the endorsement key's certificate breaks: {issuer} {state}", issuer=issuer, state=state),
        missing,
    )
