"""The answer of ``keymortem attest`` as a page: each device with its ways of trust, and what is missing."""

from __future__ import annotations

from collections import Counter
from typing import Any

from forensics.attestation.answer import Attestation, AttestingTemplate, DeviceAnswer
from forensics.attestation.render import ACCEPTED, MODELS, READ, assurance_of, how_of, obstacles_of
from forensics.attestation.trust import Trust
from forensics.language import spoken_language
from forensics.report.facts import day
from forensics.report.html.catalogue import Catalogue
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
    t = Catalogue(spoken_language())
    name = answer.ca.common_name or answer.ca.name
    counts = Counter(str(device.accepted) for device in answer.devices)
    return fill_page(
        "attestation.html.j2",
        t,
        {
            "version": __version__,
            "as_of": day(answer.as_of),
            "title": t("Attestation of TPM keys by {ca} on {computer}", ca=name, computer=answer.computer),
            "not_examined": [t.sentence(sentence) for sentence in answer.not_examined],
            "obstacles": list(obstacles_of(answer)),
            "read": t(READ),
            "figures": [(counts[word], t(told), _STATES[word]) for word, told in ACCEPTED.items()],
            "templates": [_template(template, t) for template in answer.templates],
            "devices": [_device(device, t) for device in answer.devices],
        },
    )


def _template(template: AttestingTemplate, t: Catalogue) -> tuple[str, str, list[str]]:
    return template.name, how_of(template), [t.sentence(fault) for fault in template.faults]


def _device(device: DeviceAnswer, t: Catalogue) -> dict[str, Any]:
    told = t(ACCEPTED[device.accepted])
    return {
        "name": t.sentence(device.name),
        "accepted": device.accepted,
        "told": t("{accepted}: {model}", accepted=told, model=t(MODELS[device.by])) if device.by else told,
        "obstacles": [t.sentence(obstacle) for obstacle in device.obstacles],
        "trusts": [_trust(trust, t) for trust in device.trusts],
        "provided": [t.sentence(condition) for condition in device.provided],
    }


def _trust(trust: Trust, t: Catalogue) -> dict[str, Any]:
    return {
        "model": t(MODELS[trust.model]),
        "answer": t(trust.answer),
        "kind": _KINDS[trust.answer],
        "certainty": t(trust.certainty),
        "policy": assurance_of(trust),
        "because": t.sentence(trust.because),
        "templates": t.sentence(trust.templates or ""),
        "missing": [t.sentence(missing) for missing in trust.missing],
    }
