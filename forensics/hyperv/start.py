"""Would a virtual machine start on a host: one of its guardians' encryption keys must open there.

Whoever starts a virtual machine with a virtual TPM needs the private key of one encryption certificate that its key
protector names, in the guardians' store. An expired certificate starts it all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from forensics.hyperv.host import Host, State
from forensics.language import joined, sentence
from forensics.late_methods import dataclass
from forensics.tables.hyperv import VmGuardianRow, VmRow

Starts = Literal["yes", "no", "likely_no", "unknown", "not_applicable"]

_STARTS: dict[State, Starts] = {
    "usable": "yes",
    "unknown": "unknown",
    "not_examined": "unknown",
    # The key file is there and does not open, or lies where Hyper-V is not known to look: likely, no test is published.
    "unusable": "likely_no",
    "wrong_store": "likely_no",
    "no_private_key": "no",
    "absent": "no",
}
NO_HOST = sentence("no Hyper-V host was examined with it")
_BEST_FIRST: tuple[Starts, ...] = ("yes", "unknown", "likely_no", "no")


@dataclass(frozen=True, slots=True)
class Start:
    """Whether a virtual machine starts, and why.

    Attributes:
        starts: A value of ``vm.starts_here``.
        because: One sentence.
        wrapping: The guardian that decides.
    """

    starts: Starts
    because: str
    wrapping: VmGuardianRow | None = None


def start_on(host: Host, vm: VmRow, wrappings: Sequence[VmGuardianRow]) -> Start:
    """Judge whether a virtual machine would start on a host.

    Args:
        host: The host; one that was not examined gives unknown.
        vm: The virtual machine or checkpoint.
        wrappings: The guardians of its key protector.
    """
    if vm.outcome != "present":
        return Start(
            "unknown",
            vm.starts_because or sentence("its configuration is {replace}", replace=vm.outcome.replace("_", " ")),
        )
    if vm.configuration_doubt is not None:
        return Start("unknown", vm.configuration_doubt)
    if vm.vtpm == "absent":
        return Start(
            "not_applicable",
            sentence("it has no virtual TPM, or one that was never switched on, so it needs no guardian"),
        )
    if vm.vtpm == "unknown":
        return Start("unknown", sentence("its configuration does not tell whether it has a virtual TPM"))
    if not wrappings:
        return Start("unknown", _no_protector(vm))
    if not host.machine_id:
        return Start("unknown", NO_HOST)
    if host.mode == "hgs":
        return Start(
            "unknown",
            sentence("the host asks a Host Guardian Service for the key, so its own certificates are not consulted"),
        )
    protectors: dict[str, list[VmGuardianRow]] = {}
    for wrapping in wrappings:
        protectors.setdefault(wrapping.source_path, []).append(wrapping)
    answers = [_with(host, rows) for rows in protectors.values()]
    if len({answer.starts for answer in answers}) > 1:
        told = joined((_by_one(answer) for answer in answers), ", ")
        because = sentence(
            "its configuration holds {count} key protectors for different guardians, and nothing tells "
            "which is the one of today: {told}",
            count=len(answers),
            told=told,
        )
        return Start("unknown", because)
    answer = answers[0]
    if vm.key_protector_doubt is not None and answer.starts != "yes":
        return Start("unknown", vm.key_protector_doubt)
    return answer


def _with(host: Host, wrappings: Sequence[VmGuardianRow]) -> Start:
    """Judge by the guardians of one key protector."""
    judged = sorted(wrappings, key=lambda w: _BEST_FIRST.index(_STARTS[host.state(w.encryption_thumbprint)]))
    best = judged[0]
    state = host.state(best.encryption_thumbprint)
    if state == "usable":
        return Start("yes", _will_start(host, best, wrappings), best)
    thumbprint = best.encryption_thumbprint or "(unreadable)"
    if len(judged) == 1:
        because = sentence(
            "needs the encryption certificate {thumbprint}: {why}",
            thumbprint=thumbprint,
            why=host.why(best.encryption_thumbprint, best.encryption_public_key_sha256),
        )
    else:
        because = sentence(
            "needs the encryption certificate of one of its {count} guardians, and none is known to open "
            "here; of {thumbprint}, which comes closest: {why}",
            count=len(judged),
            thumbprint=thumbprint,
            why=host.why(best.encryption_thumbprint, best.encryption_public_key_sha256),
        )
    return Start(_STARTS[state], because, best)


def _by_one(answer: Start) -> str:
    """Say how a machine starts by one of several key protectors."""
    if answer.starts == "yes":
        return sentence("yes by one")
    if answer.starts == "no":
        return sentence("no by one")
    if answer.starts == "likely_no":
        return sentence("likely no by one")
    return sentence("unknown by one") if answer.starts == "unknown" else sentence("not applicable by one")


def _no_protector(vm: VmRow) -> str:
    return joined(filter(None, [_state_of_protector(vm), vm.key_protector_doubt]), "; ")


def _state_of_protector(vm: VmRow) -> str:
    if vm.key_protector == "empty":
        return sentence("it has a virtual TPM and an empty key protector: it was never started with one, or lost it")
    if vm.key_protector == "damaged":
        return sentence("it has a virtual TPM, and its key protector cannot be read")
    if vm.key_protector == "present":
        return sentence("it has a virtual TPM, and its key protector names no guardian that can be read")
    return sentence("it has a virtual TPM, but no key protector was found in its configuration")


def _will_start(host: Host, wrapping: VmGuardianRow, wrappings: Sequence[VmGuardianRow]) -> str:
    said = [
        sentence(
            "the private key of the encryption certificate {encryption_thumbprint} opens on this host",
            encryption_thumbprint=wrapping.encryption_thumbprint,
        )
    ]
    signing = host.state(wrapping.signing_thumbprint)
    if signing in ("absent", "no_private_key", "unusable", "wrong_store"):
        said.append(
            sentence(
                "its signing certificate {signing_thumbprint} has no usable private key here, and whether "
                "a start needs that too is not documented",
                signing_thumbprint=wrapping.signing_thumbprint,
            )
        )
    if any(w.signatures == "invalid" for w in wrappings):
        said.append(
            sentence(
                "signatures in its key protector do not match what [MS-KPS] says they cover: it may have "
                "been changed, and whether Windows accepts it is not known"
            )
        )
    return joined(said, "; ")
