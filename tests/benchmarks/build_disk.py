"""Builds the benchmark's disk: 127 GiB virtual VHDX in shuffled 32 MiB blocks, a big NTFS volume, a big SOFTWARE hive.

    python -m tests.benchmarks.build_disk CACHE --used 40 4

writes ``CACHE/disk-40.vhdx`` and ``CACHE/disk-4.vhdx``, which differ in how many of the 40 master keys protect the key
files (keys made over years are spread over all of them; keys made at once are under the last few), and beside each a
``.json`` with what is on it. With ``--copies 3`` the volume has three shadow copies, after each of which the files of a
key were deleted, and the disks are called ``disk-40-copies.vhdx`` and so on.

The volume has a System log of 21 MB, which :mod:`tests.benchmarks.system_log` makes of a published one, where that is
at hand; ``--without-log`` leaves it out, and the disks are called ``disk-40-without-log.vhdx``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from testdata.builder import acl
from testdata.builder.capi import Slot
from testdata.builder.certs import CAPI_SCHANNEL, CNG_SOFTWARE, make_certificate
from testdata.builder.cng import CngKey
from testdata.builder.disk import build_disk
from testdata.builder.dpapi import MasterKey
from testdata.builder.files import FileSpec
from testdata.builder.folders import MACHINE
from testdata.builder.machine import ForgedMachine, capi_link, cng_link, machine
from testdata.builder.ntfs import build_ntfs
from testdata.builder.seeded import Seeded
from testdata.builder.vhdx import write_dynamic
from tests.benchmarks.reads import Reads, describe_descriptor
from tests.benchmarks.shadow_copies import make_copies
from tests.benchmarks.system_log import system_log

DISK_SIZE = 127 << 30
BLOCK_SIZE = 32 << 20
FILES = 200_000
FILES_PER_FOLDER = 100
SOFTWARE_KEYS = 230_000
KEY_FILES = 200
CNG_OF_FIVE = 2
BUSY = 16_000  # small files that are written anew after each shadow copy: 1,000 blocks of records
GONE_EVERY = 7
MASTER_KEYS = 40
SYSTEM_LOG = "Windows/System32/winevt/Logs/System.evtx"
FIRST_KEY = datetime(2016, 1, 4, 8, 0, tzinfo=UTC)


def forge(cache: Path, used: int) -> tuple[ForgedMachine, list[FileSpec]]:
    """Forge the machine whose key files are spread over the last ``used`` master keys; returns it and its files."""
    keys = _rsa_keys(cache / "keys.pem")
    forged = machine("benchmark", with_keys=False)
    master_keys = [
        forged.add_master_key(MACHINE, f"{number}", created=FIRST_KEY + timedelta(days=90 * number))
        for number in range(MASTER_KEYS)
    ]
    _fill_software(forged)
    for number, key in enumerate(keys):
        _put_key(forged, number, key, master_keys[MASTER_KEYS - used + number % used])
    return forged, forged.volume()


def build(cache: Path, used: int, copies: int = 0, with_log: bool = True) -> Path:
    """Build the disk, with so many shadow copies, and note what is on it; returns its path."""
    forged, files = forge(cache, used)
    log = system_log() if with_log else None
    if log is not None:
        files.append(FileSpec(SYSTEM_LOG, log[0]))
    volume, raw = cache / "volume.ntfs", cache / "disk.raw"
    out = cache / f"disk-{used}{'-copies' if copies else ''}{'' if with_log else '-without-log'}.vhdx"
    size = DISK_SIZE - (2 << 20)
    filler = list(_filler())
    build_ntfs([*files, *filler], volume, size, label="Windows", default_sd=acl.DEFAULT_SD)
    keys = [file for file in files if file.path.startswith(f"{MACHINE.capi_folder}/")]
    gone = [[key] for key in keys[: copies * GONE_EVERY : GONE_EVERY]]
    make_copies(volume, [filler[number * BUSY : (number + 1) * BUSY] for number in range(len(gone))], gone)
    files = [file for file in files if [file] not in gone]
    build_disk([volume], raw, size=DISK_SIZE)
    volume.unlink()
    with raw.open("rb") as file:
        write_dynamic(file, DISK_SIZE, out, block_size=BLOCK_SIZE, shuffle_seed="benchmark")
    raw.unlink()
    known = {**truth(forged, files, used), "log_records": log[1] if log is not None else 0}
    out.with_suffix(".json").write_text(json.dumps(known, indent=1) + "\n")
    return out


def _rsa_keys(cached: Path) -> list[rsa.RSAPrivateKey]:
    if not cached.exists():
        made = (rsa.generate_private_key(65537, 2048) for _ in range(KEY_FILES))
        pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        cached.write_bytes(b"".join(key.private_bytes(pem, pkcs8, serialization.NoEncryption()) for key in made))
    end = b"-----END PRIVATE KEY-----\n"
    keys = [serialization.load_pem_private_key(part + end, None) for part in cached.read_bytes().split(end)[:-1]]
    return [key for key in keys if isinstance(key, rsa.RSAPrivateKey)]


def _put_key(forged: ForgedMachine, number: int, key: rsa.RSAPrivateKey, master_key: MasterKey) -> None:
    container = f"benchmark-{number:03d}"
    created = FIRST_KEY + timedelta(days=18 * number)
    # Every seventh file has rights of its own, so that more than one descriptor must be looked up.
    sd = acl.security_descriptor([acl.Ace(acl.SYSTEM), acl.Ace(acl.ADMINISTRATORS), acl.Ace(f"S-1-5-82-{number}")])
    own = sd if number % 7 == 0 else None
    if number % 5 < CNG_OF_FIVE:
        forged.put_cng(container, CngKey.rsa(key), master_key=master_key, sd=own, created=created)
        link = cng_link(container, CNG_SOFTWARE)
    else:
        forged.put_capi(container, exchange=Slot(key), master_key=master_key, sd=own, created=created)
        link = capi_link(container, CAPI_SCHANNEL, type_=12)
    if number % 2 == 0:
        days = timedelta(days=3650)
        certificate = make_certificate(f"h{number}.contoso.test", key, not_before=created, not_after=created + days)
        forged.put_certificate(certificate, link=link, when=created)


def _fill_software(forged: ForgedMachine) -> None:
    """Add class registrations, two keys each, until the hive has the size of a server's."""
    stream = Seeded("benchmark/classes")
    folders = [f"Classes\\{folder}" for folder in ("CLSID", "Interface", "TypeLib", "AppID", "Record")]
    folders += [f"Microsoft\\Windows\\CurrentVersion\\Component Based Servicing\\Packages{n}" for n in range(20)]
    for number in range(SOFTWARE_KEYS // 2):
        path = f"{folders[number % len(folders)]}\\{{{stream.guid()}}}"
        forged.hives.software.key(path).sz("", f"Benchmark class number {number}")
        server = forged.hives.software.key(path + "\\InprocServer32")
        server.expand_sz("", f"%SystemRoot%\\System32\\benchmark{number % 4000:04d}.dll").sz("ThreadingModel", "Both")


def _filler() -> Iterator[FileSpec]:
    text = b"A small file that stays in its record. " * 8
    for number in range(FILES):
        folder = f"Windows/WinSxS/amd64_benchmark-component-{number // FILES_PER_FOLDER:05d}_31bf3856ad364e35"
        yield FileSpec(f"{folder}/component-file-{number:06d}.dll", text)


def truth(forged: ForgedMachine, files: list[FileSpec], used: int) -> dict[str, object]:
    """What every program must have read, from what was written and not from the disk."""
    reads = Reads()
    for spec in files:
        folder, _, name = spec.path.rpartition("/")
        if folder in (MACHINE.capi_folder, MACHINE.cng_folder):
            reads.key_file(name, spec.data or b"", describe_descriptor(spec.sd or acl.DEFAULT_SD))
        elif folder == MACHINE.protect_folder and name != "Preferred" and spec.data is not None:
            reads.master_key(name, spec.data)
    my = forged.hives.software.key("Microsoft\\SystemCertificates\\MY\\Certificates")
    for key in my.children.values():
        reads.certificate(key.name, key.values["Blob"][1])
    for name in ("JD", "Skew1", "GBG", "Data"):
        lsa = forged.hives.system.key(f"ControlSet001\\Control\\Lsa\\{name}")
        reads.boot_key_class(name, lsa.class_name or "")
    for path in Reads.LSA_VALUES:
        reads.lsa_value(path, forged.hives.security.key(path).values[""][1])
    sizes = {spec.path.rpartition("/")[2]: len(spec.data or b"") for spec in files}
    return {
        "master_keys_used": used,
        "files": FILES + len(files),
        "software_bytes": sizes["SOFTWARE"],
        **reads.summary(),
    }


def main() -> None:
    """Build one disk for each number of used master keys."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cache", type=Path, help="folder for the disks, some gigabytes sparse")
    parser.add_argument("--used", type=int, nargs="+", default=[MASTER_KEYS, 4], help="master keys in use, per disk")
    parser.add_argument("--copies", type=int, default=0, help="shadow copies of the volume")
    parser.add_argument("--without-log", action="store_true", help="no System log on the volume")
    arguments = parser.parse_args()
    if not arguments.without_log and system_log(1) is None:
        print("without a System log: the published event logs are not beside this project", flush=True)
    arguments.cache.mkdir(parents=True, exist_ok=True)
    for used in arguments.used:
        started = time.monotonic()
        print(
            build(arguments.cache, used, arguments.copies, not arguments.without_log),
            f"{time.monotonic() - started:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
