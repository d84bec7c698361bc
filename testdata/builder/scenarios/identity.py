"""Images whose identity is odd without a common generalize: partial restore, skipped step, upgrade, changed SID."""

from __future__ import annotations

from datetime import UTC, datetime

from testdata.builder import certs, dpapi, setup_logs
from testdata.builder.capi import Slot
from testdata.builder.cng import CngKey
from testdata.builder.folders import MACHINE
from testdata.builder.keys import ec_key, rsa_key
from testdata.builder.machine import capi_link, machine
from testdata.builder.scenario import SOUND, Scenario, Script, plain
from testdata.builder.scenarios.broken_files import ABSENT
from testdata.builder.scenarios.broken_secrets import NOTHING
from testdata.builder.scenarios.common import capi_certificate, cng_certificate, container_of
from testdata.builder.scenarios.healthy import LOCKED_USER

REKEYED = datetime(2025, 6, 2, 7, 40, tzinfo=UTC)
SEALED = datetime(2025, 3, 11, 10, 15, 40, tzinfo=UTC)
FIRST_BOOT = datetime(2025, 3, 12, 6, 2, 9, tzinfo=UTC)
UPGRADED = datetime(2025, 5, 6, 10, 11, 12, tzinfo=UTC)
OLD_SID = "S-1-5-21-2912385011-3060105190-1447390286"


def restored_secrets() -> Scenario:
    """SYSTEM and SECURITY come from a backup of 2024, the files are of 2025, when DPAPI_SYSTEM had another value."""
    script = Script(machine("restored-secrets"))
    forged = script.machine
    capi_certificate(script, "early.contoso.test", "2048-01", SOUND, "made before the backup: its master key opens")
    later = forged.add_master_key(
        MACHINE, "later", secret=dpapi.DpapiSystem.seeded("restored-secrets/later"), created=REKEYED
    )
    host = "late-capi.contoso.test"
    capi_certificate(
        script,
        host,
        "2048-02",
        NOTHING,
        "made after the backup: the secret its master key needs is not on the disk",
        path=forged.put_capi(container_of(host), exchange=Slot(rsa_key("2048-02")), created=REKEYED),
        master_key=later.guid,
        exportable="unknown",
    )
    host, key = "late-cng.contoso.test", ec_key("P-256", "restored")
    cng_certificate(
        script,
        host,
        "restored",
        NOTHING,
        "the same for a CNG key",
        path=forged.put_cng(container_of(host), CngKey.ec(key), created=REKEYED),
        master_key=later.guid,
        exportable="unknown",
    )
    return plain("restored-secrets", "SYSTEM and SECURITY restored from an older backup than the key files", script)


def specialize_skips_crypto() -> Scenario:
    """A clone of an image from whose Specialize.xml the step was taken that gives a clone its own keys."""
    script = Script(
        machine(
            "specialize-skips-crypto",
            computer_name="AVD-7",
            product_name="Windows 11 Enterprise multi-session",
            edition="ServerRdsh",
            build="22621",
            ubr=1413,
            clone_tag="Tue Mar 11 10:15:40 2025",
        )
    )
    forged = script.machine
    cng_certificate(script, "avd.contoso.test", "skips", SOUND, "the template's key: it works on every clone")
    lines = setup_logs.generalize_lines(SEALED)
    forged.write(setup_logs.SYSPREP_LOG, setup_logs.log(SEALED, lines), created=SEALED)
    forged.write(setup_logs.TAG_FILE, b"", created=SEALED)
    specialize = [line for line in setup_logs.specialize_lines(forged.suffix) if "apisp" not in line]
    forged.write(setup_logs.PANTHER_LOG, setup_logs.log(FIRST_BOOT, specialize), created=FIRST_BOOT)
    forged.write(setup_logs.SPECIALIZE_XML, setup_logs.specialize_xml(with_crypto=False), created=SEALED)
    return plain("specialize-skips-crypto", "A clone whose Specialize.xml no longer calls capisp.dll", script)


def upgraded() -> Scenario:
    """A feature upgrade left lines of specialize; the CloneTag is that of the installation medium."""
    script = Script(
        machine(
            "upgraded",
            computer_name="PC-21",
            product_name="Windows 11 Enterprise",
            edition="Enterprise",
            build="26100",
            ubr=3775,
            installed=UPGRADED,
            clone_tag="Sat Apr  1 21:22:23 2023",
        )
    )
    forged = script.machine
    forged.hives.system.key("Setup\\Source OS (Updated on 5/6/2025 10:11:12)").sz("CurrentBuild", "22631")
    capi_certificate(script, "vpn.contoso.test", "2048-01", SOUND, "upgrades keep MachineGuid, secrets and keys")
    capi_certificate(
        script,
        "gone.contoso.test",
        "2048-02",
        ABSENT,
        "somebody deleted its key file: no generalize is to blame",
        written=False,
        master_key=None,
        exportable="unknown",
    )
    log = setup_logs.log(UPGRADED, setup_logs.upgrade_lines(), encoding="utf-16")
    forged.write(setup_logs.PANTHER_LOG, log, created=UPGRADED)
    return plain("upgraded", "A Windows after a feature upgrade, never generalized by its owner", script)


def sid_changed() -> Scenario:
    """A program changed the machine SID and nothing else; a local user's master key lies under the old one."""
    script = Script(machine("sid-changed", computer_name="PC-22", domain_sid=None))
    forged = script.machine
    capi_certificate(script, "machine.contoso.test", "2048-01", SOUND, "machine keys do not hang on the machine SID")
    erin = forged.add_user(f"{OLD_SID}-1001", "erin", "nobody knows this one")
    script.certificate(
        certs.make_certificate("erin", rsa_key("2048-02"), eku=[certs.CLIENT_AUTH]),
        LOCKED_USER,
        "key of a local user, under the SID of before",
        link=capi_link("erin-capi", certs.CAPI_ENHANCED, machine_keyset=False),
        container="erin-capi",
        provider=certs.CAPI_ENHANCED,
        provider_kind="capi",
        path=forged.put_capi("erin-capi", exchange=Slot(rsa_key("2048-02")), owner=erin),
        master_key=forged.keys[erin].guid,
        exportable="unknown",
        store_scope="user",
        owner=erin,
        unsettled=["known_by", "unlocked_by"],
    )
    return plain("sid-changed", "A Windows whose machine SID was changed, and nothing else", script)
