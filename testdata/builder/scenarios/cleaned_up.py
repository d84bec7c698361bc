"""Image ``cleaned-up``: what the change journal of the volume tells of keys that are gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from testdata.builder.capi import Slot
from testdata.builder.change_journal import Change, creation, deletion, renaming
from testdata.builder.cng import CngKey
from testdata.builder.folders import MACHINE
from testdata.builder.keys import ec_key, rsa_key
from testdata.builder.machine import machine
from testdata.builder.names import capi_file_name, cng_file_name
from testdata.builder.scenario import SOUND, Scenario, Script, plain
from testdata.builder.scenarios.broken_files import ABSENT
from testdata.builder.scenarios.common import capi_certificate, cng_certificate, container_of

FIRST = datetime(2026, 11, 3, 2, 0, tzinfo=UTC)
CLEANED = datetime(2026, 11, 7, 9, 14, 22, tzinfo=UTC)
RENAMED = datetime(2026, 11, 9, 10, 0, 1, tzinfo=UTC)
MASTER_KEY_GONE = datetime(2026, 11, 10, 3, 0, tzinfo=UTC)
OTHERS = 212
HAD = ABSENT | {"recoverable": True}


def cleaned_up() -> Scenario:
    script = Script(machine("cleaned-up"))
    forged = script.machine
    suffix = forged.facts.machine_guid
    capi_certificate(script, "sound.contoso.test", "2048-01", SOUND, "its file was not touched")
    gone: dict[str, Any] = {"written": False, "master_key": None, "exportable": "unknown"}
    capi_certificate(script, "web.contoso.test", "2048-02", HAD, "deleted with 212 others in three seconds", **gone)
    cng_certificate(script, "api.contoso.test", "api", ABSENT, "renamed; nothing of that name is there", **gone)
    capi_certificate(script, "early.contoso.test", "2048-03", ABSENT, "gone before the journal begins", **gone)
    lost = forged.add_master_key(MACHINE, "lost", in_use=False)
    host = "locked.contoso.test"
    path = forged.put_cng(container_of(host), CngKey.ec(ec_key("P-256", "locked")), master_key=lost)
    master_key = forged.files[f"{MACHINE.protect_folder}/{lost.guid}"]
    forged.remove(master_key.path)
    cng_certificate(
        script,
        host,
        "locked",
        SOUND
        | {
            "master_key": "absent",
            "verdict": "unusable",
            "broken_at": "master_key",
            "recoverable": True,
            "known_by": "inference",
        },
        "its master key was deleted, and its record still holds it",
        path=path,
        master_key=lost.guid,
    )
    key = forged.put_capi(container_of("web.contoso.test"), exchange=Slot(rsa_key("2048-02")))
    deleted = [forged.files[key], master_key]
    forged.remove(key)
    web = f"{MACHINE.capi_folder}/{capi_file_name(container_of('web.contoso.test'), suffix)}"
    api = f"{MACHINE.cng_folder}/{cng_file_name(container_of('api.contoso.test'), suffix)}"
    changes = [
        *creation(FIRST, "Windows/System32/temp.log", 900),
        *creation(FIRST + timedelta(hours=1), web, 1000),
        *_clean_up(web),
        *renaming(RENAMED, api, f"{MACHINE.cng_folder}/api.old", 2000),
        *deletion(RENAMED + timedelta(minutes=1), f"{MACHINE.cng_folder}/api.old", 2000),
        *deletion(MASTER_KEY_GONE, f"{MACHINE.protect_folder}/{lost.guid}", 3000),
    ]
    scenario = plain("cleaned-up", "The change journal tells when keys went, and with what", script)
    return replace(scenario, stages=[replace(scenario.stages[0], changes=changes, deleted=deleted)])


def _clean_up(web: str) -> list[Change]:
    """Return the deletions of a script that emptied MachineKeys, the certificate's key among them."""
    suffix = "0badf00d-0000-4000-8000-000000000001"
    step = timedelta(milliseconds=14)
    names = [f"{MACHINE.capi_folder}/{number:032x}_{suffix}" for number in range(OTHERS)]
    names.insert(100, web)
    files = {name: 4000 + number for number, name in enumerate(names)} | {web: 1000}
    return [
        replace(change, version=3 if number % 2 else 2)
        for number, name in enumerate(names)
        for change in deletion(CLEANED + step * (number - 100), name, files[name])
    ]
