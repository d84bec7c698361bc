"""Image ``healthy``: every kind of key that Windows opens."""

from __future__ import annotations

from datetime import UTC, datetime

from testdata.builder import acl, certs, dpapi
from testdata.builder.capi import Slot
from testdata.builder.cng import ALLOW_EXPORT, ALLOW_PLAINTEXT_EXPORT, CngKey
from testdata.builder.folders import LOCAL_SYSTEM, MACHINE, NETWORK_SERVICE, service
from testdata.builder.keys import ec_key, rsa_key
from testdata.builder.machine import capi_link, cng_link, machine
from testdata.builder.scenario import SOUND, Scenario, Script, plain

ALICE = "S-1-5-21-1111111111-2222222222-3333333333-1001"
DAVE = "S-1-5-21-2052111302-1275210071-1644491937-1120"
BOB = "S-1-5-21-1111111111-2222222222-3333333333-1002"
PASSWORDS = {ALICE: "Correct-Horse-9"}
NT_HASHES = {DAVE: "32ed87bdb5fdc5e9cba88547376818d4"}
LOCKED_USER = SOUND | {
    "unlocked_by": "not_tried",
    "private_key": "locked",
    "verdict": "unknown",
    "known_by": "public_key",
}
"""A user's key whose password is not known: it may well open."""


def healthy() -> Scenario:
    rdp = certs.make_certificate(
        "WEB01.contoso.test",
        rsa_key("2048-01"),
        not_before=datetime(2026, 8, 1, tzinfo=UTC),
        not_after=datetime(2027, 2, 1, tzinfo=UTC),
        self_signed=True,
    )
    forged = machine(
        "healthy",
        machine_sid="S-1-5-21-1111111111-2222222222-3333333333",
        rdp_self_signed=rdp.thumbprint,
    )
    script = Script(forged)
    machine_guid = forged.keys[MACHINE].guid

    path = forged.put_capi("TSSecKeySet1", exchange=Slot(rsa_key("2048-01")), sd=acl.RDP_KEY_SD)
    script.certificate(
        rdp,
        SOUND,
        "self-signed certificate of the Remote Desktop listener; NETWORK SERVICE reads its key",
        link=capi_link("TSSecKeySet1", certs.CAPI_ENHANCED),
        container="TSSecKeySet1",
        provider=certs.CAPI_ENHANCED,
        provider_kind="capi",
        path=path,
        master_key=machine_guid,
        store="Remote Desktop",
        extra={0x8000: b"TERMSRV_SELF_SIGNED_CERTIFICATE"},
    )
    _capi_keys(script)
    _cng_keys(script)
    _system_and_service_keys(script)
    _user_keys(script)
    _stores_without_keys(script)
    return plain(
        "healthy",
        "Every kind of key that Windows opens: nothing is broken",
        script,
        passwords=PASSWORDS,
        nt_hashes=NT_HASHES,
    )


def _stores_without_keys(script: Script) -> None:
    """Certificates that need no key, in stores of the enterprise and of group policy."""
    authority = certs.ca_certificate()
    hives = script.machine.hives
    hives.add_enterprise_certificate("NTAuth", authority.thumbprint, certs.store_element(authority))
    agent = certs.make_certificate("EFS recovery agent", rsa_key("2048-20"), eku=[certs.EFS])
    hives.add_policy_certificate("EFS", agent.thumbprint, certs.store_element(agent))


def _capi_keys(script: Script) -> None:
    forged, guid = script.machine, script.machine.keys[MACHINE].guid
    for size, name, exportable, suite in (
        (2048, "2048-02", "yes", dpapi.AES_SHA512),
        (3072, "3072-01", "no", dpapi.AES_SHA512),
        (4096, "4096-01", "no", dpapi.AES_SHA512),
        (2048, "2048-03", "yes", dpapi.TDES_SHA1),
    ):
        cipher = "3des" if suite is dpapi.TDES_SHA1 else "aes"
        container = f"capi-{size}-{cipher}"
        path = forged.put_capi(container, exchange=Slot(rsa_key(name), exportable == "yes"), suite=suite)
        script.certificate(
            certs.make_certificate(f"{container}.contoso.test", rsa_key(name)),
            SOUND,
            f"CryptoAPI RSA {size}, blobs {cipher}",
            link=capi_link(container, certs.CAPI_SCHANNEL, type_=12),
            container=container,
            provider=certs.CAPI_SCHANNEL,
            provider_kind="capi",
            path=path,
            master_key=guid,
            exportable=exportable,
            friendly_name=f"RSA {size}",
        )
    path = forged.put_capi("capi-signature", signature=Slot(rsa_key("2048-04")))
    script.certificate(
        certs.make_certificate("capi-signature.contoso.test", rsa_key("2048-04")),
        SOUND,
        "CryptoAPI key in the signature slot, as KEY_PROV_INFO says",
        link=capi_link("capi-signature", certs.CAPI_STRONG, key_spec=2),
        container="capi-signature",
        provider=certs.CAPI_STRONG,
        provider_kind="capi",
        path=path,
        master_key=guid,
    )
    path = forged.put_capi("iisConfigurationKey", exchange=Slot(rsa_key("2048-05"), True))
    script.orphan(
        SOUND | {"public_key": "not_examined"},
        "key of IIS: no certificate names it, and none should",
        container="iisConfigurationKey",
        provider_kind="capi",
        path=path,
        master_key=guid,
        exportable="yes",
    )


