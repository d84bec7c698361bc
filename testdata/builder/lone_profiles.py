"""Forged profiles without their Windows, in every shape in which people hold one.

Run it (``python -m testdata.builder.lone_profiles``) to make the committed containers again, which needs mkntfs and
libntfs-3g.
"""

from __future__ import annotations

import lzma
import tempfile
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from testdata.builder import acl, certs
from testdata.builder.capi import Slot
from testdata.builder.cng import CngKey
from testdata.builder.disk import build_disk
from testdata.builder.files import FileSpec
from testdata.builder.folders import Owner
from testdata.builder.keys import ec_key, rsa_key
from testdata.builder.machine import ForgedMachine, capi_link, cng_link, machine
from testdata.builder.ntfs import build_ntfs
from testdata.builder.vhdx import write_dynamic

AS_OF = datetime(2026, 11, 29, tzinfo=UTC)
SID = "S-1-5-21-3623811015-3361044348-30300820-1013"
PASSWORD = "Spring-Tide-7"
FIRST, SECOND = "1812015b-5fd1-4efb-99dc-b114951d3686", "7c0e51aa-9d6f-4f0e-8b0a-2d4b7e1f9c33"
MICROSOFT = "AppData/Roaming/Microsoft"
CONTAINERS = Path(__file__).parents[1] / "forms" / "samples"
SIZE = 8 << 20

MAIL, VPN, LOST = "anna mail", "anna vpn", "anna lost"


def forged(sid: str = SID, name: str = "anna", password: str = PASSWORD) -> tuple[ForgedMachine, Owner]:
    """Return a machine with a user: a sound key of CryptoAPI, a sound one of CNG, a certificate without key file."""
    made = machine(f"lone/{sid}", machine_guid=FIRST)
    owner = made.add_user(sid, name, password)
    made.put_capi(MAIL, exchange=Slot(rsa_key("2048-09"), True), owner=owner)
    put(made, owner, MAIL, rsa_key("2048-09"))
    made.put_cng(VPN, CngKey.ec(ec_key("P-256", VPN)), owner=owner)
    certificate = certs.make_certificate(VPN, ec_key("P-256", VPN), eku=[certs.CLIENT_AUTH])
    made.put_certificate(certificate, link=cng_link(VPN, certs.CNG_SOFTWARE, machine_keyset=False), owner=owner)
    put(made, owner, LOST, rsa_key("2048-10"))
    return made, owner


def put(made: ForgedMachine, owner: Owner, name: str, key: object) -> None:
    """Put a certificate that names a container of CryptoAPI."""
    certificate = certs.make_certificate(name, key, eku=[certs.CLIENT_AUTH])  # type: ignore[arg-type]
    made.put_certificate(certificate, link=capi_link(name, certs.CAPI_ENHANCED, machine_keyset=False), owner=owner)


def profile(made: ForgedMachine, owner: Owner) -> dict[str, FileSpec]:
    """Return what lies in the profile of a user, by its path there."""
    start = f"{owner.profile}/"
    return {f.path.removeprefix(start): f for f in made.files.values() if f.path.startswith(start)}


_OPEN = {"key_file": "present", "public_key": "match", "access": "ok", "master_key": "present"}
_OPEN |= {"unlocked_by": "password", "private_key": "proved", "known_by": "decryption"}
_TRUTHS: dict[str, dict[str, str | bool | None]] = {
    MAIL: {**_OPEN, "verdict": "usable", "broken_at": None, "recoverable": None, "exportable": "yes"},
    # Whether the service runs by which keys of CNG are opened is told by a Windows only.
    VPN: {**_OPEN, "verdict": "unknown", "broken_at": None, "recoverable": True, "exportable": "no"},
    LOST: {
        **dict.fromkeys(("public_key", "access", "master_key", "private_key"), "not_examined"),
        "key_file": "absent",
        "unlocked_by": "not_tried",
        "known_by": "inference",
        "verdict": "unusable",
        "broken_at": "key_file",
        "recoverable": None,
        "exportable": "unknown",
    },
}


def truth() -> list[dict[str, Any]]:
    """Return what ``key_chain`` must say of the profile, given the password."""
    keys: dict[str, RSAPrivateKey | EllipticCurvePrivateKey] = {
        MAIL: rsa_key("2048-09"),
        VPN: ec_key("P-256", VPN),
        LOST: rsa_key("2048-10"),
    }
    found = []
    for name, key in keys.items():
        certificate = certs.make_certificate(name, key, eku=[certs.CLIENT_AUTH])
        named = {"thumbprint": certificate.thumbprint, "subject": f"CN={name}", "owner_sid": SID, "container": name}
        found.append({**named, "store": "My", "store_scope": "user", **_TRUTHS[name]})
    return found


def lay(folder: Path, files: Mapping[str, FileSpec], at: str = "") -> Path:
    """Write files into a folder."""
    for path, spec in files.items():
        target = folder / at / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(spec.data or b"")
    return folder


def zipped(path: Path, files: Mapping[str, FileSpec], at: str = "") -> Path:
    """Write files into a zip archive."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, spec in files.items():
            archive.writestr(f"{at}{name}", spec.data or b"")
    return path


def parts(files: Mapping[str, FileSpec]) -> dict[str, FileSpec]:
    """Return the three folders of keys alone, without the way to them."""
    return {p.removeprefix(f"{MICROSOFT}/"): spec for p, spec in files.items() if p.startswith(f"{MICROSOFT}/")}


def container(path: Path, files: Mapping[str, FileSpec], at: str = "", label: str = "") -> Path:
    """Write a VHDX with one NTFS volume that holds files, with the access lists that they have."""
    path.parent.mkdir(parents=True, exist_ok=True)
    placed = [FileSpec(f"{at}{name}", spec.data, spec.sd, spec.created, spec.modified) for name, spec in files.items()]
    with tempfile.TemporaryDirectory() as work:
        volume, raw = Path(work, "volume"), Path(work, "raw")
        build_ntfs(placed, volume, SIZE, label=label, default_sd=acl.DEFAULT_SD)
        build_disk([volume], raw)
        with raw.open("rb") as stream:
            write_dynamic(stream, raw.stat().st_size, path, shuffle_seed="lone", seed=path.name)
    return path


def committed(name: str, path: Path) -> Path:
    """Unpack one of the committed containers to a path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(lzma.decompress((CONTAINERS / f"{name}.vhdx.xz").read_bytes()))
    return path


def main() -> None:
    """Make the committed containers."""
    CONTAINERS.mkdir(exist_ok=True)
    files = profile(*forged())
    with tempfile.TemporaryDirectory() as work:
        for name, at, label in (("fslogix", "Profile/", "Profile-anna"), ("upd", "", "User Disk")):
            made = container(Path(work, name), files, at, label)
            (CONTAINERS / f"{name}.vhdx.xz").write_bytes(lzma.compress(made.read_bytes(), preset=9))


if __name__ == "__main__":
    main()
