"""How a plan calls its hosts and certificates, and why one of these cannot be exported, in the spoken language."""

from __future__ import annotations

from forensics.hyperv.migration import MigrationPlan
from forensics.hyperv.transfers import Transfer
from forensics.language import _, message, told
from forensics.report.facts import day
from forensics.report.named import named
from forensics.tables.sanitise import sanitise

_BY_HAND = {
    "user": message("{told}; it lies in a user's store, where that user exports it (certmgr.msc)"),
    "service": message(
        "{told}; it lies in a service's store, where it is exported by hand (mmc, Certificates, Service account)"
    ),
}
_NAMED = 10
"""Display: virtual machines that one step names."""
_WHY_NOT = {
    "unusable": message("their private keys are there, but Windows cannot open them (keymortem explain tells why)"),
    "no_private_key": message("they are there without their private keys"),
    "absent": message("they are not there"),
}
_NOT_TOLD = message("{told} (whether its key may be exported could not be told)")
_UNSURE = {
    "usable": _NOT_TOLD,
    "wrong_store": _NOT_TOLD,
    "unknown": message("{told} (whether its private key opens could not be told)"),
}


def old_host(plan: MigrationPlan) -> str:
    """Return what to call the host that is left."""
    return sanitise(plan.source.name) if plan.source.name else _("the old host")


def new_host(plan: MigrationPlan) -> str:
    """Return what to call the host that is moved to."""
    return sanitise(plan.target.name) if plan.target.name else _("the target")


def certificate(plan: MigrationPlan, transfer: Transfer) -> str:
    """Name a certificate so that it can be told from the others of its host, in the spoken language.

    Args:
        plan: The plan, whose date tells whether it has ended.
        transfer: The certificate.
    """
    values = {
        "thumbprint": transfer.thumbprint,
        "role": _(transfer.role),
        "guardian": transfer.guardian or _("a guardian that its name does not tell"),
        "day": day(transfer.not_after),
    }
    if transfer.not_after is not None and transfer.not_after < plan.as_of:
        if transfer.host:
            return _("{thumbprint}: {role}, {guardian}, made on {host}, ended on {day}", host=transfer.host, **values)
        return _("{thumbprint}: {role}, {guardian}, ended on {day}", **values)
    if transfer.host:
        return _("{thumbprint}: {role}, {guardian}, made on {host}, valid until {day}", host=transfer.host, **values)
    return _("{thumbprint}: {role}, {guardian}, valid until {day}", **values)


def is_locked(transfer: Transfer) -> bool:
    """Windows opens its key where it is, and exports it to nobody."""
    return (transfer.in_source_tpm or transfer.exportable == "no") and transfer.on_source not in _WHY_NOT


def obstacle(plan: MigrationPlan, transfer: Transfer) -> str:
    """Say why the source cannot export a certificate, and what can be done, in the spoken language."""
    stays = is_locked(transfer)
    why = _("their private keys are marked as not exportable") if stays else _(_WHY_NOT[transfer.on_source])
    if transfer.in_source_tpm:
        why = _(
            "their private keys are in the TPM of {source}, which likely never gives them away", source=old_host(plan)
        )
    if transfer.recoverable and not stays:
        return _(
            "Windows does not open their private keys there, but they are still on that disk: repair them first "
            "(keymortem explain of each tells how), then export them as said above. {target} needs them.",
            target=new_host(plan),
        )
    if transfer.key_stayed == "unproved":
        return _(
            "they were deleted there, and their key files were not, but it is not proved that Windows opens these. "
            "keymortem recover of that disk tells whether it can write them into PFX files. If not, look for PFX files "
            "of them, or ask the host that made them. {target} needs them.",
            target=new_host(plan),
        )
    if transfer.key_stayed == "opens":
        return _(
            "they were deleted there, and their key files were not. Put them back first (finding "
            "vm-needs-missing-guardian of that disk says how), then export them as said above; or have keymortem "
            "recover write them into PFX files. {target} needs them.",
            target=new_host(plan),
        )
    if transfer.purpose == "change":
        return _(
            "{why}. The machines start without them; but without the owner's signing key the list of their "
            "guardians can never be changed again. Look for PFX files of them, or ask the host that made them.",
            why=why,
        )
    if stays:
        return _("{why}. The machines have to stay, or be given a second guardian there first: see below.", why=why)
    return _(
        "{why}. Look for PFX files of them, or ask the host that made them. Without the private keys the way "
        "back is a new virtual machine with the old disks, and the BitLocker recovery password where they are "
        "encrypted.",
        why=why,
    )


def needed(plan: MigrationPlan, transfer: Transfer, *, on_target: bool = False) -> str:
    """Name a certificate with the machines that need it, and what to know of its export.

    Args:
        plan: The plan.
        transfer: The certificate.
        on_target: It lies on the target already, so that nothing is exported.
    """
    text = _(
        "{certificate}; needed by {names}",
        certificate=certificate(plan, transfer),
        names=told(named(transfer.needed_by, _NAMED)),
    )
    if on_target:
        return text
    row = plan.source.row(transfer.thumbprint)
    if row is not None and row.origin == "wrong_store" and row.store_scope in _BY_HAND:
        text = _(_BY_HAND[row.store_scope], told=text)
    if transfer.can_be_exported is None and transfer.on_source in _UNSURE:
        text = _(_UNSURE[transfer.on_source], told=text)
    return text