def _cng_keys(script: Script) -> None:
    forged, guid = script.machine, script.machine.keys[MACHINE].guid
    policy = ALLOW_EXPORT | ALLOW_PLAINTEXT_EXPORT
    for label, key, made, export in (
        ("rsa-2048", rsa_key("2048-06"), CngKey.rsa(rsa_key("2048-06")), policy),
        ("rsa-3072", rsa_key("3072-02"), CngKey.rsa(rsa_key("3072-02"), full=True), 0),
        ("rsa-4096", rsa_key("4096-02"), CngKey.rsa(rsa_key("4096-02")), 0),
        ("ecdsa-256", ec_key("P-256", "healthy"), CngKey.ec(ec_key("P-256", "healthy")), policy),
        ("ecdsa-384", ec_key("P-384", "healthy"), CngKey.ec(ec_key("P-384", "healthy")), 0),
        ("ecdsa-521", ec_key("P-521", "healthy"), CngKey.ec(ec_key("P-521", "healthy")), 0),
        ("ecdh-256", ec_key("P-256", "agree"), CngKey.ec(ec_key("P-256", "agree"), "ECDH"), ALLOW_EXPORT),
    ):
        container = f"cng-{label}"
        path = forged.put_cng(container, made, export_policy=export, creator="C:\\Windows\\System32\\lsass.exe")
        script.certificate(
            certs.make_certificate(f"{container}.contoso.test", key),
            SOUND,
            f"CNG {label}",
            link=cng_link(container, certs.CNG_SOFTWARE),
            container=container,
            provider=certs.CNG_SOFTWARE,
            provider_kind="cng",
            path=path,
            master_key=guid,
            exportable="yes" if export else "no",
            originator="WEB01.contoso.test",
        )
    path = forged.put_cng("cng-rsa-3des", CngKey.rsa(rsa_key("2048-07")), suite=dpapi.TDES_SHA1, export_policy=policy)
    script.certificate(
        certs.make_certificate("cng-rsa-3des.contoso.test", rsa_key("2048-07")),
        SOUND,
        "CNG RSA under 3DES and SHA-1 blobs with entropy, Microsoft's own HMAC",
        link=cng_link("cng-rsa-3des", certs.CNG_SOFTWARE, key_spec=certs.CERT_NCRYPT_KEY_SPEC),
        container="cng-rsa-3des",
        provider=certs.CNG_SOFTWARE,
        provider_kind="cng",
        path=path,
        master_key=guid,
        exportable="yes",
    )


def _system_and_service_keys(script: Script) -> None:
    forged = script.machine
    path = forged.put_capi("system-own", exchange=Slot(rsa_key("2048-08")), owner=LOCAL_SYSTEM)
    script.certificate(
        certs.make_certificate("system-own.contoso.test", rsa_key("2048-08")),
        SOUND,
        "machine store, flags 0, the key among SYSTEM's own: fine",
        link=capi_link("system-own", certs.CAPI_ENHANCED, machine_keyset=False),
        container="system-own",
        provider=certs.CAPI_ENHANCED,
        provider_kind="capi",
        path=path,
        master_key=forged.keys[LOCAL_SYSTEM].guid,
    )
    path = forged.put_cng("Google Chromekey1", CngKey.aes(bytes(range(32))), owner=LOCAL_SYSTEM)
    script.orphan(
        SOUND | {"public_key": "not_examined"},
        "symmetric key of SYSTEM: no certificate can name it",
        container="Google Chromekey1",
        provider_kind="cng",
        path=path,
        master_key=forged.keys[LOCAL_SYSTEM].guid,
    )
    path = forged.put_capi("ntds-ldaps", exchange=Slot(rsa_key("2048-19")))
    script.certificate(
        certs.make_certificate("ldaps.contoso.test", rsa_key("2048-19")),
        SOUND,
        "personal store of the service NTDS, key among the machine's",
        link=capi_link("ntds-ldaps", certs.CAPI_ENHANCED),
        container="ntds-ldaps",
        provider=certs.CAPI_ENHANCED,
        provider_kind="capi",
        path=path,
        master_key=forged.keys[MACHINE].guid,
        store_scope="service",
        service="NTDS",
        unsettled=["owner_sid", "store"],
    )
    network_service = service(NETWORK_SERVICE)
    forged.add_master_key(network_service)
    path = forged.put_cng("network-service", CngKey.ec(ec_key("P-256", "network service")), owner=network_service)
    script.certificate(
        certs.make_certificate("network-service.contoso.test", ec_key("P-256", "network service")),
        SOUND,
        "key and personal store of NETWORK SERVICE",
        link=cng_link("network-service", certs.CNG_SOFTWARE, machine_keyset=False),
        container="network-service",
        provider=certs.CNG_SOFTWARE,
        provider_kind="cng",
        path=path,
        master_key=forged.keys[network_service].guid,
        store_scope="service",
        owner=network_service,
        unsettled=["store_scope"],
    )


