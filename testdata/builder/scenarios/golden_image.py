"""Images ``golden-image``, ``failed-generalize`` and ``generalized-not-booted``: templates before and after it."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from testdata.builder import acl, certs, setup_logs
from testdata.builder.capi import Slot
from testdata.builder.folders import MACHINE
from testdata.builder.keys import rsa_key
from testdata.builder.machine import ForgedMachine, capi_link, cng_link, machine
from testdata.builder.machine_hives import CONTROL_SET
from testdata.builder.pcpkey import pcp_blob
from testdata.builder.scenario import SOUND, Scenario, Script, plain
from testdata.builder.scenarios.bound import TPM_SEALED
from testdata.builder.scenarios.broken_files import ABSENT
from testdata.builder.scenarios.common import capi_certificate, cng_certificate, container_of

IIS = UUID("4dc3e181-e14b-4a21-b022-59fc669b0914")
SEALED = datetime(2026, 10, 30, 16, 58, 3, tzinfo=UTC)


def bind_http_sys(forged: ForgedMachine, address: str, thumbprint: str, store: str = "MY") -> None:
    """Bind a certificate of a store of the computer to an address, as IIS does."""
    key = forged.hives.system.key(f"{CONTROL_SET}\\Services\\HTTP\\Parameters\\SslBindingInfo\\{address}")
    key.binary("SslCertHash", bytes.fromhex(thumbprint)).binary("AppId", IIS.bytes_le).sz("SslCertStoreName", store)


def golden_image() -> Scenario:
    """A template in audit mode, with everything installed that its clones shall have."""
    rdp = certs.make_certificate("GOLD", rsa_key("2048-01"), self_signed=True)
    forged = machine(
        "golden-image",
        computer_name="GOLD",
        image_state="IMAGE_STATE_SPECIALIZE_RESEAL_TO_AUDIT",
        rdp_self_signed=rdp.thumbprint,
    )
    script = Script(forged)
    script.certificate(
        rdp,
        SOUND,
        "Remote Desktop makes itself another one on every clone",
        link=capi_link("TSSecKeySet1", certs.CAPI_ENHANCED),
        container="TSSecKeySet1",
        provider=certs.CAPI_ENHANCED,
        provider_kind="capi",
        path=forged.put_capi("TSSecKeySet1", exchange=Slot(rsa_key("2048-01")), sd=acl.RDP_KEY_SD),
        master_key=forged.keys[MACHINE].guid,
        store="Remote Desktop",
    )
    host = "web.contoso.test"
    capi_certificate(
        script,
        host,
        "2048-02",
        SOUND,
        "sound, may be exported, bound to port 443",
        path=forged.put_capi(container_of(host), exchange=Slot(rsa_key("2048-02"), True)),
        exportable="yes",
    )
    bind_http_sys(forged, "0.0.0.0:443", certs.make_certificate(host, rsa_key("2048-02")).thumbprint)
    cng_certificate(script, "agent.contoso.test", "golden agent", SOUND, "sound, may not be exported, nothing uses it")
    capi_certificate(
        script,
        "gone.contoso.test",
        "2048-03",
        ABSENT,
        "dead already, with no generalize to blame",
        written=False,
        master_key=None,
        exportable="unknown",
    )
    key = rsa_key("2048-04")
    script.certificate(
        certs.make_certificate("device.contoso.test", key, eku=[certs.CLIENT_AUTH]),
        TPM_SEALED,
        "in the TPM of the template",
        link=cng_link("device-key", certs.CNG_TPM),
        container="device-key",
        provider=certs.CNG_TPM,
        provider_kind="tpm",
        path=forged.put_tpm("device-key", "RSA", pcp_blob("golden-image", key)),
        master_key=None,
        exportable="unknown",
        unsettled=["exportable"],
    )
    return plain("golden-image", "A template in audit mode, whose keys will not survive its generalize", script)


def failed_generalize() -> Scenario:
    """A template on which Sysprep gave up: it has its identity and its keys still, and will be tried again."""
    forged = machine(
        "failed-generalize",
        computer_name="GOLD-22",
        product_name="Windows Server 2022 Standard",
        build="20348",
        ubr=2700,
    )
    script = Script(forged)
    host = "farm.contoso.test"
    capi_certificate(
        script,
        host,
        "2048-01",
        SOUND,
        "sound, may be exported",
        path=forged.put_capi(container_of(host), exchange=Slot(rsa_key("2048-01"), True)),
        exportable="yes",
    )
    cng_certificate(script, "agent.contoso.test", "failed agent", SOUND, "sound, may not be exported")
    capi_certificate(
        script,
        "gone.contoso.test",
        "2048-02",
        ABSENT,
        "its key file is gone; Sysprep gave no new identity that could explain it",
        written=False,
        master_key=None,
        exportable="unknown",
    )
    failed = datetime(2026, 10, 29, 14, 20, 31, tzinfo=UTC)
    failure = setup_logs.log(failed, setup_logs.failure_lines(), level="Error")
    run = setup_logs.log(failed, setup_logs.generalize_lines(failed))
    forged.write(setup_logs.SYSPREP_LOG, run + failure, created=failed)
    forged.write(setup_logs.SYSPREP_ERRORS, failure, created=failed)
    return plain("failed-generalize", "A template on which Sysprep /generalize failed", script)


def generalized_not_booted() -> Scenario:
    """A template that was sealed and not booted since.

    MachineGuid and DPAPI_SYSTEM are those of the template, as they are replaced at the first boot; which key files
    Sysprep removes is not documented: one is gone here, one is left.
    """
    forged = machine(
        "generalized-not-booted",
        computer_name="GOLD",
        image_state="IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE",
        generalization_state=4,
        clone_tag="Fri Oct 30 16:58:03 2026",
    )
    script = Script(forged)
    capi_certificate(script, "left.contoso.test", "2048-01", SOUND, "its key is whole until the first boot")
    cng_certificate(
        script,
        "gone.contoso.test",
        "not booted",
        ABSENT,
        "its key file went with the generalize",
        written=False,
        master_key=None,
        exportable="unknown",
    )
    lines = setup_logs.generalize_lines(SEALED)
    forged.write(setup_logs.SYSPREP_LOG, setup_logs.log(SEALED, lines), created=SEALED)
    forged.write(setup_logs.TAG_FILE, b"", created=SEALED)
    state = setup_logs.state_ini("IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE")
    forged.write(setup_logs.STATE_INI, state, created=SEALED)
    return plain("generalized-not-booted", "A template after its generalize, not booted since", script)
