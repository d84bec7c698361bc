"""All forms that are read, in groups. A form is added where its group is made."""

from __future__ import annotations

from testdata.forms import (
    archives,
    bundles,
    chosen_parts,
    collections,
    collectors,
    exports,
    former,
    links,
    machine_backups,
    profiles,
    raw_disks,
    virtual_disks,
    wim_images,
)
from testdata.forms.form import Carries, Form

GROUPS: dict[str, tuple[Form, ...]] = {
    "Disks": raw_disks.FORMS,
    "Chosen parts of disks": chosen_parts.FORMS,
    "Keys behind links": links.FORMS,
    "Earlier Windows": former.FORMS,
    "Virtual disks": virtual_disks.FORMS,
    "Exports of virtual machines": exports.FORMS,
    "Bundles of virtual machines, and image backups": bundles.FORMS,
    "Backups of machines": machine_backups.FORMS,
    "WIM images": wim_images.FORMS,
    "Archives": archives.FORMS,
    "Collections": (*collections.FORMS, *collectors.FORMS),
    "Profiles without their Windows": profiles.FORMS,
}
FORMS: dict[str, Form] = {form.name: form for forms in GROUPS.values() for form in forms}
"""Every form by its name."""
REFERENCE: dict[Carries, str] = {
    "disk": "VHDX dynamic",
    "part": "VHDX dynamic",
    "files": "folder with Windows, ProgramData, Users",
    "hives": "hives alone",
    "exports": "hives alone",
    "profile": "FSLogix profile container",
    "profile files": "folder of a user",
}
"""The plain form with which each other one that carries as much is compared."""
