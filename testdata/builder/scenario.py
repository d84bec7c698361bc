"""What a scenario is: machines on disks, and the truth about each key, stated by hand next to each break."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from testdata.builder.certs import Certificate
from testdata.builder.change_journal import Change
from testdata.builder.files import FileSpec
from testdata.builder.folders import MACHINE, Owner
from testdata.builder.machine import ForgedMachine
from testdata.builder.shadow_copies import EarlierState, Reserve
from testdata.builder.shadow_store import Shape

Judged = dict[str, Any]

SOUND: Judged = {
    "key_file": "present",
    "public_key": "match",
    "access": "ok",
    "master_key": "present",
    "unlocked_by": "current",
    "private_key": "proved",
    "verdict": "usable",
    "broken_at": None,
    "recoverable": None,
    "known_by": "decryption",
}
"""Every link holds and the private key was decrypted and found to be the certificate's."""

UNREACHED: Judged = {
    "key_file": "not_examined",
    "public_key": "not_examined",
    "access": "not_examined",
    "master_key": "not_examined",
    "unlocked_by": "not_tried",
    "private_key": "not_examined",
}
"""No step was reached; a scenario adds what was."""

_COLUMNS = frozenset(SOUND)


@dataclass
class Script:
    """A machine, and the rows of ``key_chain`` that an examination of it must give.

    A Hyper-V host has rows of ``guardian``, ``vm`` and ``vm_guardian`` besides (``scenarios/hyperv_host.py``).
    """

    machine: ForgedMachine
    rows: list[dict[str, Any]] = field(default_factory=list)
    certificates: list[dict[str, str]] = field(default_factory=list)
    guardians: list[dict[str, Any]] = field(default_factory=list)
    vms: list[dict[str, Any]] = field(default_factory=list)
    wrappings: list[dict[str, Any]] = field(default_factory=list)

    def certificate(
        self,
        certificate: Certificate,
        judged: Judged,
        why: str,
        *,
        link: bytes | None,
        container: str | None,
        provider: str | None,
        provider_kind: str | None,
        path: str | None,
        master_key: str | None,
        exportable: str = "no",
        store: str = "MY",
        store_scope: str = "machine",
        owner: Owner = MACHINE,
        unsettled: Sequence[str] = (),
        with_passwords: Judged | None = None,
        with_domain_key: Judged | None = None,
        with_copies: Judged | None = None,
        service: str | None = None,
        **properties: Any,
    ) -> None:
        """Put a certificate into a store and say what its key is worth.

        Args:
            certificate: The certificate.
            judged: Every judged column, by hand.
            why: The case in one line.
            link: KEY_PROV_INFO as stored.
            container: Container that the row names.
            provider: Provider that the row names.
            provider_kind: capi, cng, tpm, smart_card, other.
            path: Key file that is judged.
            master_key: GUID that the key file's blob names, null where no step reaches it.
            exportable: yes, no, unknown.
            store: Store.
            store_scope: machine, service, user.
            owner: Whose store.
            unsettled: Columns that the contract leaves open for this case.
            with_passwords: Columns that differ once the passwords and NT hashes of the truth are given.
            with_domain_key: Columns that differ once ``keys/domain-backup.pvk`` is given.
            with_copies: Columns that differ once the shadow copies of the volume are read.
            service: Service whose personal store it is, in the registry.
            properties: Further properties of the store element.
        """
        self.machine.put_certificate(certificate, link=link, store=store, owner=owner, service=service, **properties)
        self.certificates.append(
            {
                "thumbprint": certificate.thumbprint,
                "store": store if owner.shared else "My",
                "store_scope": store_scope,
                "owner_sid": owner.sid,
            }
        )
        identity = {
            "thumbprint": certificate.thumbprint,
            "subject": certificate.subject,
            "store": store if owner.shared else "My",
            "store_scope": store_scope,
            "owner_sid": owner.sid,
            "not_before": _text(certificate.x509.not_valid_before_utc),
            "not_after": _text(certificate.x509.not_valid_after_utc),
            "container": container,
            "provider": provider,
            "provider_kind": provider_kind,
            "key_file_path": path,
            "master_key_guid": master_key,
            "exportable": exportable,
        }
        self._add(identity, judged, why, unsettled, with_passwords)
        if with_domain_key:
            self.rows[-1]["with_domain_key"] = with_domain_key
        if with_copies:
            self.rows[-1]["with_copies"] = with_copies

    def orphan(
        self,
        judged: Judged,
        why: str,
        *,
        container: str | None,
        provider_kind: str,
        path: str,
        master_key: str | None,
        exportable: str = "no",
        owner: Owner = MACHINE,
        unsettled: Sequence[str] = (),
        with_passwords: Judged | None = None,
    ) -> None:
        """Say what a key file that no certificate names is worth; arguments as for :meth:`certificate`."""
        identity = dict.fromkeys(
            ("thumbprint", "subject", "store", "store_scope", "not_before", "not_after", "provider")
        )
        identity |= {
            "owner_sid": owner.sid,
            "container": container,
            "provider_kind": provider_kind,
            "key_file_path": path,
            "master_key_guid": master_key,
            "exportable": exportable,
        }
        self._add(identity, judged, why, unsettled, with_passwords)

    def _add(
        self, identity: dict[str, Any], judged: Judged, why: str, unsettled: Sequence[str], later: Judged | None
    ) -> None:
        missing = _COLUMNS - judged.keys()
        assert not missing, f"{why}: the truth says nothing of {sorted(missing)}"
        row = identity | judged | {"why": why}
        if row["key_file_path"]:
            row["key_file_path"] = self.machine.on_disk(row["key_file_path"])
        if unsettled:
            row["unsettled"] = sorted(unsettled)
        if later:
            row["with_passwords"] = later
        self.rows.append(row)

    def truth(self) -> dict[str, Any]:
        """Return the machine's part of ``truth.json``."""
        facts = asdict(self.machine.facts)
        hyperv = {"guardian": self.guardians, "vm": self.vms, "vm_guardian": self.wrappings}
        return {
            "machine": {k: _text(v) if isinstance(v, datetime) else v for k, v in facts.items()},
            "users": self.machine.users,
            "key_chain": self.rows,
            "key_certificates": self.certificates,
        } | {table: rows for table, rows in hyperv.items() if rows}