def _user_keys(script: Script) -> None:
    forged = script.machine
    alice = forged.add_user(ALICE, "alice", PASSWORDS[ALICE])
    bob = forged.add_user(BOB, "bob", "nobody knows this one")
    unlocked = SOUND | {"unlocked_by": "password", "exportable": "yes"}
    path = forged.put_capi("alice-capi", exchange=Slot(rsa_key("2048-09"), True), owner=alice)
    script.certificate(
        certs.make_certificate("alice", rsa_key("2048-09"), eku=[certs.CLIENT_AUTH, certs.EFS]),
        LOCKED_USER,
        "CryptoAPI key of a local user whose password the truth gives",
        link=capi_link("alice-capi", certs.CAPI_ENHANCED, machine_keyset=False),
        container="alice-capi",
        provider=certs.CAPI_ENHANCED,
        provider_kind="capi",
        path=path,
        master_key=forged.keys[alice].guid,
        exportable="unknown",
        store_scope="user",
        owner=alice,
        with_passwords=unlocked,
        unsettled=["known_by"],
    )
    path = forged.put_cng("alice-cng", CngKey.ec(ec_key("P-256", "alice")), owner=alice, export_policy=ALLOW_EXPORT)
    script.certificate(
        certs.make_certificate("alice signs", ec_key("P-256", "alice"), eku=[certs.CLIENT_AUTH]),
        LOCKED_USER,
        "CNG key of the same user",
        link=cng_link("alice-cng", certs.CNG_SOFTWARE, machine_keyset=False),
        container="alice-cng",
        provider=certs.CNG_SOFTWARE,
        provider_kind="cng",
        path=path,
        master_key=forged.keys[alice].guid,
        exportable="unknown",
        store_scope="user",
        owner=alice,
        with_passwords=unlocked,
        unsettled=["known_by"],
    )
    path = forged.put_cng("bob-cng", CngKey.ec(ec_key("P-384", "bob")), owner=bob)
    script.certificate(
        certs.make_certificate("bob", ec_key("P-384", "bob"), eku=[certs.CLIENT_AUTH]),
        LOCKED_USER,
        "CNG key of a user whose password is never given",
        link=cng_link("bob-cng", certs.CNG_SOFTWARE, machine_keyset=False),
        container="bob-cng",
        provider=certs.CNG_SOFTWARE,
        provider_kind="cng",
        path=path,
        master_key=forged.keys[bob].guid,
        exportable="unknown",
        store_scope="user",
        owner=bob,
        unsettled=["known_by", "unlocked_by"],
    )
    dave = forged.add_user(DAVE, "dave", None, bytes.fromhex(NT_HASHES[DAVE]))
    path = forged.put_cng("dave-cng", CngKey.rsa(rsa_key("2048-18")), owner=dave, export_policy=ALLOW_EXPORT)
    script.certificate(
        certs.make_certificate("dave", rsa_key("2048-18"), eku=[certs.CLIENT_AUTH]),
        LOCKED_USER,
        "CNG key of a domain user: opens with his NT hash or the domain's backup key",
        link=cng_link("dave-cng", certs.CNG_SOFTWARE, machine_keyset=False),
        container="dave-cng",
        provider=certs.CNG_SOFTWARE,
        provider_kind="cng",
        path=path,
        master_key=forged.keys[dave].guid,
        exportable="unknown",
        store_scope="user",
        owner=dave,
        with_passwords=unlocked,
        with_domain_key=unlocked | {"unlocked_by": "domain_key"},
        unsettled=["known_by"],
    )
