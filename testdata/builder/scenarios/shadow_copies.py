"""Images ``copies-healthy``, ``copies-master-key`` and ``copies-sysprep``: volumes with two shadow copies.

What is gone today and still in a copy has lost its MFT record to another file, so that nothing but the copy has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from testdata.builder import dpapi
from testdata.builder.capi import Slot
from testdata.builder.change_journal import Change, deletion
from testdata.builder.cng import ALLOW_EXPORT, CngKey
from testdata.builder.folders import LOCAL_SYSTEM, MACHINE
from testdata.builder.keys import ec_key, rsa_key
from testdata.builder.machine import ForgedMachine, machine
from testdata.builder.scenario import SOUND, Disk, Judged, Scenario, Script
from testdata.builder.scenarios.broken_files import ABSENT, FOREIGN, REPLACED
from testdata.builder.scenarios.broken_secrets import MASTER_KEY_ABSENT
from testdata.builder.scenarios.common import capi_certificate, cng_certificate, container_of
from testdata.builder.shadow_copies import EarlierState
from testdata.builder.shadow_store import Shape

FIRST_COPY = datetime(2026, 11, 3, 2, 0, tzinfo=UTC)
MASTER_KEY_DELETED = datetime(2026, 11, 7, 9, 14, 22, tzinfo=UTC)
SECOND_COPY = datetime(2026, 11, 10, 2, 0, tzinfo=UTC)
KEY_DELETED = datetime(2026, 11, 12, 16, 40, 3, tzinfo=UTC)

EVENING_BEFORE = datetime(2026, 11, 6, 22, 30, tzinfo=UTC)
ENROLLED_LATE = datetime(2026, 11, 7, 5, 10, tzinfo=UTC)
SEALED = datetime(2026, 11, 7, 5, 48, 31, tzinfo=UTC)
FIRST_BOOT = datetime(2026, 11, 7, 6, 30, 2, tzinfo=UTC)
OLD_GUID = "5f0c2a88-91d3-4b7e-8a44-6c1e0d9b7f13"

UNKNOWN_YET: Judged = {"recoverable": None}
"""What the copies have is not known before they are read."""
GONE = ABSENT | UNKNOWN_YET
MASTER_KEY_GONE = MASTER_KEY_ABSENT | UNKNOWN_YET
CREATED_ANEW = REPLACED | UNKNOWN_YET
LOCKED_OF_BEFORE = FOREIGN | UNKNOWN_YET | {"unlocked_by": "nothing", "private_key": "locked"}
"""Key file and master key file of the life before are there; the secret that opens them is not."""

IN_A_COPY: Judged = {"recoverable": True}
BY_ITS_MASTER_KEY: Judged = IN_A_COPY | {"private_key": "proved", "unlocked_by": "current", "exportable": "no"}
"""The key file of today opens with a master key that only a copy has."""
BY_ITS_SECRET: Judged = IN_A_COPY | {"private_key": "proved", "exportable": "yes"}
"""Key file and master key file of today open with the secret that only a copy has; no secret in use opens them."""
IN_NO_COPY: Judged = {"recoverable": False}
_NO_FILE: dict[str, Any] = {"written": False, "master_key": None, "exportable": "unknown"}


def copies_healthy() -> Scenario:
    """Nothing is wrong; between the copies a certificate was enrolled, and another renewed after the newer one."""
    states = [_healthy(number) for number in range(3)]
    return _scenario(
        "copies-healthy",
        "A sound server with two shadow copies",
        states,
        (FIRST_COPY, SECOND_COPY),
        shape=Shape(machine="WEB01"),
    )


def _healthy(number: int) -> Script:
    script = Script(machine("copies-healthy"))
    capi_certificate(script, "stays.contoso.test", "2048-01", SOUND, "sound in each state")
    if number > 0:
        cng_certificate(script, "joins.contoso.test", "joins", SOUND, "enrolled between the two copies")
    if number > 1:
        capi_certificate(script, "latest.contoso.test", "2048-02", SOUND, "enrolled after the newer copy")
    _log(script.machine, number)
    return script


def copies_master_key() -> Scenario:
    """A master key was deleted between the copies, a key file after the newer one."""
    states = [_with_master_key(number) for number in range(3)]
    lost = next(path for path in states[0].machine.files if path not in states[1].machine.files)
    web = next(path for path in states[1].machine.files if path not in states[2].machine.files)
    return _scenario(
        "copies-master-key",
        "A master key was deleted between two shadow copies, and a key file after the newer one",
        states,
        (FIRST_COPY, SECOND_COPY),
        shape=Shape(machine="WEB01", newest_first=True, unused_entries=1, descriptors_a_block=20),
        changes=[*deletion(MASTER_KEY_DELETED, lost, 3000), *deletion(KEY_DELETED, web, 3100)],
    )


def _with_master_key(number: int) -> Script:
    script = Script(machine("copies-master-key"))
    forged = script.machine
    capi_certificate(script, "sound.contoso.test", "2048-01", SOUND, "sound in each state")
    host = "locked.contoso.test"
    lost = forged.add_master_key(MACHINE, "lost", in_use=False)
    cng_certificate(
        script,
        host,
        "locked",
        MASTER_KEY_GONE,
        "its master key was deleted between the copies; only the older one has it",
        path=forged.put_cng(container_of(host), CngKey.ec(ec_key("P-256", "locked")), master_key=lost),
        master_key=lost.guid,
        exportable="unknown",
        with_copies=BY_ITS_MASTER_KEY,
    )
    if number > 0:
        forged.remove(f"{MACHINE.protect_folder}/{lost.guid}")
    host = "web.contoso.test"
    if number < 2:
        forged.put_capi(container_of(host), exchange=Slot(rsa_key("2048-02")))
    why = "its file was deleted after the newer copy; both copies have it"
    capi_certificate(script, host, "2048-02", GONE, why, with_copies=IN_A_COPY, **_NO_FILE)
    why = "its file was gone before the older copy was made"
    capi_certificate(script, "early.contoso.test", "2048-03", GONE, why, with_copies=IN_NO_COPY, **_NO_FILE)
    _log(forged, number)
    return script


def copies_sysprep() -> Scenario:
    """Generalized between the copies; OldVal is empty, so that only the older copy has the secret of before."""
    evening = _before_sysprep()
    after = [_after_sysprep(evening, number) for number in range(2)]
    return _scenario(
        "copies-sysprep",
        "Sysprep /generalize between two shadow copies: the older one has the secret of the life before",
        [evening, *after],
        (EVENING_BEFORE, SECOND_COPY),
        shape=Shape(machine="WEB01"),
    )


def _before_sysprep() -> Script:
    """Return the server on the evening before, with the files that a later certificate will get in the night."""
    script = Script(
        machine(
            "copies-sysprep/before",
            machine_guid=OLD_GUID,
            last_shutdown=datetime(2026, 11, 5, 21, 10, 40, tzinfo=UTC),
        )
    )
    forged = script.machine
    for host, key in (("web.contoso.test", "2048-01"), ("mail.contoso.test", "2048-03")):
        path = forged.put_capi(container_of(host), exchange=Slot(rsa_key(key), True))
        capi_certificate(script, host, key, SOUND, "sound until the sysprep", path=path, exportable="yes")
    host = "api.contoso.test"
    path = forged.put_cng(container_of(host), CngKey.ec(ec_key("P-256", "api")), export_policy=ALLOW_EXPORT)
    cng_certificate(script, host, "api", SOUND, "sound until the sysprep", path=path, exportable="yes")
    return script


def _after_sysprep(evening: Script, number: int) -> Script:
    before = evening.machine
    script = Script(
        machine(
            "copies-sysprep",
            with_keys=False,
            guid_written=FIRST_BOOT,
            installed=FIRST_BOOT,
            secret_set=FIRST_BOOT,
            clone_tag="Sat Nov 07 05:48:31 2026",
        )
    )
    forged = script.machine
    old = before.keys[MACHINE]
    for path, file in before.files.items():
        if "/Protect/" in path and path not in forged.files and not path.endswith("/Preferred"):
            forged.files[path] = file
    forged.add_master_key(MACHINE, "after", created=FIRST_BOOT)
    forged.add_master_key(LOCAL_SYSTEM, "after", created=FIRST_BOOT)
    forged.write("Windows/System32/Sysprep/Sysprep_succeeded.tag", b"", created=SEALED)
    _of_before(script, before, old)
    capi_certificate(script, "intranet.contoso.test", "2048-05", SOUND, "enrolled after the sysprep")
    _log(forged, number)
    return script


def _of_before(script: Script, before: ForgedMachine, old: dpapi.MasterKey) -> None:
    """Certificates of the life before: key file kept, made in the last night, deleted, made anew."""
    forged = script.machine
    host = "web.contoso.test"
    path = forged.put_capi(container_of(host), exchange=Slot(rsa_key("2048-01"), True), suffix=OLD_GUID, master_key=old)
    forged.files[path] = before.files[path]
    why = "file and master key of before are there; the older copy has the secret"
    locked: dict[str, Any] = {"master_key": old.guid, "exportable": "unknown", "with_copies": BY_ITS_SECRET}
    capi_certificate(script, host, "2048-01", LOCKED_OF_BEFORE, why, path=path, **locked)
    host = "late.contoso.test"
    path = forged.put_capi(
        container_of(host),
        exchange=Slot(rsa_key("2048-02"), True),
        suffix=OLD_GUID,
        master_key=old,
        created=ENROLLED_LATE,
    )
    why = "made after the older copy: the file of today needs the secret of the copy"
    capi_certificate(script, host, "2048-02", LOCKED_OF_BEFORE, why, path=path, **locked)
    why = "its file was deleted by the sysprep; the older copy has it"
    cng_certificate(script, "api.contoso.test", "api", GONE, why, with_copies=IN_A_COPY, **_NO_FILE)
    host = "mail.contoso.test"
    path = forged.put_capi(container_of(host), exchange=Slot(rsa_key("2048-04")), created=FIRST_BOOT)
    why = "its service made the container anew; the older copy has the certificate's key"
    capi_certificate(script, host, "2048-03", CREATED_ANEW, why, path=path, with_copies=IN_A_COPY)


def _log(forged: ForgedMachine, number: int) -> None:
    """Put what is written between the states: a log that grows, and files that take the records of deleted ones."""
    lines = b"2026-11-03 02:00:00 backup done\r\n" * (40 + 400 * number)
    forged.write("Windows/Temp/backup.log", lines, created=FIRST_COPY)
    for each in range(number):
        for part in range(3):
            forged.write(f"Windows/Temp/report-{each}-{part}.log", lines[: 300 + part], created=SECOND_COPY)


def _scenario(
    name: str,
    summary: str,
    states: Sequence[Script],
    made: Sequence[datetime],
    *,
    shape: Shape,
    changes: Sequence[Change] = (),
) -> Scenario:
    volumes = [state.machine.volume() for state in states]
    copies = [EarlierState(at, files) for at, files in zip(made, volumes, strict=False)]
    return Scenario(
        name,
        summary,
        [Disk([volumes[-1]], copies=copies, shape=shape, changes=changes)],
        [states[-1].truth()],
        notes={"shadow_copies": [at.strftime("%Y-%m-%dT%H:%M:%SZ") for at in made]},
    )
