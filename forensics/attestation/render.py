"""The answer of ``keymortem attest`` as text and as a JSON document."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from forensics.attestation.answer import Attestation, AttestingTemplate, DeviceAnswer
from forensics.attestation.trust import Trust
from forensics.language import _, joined, listed, message, standing, told
from forensics.report.facts import day
from forensics.report.folded_lines import FoldedText
from forensics.tables.timestamps import format_utc

MODELS = {
    "endorsement_key": message("list of endorsement keys"),
    "ek_certificate": message("certificate of the endorsement key"),
    "on_use": message("word of the user (trust on use)"),
}
"""What the ways of trust are called."""
ACCEPTED = {"yes": message("accepted"), "no": message("not accepted"), "unknown": message("cannot be told")}
"""What becomes of a device."""

READ = message(
    "What was read: names, dates, signatures, lists and flags on these disks. What only the running authority knows "
    "(templates of today, revocation) Confirm-CAEndorsementKeyInfo and a test request tell."
)
"""What an answer rests on."""


def render_attestation(answer: Attestation, width: int | None = None) -> str:
    """Write the answer.

    Args:
        answer: The answer.
        width: Columns to fold lines to; None leaves them whole.

    Returns:
        Lines, each ended by a newline; nothing from the disks can steer the terminal.
    """
    return _AttestationText(answer, width).render()


class _AttestationText(FoldedText):
    def __init__(self, answer: Attestation, width: int | None) -> None:
        super().__init__(width)
        self.answer = answer

    def render(self) -> str:
        answer = self.answer
        self.add(
            _(
                "Attestation of TPM keys by {ca} on {computer}, as of {day}",
                ca=answer.ca.common_name or answer.ca.name,
                computer=answer.computer,
                day=day(answer.as_of),
            )
        )
        for line in answer.not_examined:
            self.add(told(line), "  ")
        for obstacle in obstacles_of(answer):
            self.add(obstacle, "  ")
        self._templates()
        for device in answer.devices:
            self._device(device)
        self.lines.append("")
        self.add(_(READ))
        return self.whole()

    def _templates(self) -> None:
        self.lines += ["", _("TEMPLATES that ask for attestation, as cached on these disks")]
        if not self.answer.templates:
            self.add(_("none"), "  ")
        for template in self.answer.templates:
            line = _("{name}: {how}", name=template.name, how=how_of(template))
            if template.faults:
                line = _(
                    "{told}; excluded by other settings: {faults}", told=line, faults=joined(template.faults, "; ")
                )
            self.add(line, "  - ", "    ")

    def _device(self, device: DeviceAnswer) -> None:
        self.lines.append("")
        name, word = told(device.name), _(ACCEPTED[device.accepted])
        if device.by:
            self.add(_("{name}: {accepted} by the {model}", name=name, accepted=word, model=_(MODELS[device.by])))
        else:
            self.add(_("{name}: {accepted}", name=name, accepted=word))
        for obstacle in device.obstacles:
            self.add(_("excluded: {why}", why=told(obstacle)), "  ")
        for trust in device.trusts:
            self._trust(trust)
        for condition in device.provided:
            self.add(_("provided: {condition}", condition=told(condition)), "  ")

    def _trust(self, trust: Trust) -> None:
        line = _(
            "{model} ({assurance}): {answer} ({certainty}). {because}",
            model=_(MODELS[trust.model]),
            assurance=assurance_of(trust),
            answer=_(trust.answer),
            certainty=_(trust.certainty),
            because=told(standing(trust.because)),
        )
        self.add(line, "  - ", "    ")
        if trust.templates:
            self.add(_("permitted by: {templates}", templates=told(trust.templates)), "    ")
        for missing in trust.missing:
            self.add(_("missing: {what}", what=told(missing)), "    ")


def obstacles_of(answer: Attestation) -> Iterator[str]:
    """Yield why the authority attests nothing, and whose chains break, in the spoken language."""
    for obstacle in answer.obstacles:
        yield _("It attests nothing: {why}", why=told(obstacle))
    for issuer in answer.ca.missing_issuers:
        yield _(
            "EKCA holds certificates of {issuer}, which is in neither EKROOT nor EKCA: their chains break",
            issuer=issuer,
        )


def how_of(template: AttestingTemplate) -> str:
    """Return how much a template wants attestation, and by what ways of trust, in the spoken language."""
    models = listed(_(MODELS[model]) for model in template.models) or _("no way of trust")
    return (
        _("required, by {models}", models=models) if template.required else _("preferred, by {models}", models=models)
    )


def assurance_of(trust: Trust) -> str:
    """Return the assurance and the policy of a way of trust, in the spoken language."""
    return _("{assurance} assurance, {policy}", assurance=_(trust.assurance), policy=trust.policy)


def attestation_document(answer: Attestation) -> dict[str, Any]:
    """Return the answer as a JSON document."""
    ca = answer.ca
    return {
        "format": 1,
        "as_of": format_utc(answer.as_of),
        "not_examined": list(answer.not_examined),
        "ca": {
            "name": ca.name,
            "common_name": ca.common_name,
            "computer": answer.computer,
            "type": ca.type,
            "ek_list_directories": ca.ek_list_directories,
            "ekroot_count": ca.ekroot_count,
            "ekca_count": ca.ekca_count,
            "missing_issuers": ca.missing_issuers,
            "obstacles": list(answer.obstacles),
        },
        "templates": [asdict(template) for template in answer.templates],
        "devices": [asdict(device) for device in answer.devices],
    }