@dataclass
class Disk:
    """One disk as it stood at one time: volumes, each a list of files, and how they are laid out.

    Before them lies an EFI system partition (FAT32) where files by path are given in ``efi``. ``changes`` are what the
    change journal of the first volume tells, ``deleted`` files that were written there and deleted. ``copies`` are the
    shadow copies of the first volume, oldest first: what it held when each was made; ``shape`` and ``reserve`` say how
    they are kept.
    """

    volumes: list[list[FileSpec]]
    scheme: Literal["gpt", "mbr"] = "gpt"
    sector_size: int = 512
    volume_size: int = 32 << 20
    efi: dict[str, bytes] | None = None
    changes: Sequence[Change] = ()
    deleted: Sequence[FileSpec] = ()
    copies: Sequence[EarlierState] = ()
    shape: Shape | None = None
    reserve: Reserve | None = None


@dataclass
class Scenario:
    """One image.

    Attributes:
        name: File name of the image and of its truth.
        summary: One sentence for the reader.
        stages: The disk over time: one for a plain image, more for a differencing chain (or a disk before and
            after the writes that its VHDX log still holds).
        container: ``vhdx``, ``vhdx_chain`` (one file a stage) or ``vhdx_dirty`` (the last stage only in the log).
        truth: Facts and rows, one entry a Windows installation.
        passwords: SID to password, for the users' keys.
        nt_hashes: SID to NT hash in hex.
        notes: What else is true of the disk.
    """

    name: str
    summary: str
    stages: list[Disk]
    truth: list[dict[str, Any]]
    container: Literal["vhdx", "vhdx_chain", "vhdx_dirty"] = "vhdx"
    passwords: dict[str, str] = field(default_factory=dict)
    nt_hashes: dict[str, str] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)


Builder = Callable[[], Scenario]


def plain(name: str, summary: str, script: Script, **options: Any) -> Scenario:
    """Return a scenario of one machine on one disk; ``options`` are those of :class:`Scenario`."""
    return Scenario(name, summary, [Disk([script.machine.volume()])], [script.truth()], **options)


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
