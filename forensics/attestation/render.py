"""The answer of ``keymortem attest`` as text and as a JSON document."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from forensics.attestation.answer import Attestation, DeviceAnswer
from forensics.attestation.trust import Trust
from forensics.report.facts import day
from forensics.report.folded_lines import FoldedText
from forensics.tables.timestamps import format_utc

MODELS = {
    "endorsement_key": "list of endorsement keys",
    "ek_certificate": "certificate of the endorsement key",
    "on_use": "word of the user (trust on use)",
}
"""What the ways of trust are called."""
ACCEPTED = {"yes": "accepted", "no": "not accepted", "unknown": "cannot be told"}
"""What becomes of a device."""


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
        name = answer.ca.common_name or answer.ca.name
        self.add(f"Attestation of TPM keys by {name} on {answer.computer}, as of {day(answer.as_of)}")
        for sentence in answer.not_examined:
            self.add(sentence, "  ")
        for obstacle in answer.obstacles:
            self.add(f"It attests nothing: {obstacle}", "  ")
        for issuer in answer.ca.missing_issuers:
            self.add(
                f"EKCA holds certificates of {issuer}, which is in neither EKROOT nor EKCA: their chains break", "  "
            )
        self._templates()
        for device in answer.devices:
            self._device(device)
        self.lines.append("")
        self.add(
            "What was read: names, dates, signatures, lists and flags on these disks. What only the running authority "
            "knows (templates of today, revocation) Confirm-CAEndorsementKeyInfo and a test request tell."
        )
        return self.whole()

    def _templates(self) -> None:
        self.lines += ["", "TEMPLATES that ask for attestation, as cached on these disks"]
        if not self.answer.templates:
            self.add("none", "  ")
        for template in self.answer.templates:
            how = "required" if template.required else "preferred"
            models = ", ".join(MODELS[model] for model in template.models) or "no way of trust"
            faults = f"; excluded by other settings: {'; '.join(template.faults)}" if template.faults else ""
            self.add(f"{template.name}: {how}, by {models}{faults}", "  - ", "    ")

    def _device(self, device: DeviceAnswer) -> None:
        by = f" by the {MODELS[device.by]}" if device.by else ""
        self.lines.append("")
        self.add(f"{device.name}: {ACCEPTED[device.accepted]}{by}")
        for obstacle in device.obstacles:
            self.add(f"excluded: {obstacle}", "  ")
        for trust in device.trusts:
            self._trust(trust)
        for condition in device.provided:
            self.add(f"provided: {condition}", "  ")

    def _trust(self, trust: Trust) -> None:
        policy = f"{trust.assurance} assurance, {trust.policy}"
        self.add(
            f"{MODELS[trust.model]} ({policy}): {trust.answer} ({trust.certainty}). {trust.because}", "  - ", "    "
        )
        if trust.templates:
            self.add(f"permitted by: {trust.templates}", "    ")
        for missing in trust.missing:
            self.add(f"missing: {missing}", "    ")


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
