"""The answer of an authority as a pandas data frame."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from forensics.attestation.answer import DeviceAnswer

_ANSWERS = pd.CategoricalDtype(["yes", "no", "unknown"])


def trusts_frame(devices: Iterable[DeviceAnswer]) -> pd.DataFrame:
    """Return what each way of trust comes to for each device, one row each."""
    names = ["device", "accepted", "model", "answer", "certainty", "assurance", "because", "missing"]
    rows: list[list[Any]] = [
        [device.name, device.accepted, t.model, t.answer, t.certainty, t.assurance, t.because, list(t.missing)]
        for device in devices
        for t in device.trusts
    ]
    special: dict[str, Any] = {"accepted": _ANSWERS, "answer": _ANSWERS, "missing": "object"}
    return pd.DataFrame(rows, columns=names).astype(dict.fromkeys(names, "string") | special)
