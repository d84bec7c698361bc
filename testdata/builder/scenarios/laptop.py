"""Image ``laptop``: a laptop joined to Entra ID, as they are: much of what looks wrong on it is well."""

from __future__ import annotations

from testdata.builder import acl, certs
from testdata.builder.capi import Slot
from testdata.builder.cng import CngKey
from testdata.builder.folders import MACHINE, Owner
from testdata.builder.keys import rsa_key
from testdata.builder.machine import capi_link, cng_link, machine
from testdata.builder.machine_hives import CONTROL_SET
from testdata.builder.pcpkey import pcp_blob
from testdata.builder.regf import HiveWriter
from testdata.builder.scenario import SOUND, UNREACHED, Scenario, Script, plain
from testdata.builder.scenarios.bound import TPM_SEALED
from testdata.builder.scenarios.broken_claim import CLAIM_FOUND
from testdata.builder.scenarios.broken_files import ABSENT, REPLACED
from testdata.builder.scenarios.dated import day, issued, put
from testdata.builder.scenarios.healthy import LOCKED_USER

FRANK = "S-1-12-1-2164260864-1207959552-2550136832-3405691582"
PASSWORDS = {FRANK: "unlocked-by-Hello-7"}
HELLO = "Microsoft Passport Key Storage Provider"

_ROAMING = "Users/frank/AppData/Roaming/Microsoft"
_WLAN = """<?xml version="1.0"?>
<WLANProfile xmlns="http://www.microsoft.com/networking/WLAN/profile/v1"><name>Office</name><MSM><security>
<OneX xmlns="http://www.microsoft.com/networking/OneX/v1"><authMode>machine</authMode><EAPConfig>
<EapHostConfig xmlns="http://www.microsoft.com/provisioning/EapHostConfig"><EapMethod>
<Type xmlns="http://www.microsoft.com/provisioning/EapCommon">13</Type></EapMethod>
</EapHostConfig></EAPConfig></OneX></security></MSM></WLANProfile>
"""
_PHONE_BOOK = "[Head office]\r\nEncoding=1\r\nCustomAuthKey=13\r\nDEVICE=vpn\r\n"


def laptop() -> Scenario:
    script = Script(
        machine(
            "laptop",
            computer_name="LAP-31",
            product_name="Windows 10 Pro",
            edition="Professional",
            build="22631",
            ubr=4169,
            dns_domain="home.test",
            netbios_domain="WORKGROUP",
            domain_sid=None,
            clone_tag="Thu Sep 05 05:48:31 2024",
            installed=day("2025-01-10"),
            secret_set=day("2025-01-10"),
            third_party_cng=(HELLO,),
        )
    )
    _device(script)
    _listener(script)
    _networks(script)
    _user(script)
    put(
        script,
        issued("imported.contoso.test", "2048-01", "2028-06-04", "2024-06-04"),
        "older than this Windows, imported later; its key file was deleted: the CloneTag of the medium is not to blame",
        ABSENT,
        written=False,
        when=day("2025-02-03"),
    )
    return plain("laptop", "A laptop joined to Entra ID: much of what looks wrong is well", script, passwords=PASSWORDS)


def _device(script: Script) -> None:
    """The identity of the device in the TPM, and the certificate that it gets anew every day."""
    key = rsa_key("2048-02")
    device = certs.make_certificate(
        "3f0c7c1e-51a4-4f0e-9a53-0d6a5d1a7e11",
        key,
        not_before=day("2025-01-10"),
        not_after=day("2035-01-10"),
        eku=[certs.CLIENT_AUTH],
        issuer="MS-Organization-Access",
    )
    script.certificate(
        device,
        TPM_SEALED,
        "identity of the device, in its TPM",
        link=cng_link("device-identity", certs.CNG_TPM),
        container="device-identity",
        provider=certs.CNG_TPM,
        provider_kind="tpm",
        path=script.machine.put_tpm("device-identity", "RSA", pcp_blob("laptop", key)),
        master_key=None,
        exportable="unknown",
        unsettled=["exportable"],
    )
    join = f"{CONTROL_SET}\\Control\\CloudDomainJoin\\JoinInfo\\{device.thumbprint}"
    script.machine.hives.system.key(join).sz("TenantId", "72f988bf-86f1-41af-91ab-2d7cd011db47").sz(
        "UserEmail", "frank@contoso.test"
    )
    peer = "MS-Organization-P2P-Access [2026]"
    daily = issued(device.subject[3:], "2048-03", "2026-10-31", "2026-10-30", eku=[certs.SERVER_AUTH], issuer=peer)
    put(script, daily, "lives for a day, Entra ID gives a new one as long as the laptop runs", container="p2p-access")


