"""The answer of ``keymortem attest`` as a page: each device with its ways of trust, and what is missing."""

from __future__ import annotations

from collections import Counter
from typing import Any

from forensics.attestation.answer import Attestation, AttestingTemplate, DeviceAnswer
from forensics.attestation.render import ACCEPTED, MODELS, READ, assurance_of, how_of, obstacles_of
from forensics.attestation.trust import Trust
from forensics.language import _, told
from forensics.report.facts import day
from forensics.report.html.page import fill_page
from forensics.version import __version__

_KINDS = {"yes": "usable", "no": "dead", "unknown": "undecided"}
_STATES = {"yes": "good", "no": "bad", "unknown": "warn"}


def render_attestation_page(answer: Attestation) -> str:
    """Write the answer as one HTML file, in the language that is spoken.

    Args:
        answer: The answer.

    Returns:
        The page; every text from the disks is escaped and made plain.
    """
    name = answer.ca.common_name or answer.ca.name
    counts = Counter(str(device.accepted) for device in answer.devices)
    return fill_page(
        "attestation.html.j2",
        {
            "version": __version__,
            "as_of": day(answer.as_of),
            "title": _("Attestation of TPM keys by {ca} on {computer}", ca=name, computer=answer.computer),
            "not_examined": [told(sentence) for sentence in answer.not_examined],
            "obstacles": list(obstacles_of(answer)),
            "read": _(READ),
            "figures": [(counts[word], _(told), _STATES[word]) for word, told in ACCEPTED.items()],
            "templates": [_template(template) for template in answer.templates],
            "devices": [_device(device) for device in answer.devices],
        },
    )


def _template(template: AttestingTemplate) -> tuple[str, str, list[str]]:
    return template.name, how_of(template), [told(fault) for fault in template.faults]


def _device(device: DeviceAnswer) -> dict[str, Any]:
    accepted = _(ACCEPTED[device.accepted])
    return {
        "name": told(device.name),
        "accepted": device.accepted,
        "told": _("{accepted}: {model}", accepted=accepted, model=_(MODELS[device.by])) if device.by else accepted,
        "obstacles": [told(obstacle) for obstacle in device.obstacles],
        "trusts": [_trust(trust) for trust in device.trusts],
        "provided": [told(condition) for condition in device.provided],
    }


def _trust(trust: Trust) -> dict[str, Any]:
    return {
        "model": _(MODELS[trust.model]),
        "answer": _(trust.answer),
        "kind": _KINDS[trust.answer],
        "certainty": _(trust.certainty),
        "policy": assurance_of(trust),
        "because": told(trust.because),
        "templates": told(trust.templates or ""),
        "missing": [told(missing) for missing in trust.missing],
    }