def _listener(script: Script) -> None:
    """Two certificates in the listener's store, none on record: the container holds the key of the newer one."""
    host = "LAP-31"
    path = script.machine.put_capi(
        "TSSecKeySet1", exchange=Slot(rsa_key("2048-04")), sd=acl.RDP_KEY_SD, created=day("2026-08-01")
    )
    for key, since, until, judged, why in (
        ("2048-04", "2026-08-01", "2027-02-01", None, "self-signed certificate of the listener, switched off"),
        ("2048-05", "2026-01-28", "2026-07-30", REPLACED, "the one before: its container was made anew since"),
    ):
        certificate = issued(host, key, until, since, self_signed=True)
        script.certificate(
            certificate,
            judged or SOUND,
            why,
            link=capi_link("TSSecKeySet1", certs.CAPI_ENHANCED),
            container="TSSecKeySet1",
            provider=certs.CAPI_ENHANCED,
            provider_kind="capi",
            path=path,
            master_key=script.machine.keys[MACHINE].guid,
            store="Remote Desktop",
        )
    script.machine.hives.system.key(f"{CONTROL_SET}\\Control\\Terminal Server").dword("fDenyTSConnections", 1)


def _networks(script: Script) -> None:
    wlan = "ProgramData/Microsoft/wlansvc/Profiles/Interfaces/{0a1b2c3d-0000-4000-8000-00000000abcd}"
    script.machine.write(f"{wlan}/{{5e6f7081-0000-4000-8000-00000000dcba}}.xml", _WLAN.encode())
    client = issued("lap-31.contoso.test", "2048-06", "2027-01-31", eku=[certs.CLIENT_AUTH])
    put(script, client, "client certificate, 70 days left; the wireless network may be joined with it")


def _user(script: Script) -> None:
    frank = script.machine.add_user(FRANK, "frank", PASSWORDS[FRANK])
    _own(script, frank, "frank@vpn", "2048-07", "2027-04-01", [certs.CLIENT_AUTH], "dials in with it, 130 days left")
    _own(script, frank, "frank@mail", "2048-08", "2026-09-01", [certs.EMAIL], "S/MIME, ended")
    _own(script, frank, "frank@code", "2048-09", "2026-09-15", [certs.CODE_SIGNING], "code signing, ended")
    efs = _own(script, frank, "frank@files", "2048-10", "2026-01-10", [certs.EFS], "EFS, ended: files still open")
    hive = HiveWriter("\\??\\C:\\Users\\frank\\ntuser.dat", day("2025-01-10"))
    keys = hive.key("Software\\Microsoft\\Windows NT\\CurrentVersion\\EFS\\CurrentKeys")
    keys.binary("CertificateHash", bytes.fromhex(efs.thumbprint))
    script.machine.write("Users/frank/NTUSER.DAT", hive.build(), sd=acl.owner_file_sd(FRANK))
    script.machine.write(f"{_ROAMING}/Network/Connections/Pbk/rasphone.pbk", _PHONE_BOOK.encode())
    hello = issued("frank@hello", "2048-11", "2055-01-10", self_signed=True, eku=[certs.CLIENT_AUTH])
    script.certificate(
        hello,
        UNREACHED | {"verdict": "unknown", "broken_at": None, "recoverable": None, "known_by": "inference"},
        "key of Windows Hello, which keeps it where nobody can follow",
        link=cng_link("login.windows.net/frank", HELLO, machine_keyset=False),
        container="login.windows.net/frank",
        provider=HELLO,
        provider_kind="other",
        path=None,
        master_key=None,
        exportable="unknown",
        store_scope="user",
        owner=frank,
        unsettled=["key_file", "private_key"],
    )
    twice = issued("lap-31.contoso.test", "2048-06", "2027-01-31", eku=[certs.CLIENT_AUTH])
    container = "te-WebServer-lap-31"
    script.certificate(
        twice,
        CLAIM_FOUND,
        "the computer's certificate once more in the user's store, without a link to the key",
        link=None,
        container=container,
        provider=None,
        provider_kind="capi",
        path=script.machine.put_capi(container, exchange=Slot(rsa_key("2048-06"))),
        master_key=script.machine.keys[MACHINE].guid,
        store_scope="user",
        owner=frank,
        unsettled=["container", "provider", "provider_kind"],
    )


def _own(
    script: Script, owner: Owner, name: str, key: str, until: str, usage: list[object], why: str
) -> certs.Certificate:
    certificate = issued(name, key, until, eku=usage)
    container = f"te-User-{name}"
    script.certificate(
        certificate,
        LOCKED_USER,
        why,
        link=cng_link(container, certs.CNG_SOFTWARE, machine_keyset=False),
        container=container,
        provider=certs.CNG_SOFTWARE,
        provider_kind="cng",
        path=script.machine.put_cng(container, CngKey.rsa(rsa_key(key)), owner=owner),
        master_key=script.machine.keys[owner].guid,
        exportable="unknown",
        store_scope="user",
        owner=owner,
        with_passwords={
            "unlocked_by": "password",
            "private_key": "proved",
            "verdict": "usable",
            "known_by": "decryption",
            "exportable": "no",
        },
        unsettled=["known_by"],
    )
    return certificate
