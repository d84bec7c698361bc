"""The registry of a forged machine: SYSTEM, SOFTWARE, SECURITY, SAM and DEFAULT.

References: format notes, "Certificate store elements" and "LSA path"; notes on internals, sections 2, 4 and 6.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime

from testdata.builder import certs, lsa_xp, sam
from testdata.builder.dpapi import DpapiSystem
from testdata.builder.filetime import filetime_bytes
from testdata.builder.lsa import LsaStore, boot_key_classes
from testdata.builder.regf import REG_NONE, HiveWriter
from testdata.builder.sid import sid_bytes

CONTROL_SET = "ControlSet001"
SERVICE_STARTS = {
    "KeyIso": 3,
    "CryptSvc": 2,
    "VaultSvc": 3,
    "SessionEnv": 3,
    "TermService": 3,
    "EFS": 3,
    "CertPropSvc": 3,
    "SCardSvr": 3,
    "TPM": 3,
    "TBS": 3,
}
_ACCOUNTS = {"CryptSvc": "NT Authority\\NetworkService", "TermService": "NT Authority\\NetworkService"}
_CAPI_PROVIDERS = {
    "Microsoft Base Cryptographic Provider v1.0": 1,
    certs.CAPI_ENHANCED: 1,
    certs.CAPI_STRONG: 1,
    certs.CAPI_SCHANNEL: 12,
    certs.CAPI_AES: 24,
    certs.CAPI_SMART_CARD: 1,
    "Microsoft Base DSS Cryptographic Provider": 3,
}
_CNG_PROVIDERS = (
    "Microsoft Primitive Provider",
    "Microsoft SSL Protocol Provider",
    certs.CNG_SOFTWARE,
    certs.CNG_SMART_CARD,
    certs.CNG_TPM,
)


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """What the hives say of the machine; the truth of a scenario repeats it."""

    machine_guid: str
    machine_sid: str
    computer_name: str = "WEB01"
    dns_domain: str = "contoso.test"
    netbios_domain: str = "CONTOSO"
    domain_sid: str | None = "S-1-5-21-2052111302-1275210071-1644491937"
    product_name: str = "Windows Server 2019 Standard"
    edition: str = "ServerStandard"
    build: str = "17763"
    ubr: int = 5576
    installed: datetime = datetime(2024, 3, 4, 8, 0, tzinfo=UTC)
    image_state: str = "IMAGE_STATE_COMPLETE"
    generalization_state: int = 7
    cleanup_state: int = 2
    clone_tag: str | None = None
    time_zone: str = "W. Europe Standard Time"
    last_shutdown: datetime = datetime(2026, 10, 30, 17, 4, 12, tzinfo=UTC)
    guid_written: datetime | None = None
    secret_set: datetime = datetime(2024, 3, 4, 8, 2, 11, tzinfo=UTC)
    previous_secret_set: datetime | None = None
    lsa_older_keys: int = 0
    service_starts: dict[str, int] = field(default_factory=dict)
    third_party_capi: tuple[str, ...] = ()
    third_party_cng: tuple[str, ...] = ()
    rdp_certificate: str | None = None
    rdp_self_signed: str | None = None


class MachineHives:
    """Hive writers of one machine, filled from its facts."""

    def __init__(self, facts: MachineFacts) -> None:
        self.facts = facts
        when = facts.installed
        config = "\\SystemRoot\\System32\\Config\\"
        self.system = HiveWriter(config + "SYSTEM", when)
        self.software = HiveWriter(config + "SOFTWARE", when)
        self.security = HiveWriter(config + "SECURITY", when)
        self.sam = HiveWriter(config + "SAM", when)
        self.default = HiveWriter(config + "DEFAULT", when)
        self._fill_system()
        self._fill_software()
        self._fill_security()
        account = sid_bytes(facts.machine_sid)[-12:]
        self.sam.key("SAM\\Domains\\Account").binary("V", bytes(0x180) + account)
        self.sam.key("SAM\\Domains\\Builtin\\Aliases")
        self.default.key("Software\\Microsoft\\Cryptography")

    def all(self) -> dict[str, HiveWriter]:
        """Return the hives by file name."""
        return {
            "SYSTEM": self.system,
            "SOFTWARE": self.software,
            "SECURITY": self.security,
            "SAM": self.sam,
            "DEFAULT": self.default,
        }

    def _fill_system(self) -> None:
        facts, hive = self.facts, self.system
        select = hive.key("Select")
        for name, number in {"Current": 1, "Default": 1, "Failed": 0, "LastKnownGood": 1}.items():
            select.dword(name, number)
        control = f"{CONTROL_SET}\\Control"
        hive.key(f"{control}\\ComputerName\\ComputerName").sz("ComputerName", facts.computer_name)
        hive.key(f"{control}\\TimeZoneInformation").sz("TimeZoneKeyName", facts.time_zone)
        hive.key(f"{control}\\Windows").binary("ShutdownTime", filetime_bytes(facts.last_shutdown))
        tcpip = hive.key(f"{CONTROL_SET}\\Services\\Tcpip\\Parameters")
        tcpip.sz("Hostname", facts.computer_name.lower()).sz("NV Hostname", facts.computer_name.lower())
        tcpip.sz("Domain", facts.dns_domain).sz("NV Domain", facts.dns_domain)
        for name, start in (SERVICE_STARTS | facts.service_starts).items():
            service = hive.key(f"{CONTROL_SET}\\Services\\{name}")
            service.dword("Start", start).dword("Type", 32).sz("ObjectName", _ACCOUNTS.get(name, "LocalSystem"))
        for name in (*_CNG_PROVIDERS, *facts.third_party_cng):
            hive.key(f"{control}\\Cryptography\\Providers\\{name}\\UM").sz("Image", "ncryptprov.dll")
        stations = hive.key(f"{control}\\Terminal Server\\WinStations")
        if facts.rdp_self_signed:
            stations.binary("SelfSignedCertificate", bytes.fromhex(facts.rdp_self_signed))
            stations.sz("SelfSignedCertStore", "Remote Desktop")
        listener = hive.key(f"{control}\\Terminal Server\\WinStations\\RDP-Tcp").dword("PortNumber", 3389)
        if facts.rdp_certificate:
            listener.binary("SSLCertificateSHA1Hash", bytes.fromhex(facts.rdp_certificate))
        setup = hive.key("Setup").dword("SystemSetupInProgress", 0).dword("OOBEInProgress", 0).dword("SetupType", 0)
        if facts.clone_tag:
            setup.multi_sz("CloneTag", [facts.clone_tag])
        status = hive.key("Setup\\Status\\SysprepStatus")
        status.dword("GeneralizationState", facts.generalization_state).dword("CleanupState", facts.cleanup_state)

    def _fill_software(self) -> None:
        facts, hive = self.facts, self.software
        cryptography = hive.key("Microsoft\\Cryptography", facts.guid_written)
        cryptography.sz("MachineGuid", facts.machine_guid)
        for name, kind in (_CAPI_PROVIDERS | dict.fromkeys(facts.third_party_capi, 1)).items():
            provider = hive.key(f"Microsoft\\Cryptography\\Defaults\\Provider\\{name}")
            provider.expand_sz("Image Path", "%SystemRoot%\\system32\\rsaenh.dll").dword("Type", kind)
        version = hive.key("Microsoft\\Windows NT\\CurrentVersion")
        version.sz("ProductName", facts.product_name).sz("EditionID", facts.edition).sz("CurrentVersion", "6.3")
        version.sz("CurrentBuild", facts.build).sz("CurrentBuildNumber", facts.build).dword("UBR", facts.ubr)
        version.dword("InstallDate", int(facts.installed.timestamp())).sz("SystemRoot", "C:\\Windows")
        hive.key("Microsoft\\Windows\\CurrentVersion\\Setup\\State").sz("ImageState", facts.image_state)
        for sid, folder in (
            ("S-1-5-18", "%systemroot%\\system32\\config\\systemprofile"),
            ("S-1-5-19", "%systemroot%\\ServiceProfiles\\LocalService"),
            ("S-1-5-20", "%systemroot%\\ServiceProfiles\\NetworkService"),
        ):
            self.add_profile(sid, folder, facts.installed)
        self.add_certificate("ROOT", certs.ca_certificate().thumbprint, certs.store_element(certs.ca_certificate()))

    def _fill_security(self) -> None:
        facts, hive = self.facts, self.security
        hive.key("Policy\\PolAcDmS").set("", REG_NONE, sid_bytes(facts.machine_sid))
        hive.key("Policy\\PolAcDmN").set("", REG_NONE, _unicode_string(facts.computer_name))
        hive.key("Policy\\PolPrDmN").set("", REG_NONE, _unicode_string(facts.netbios_domain))
        if facts.domain_sid:
            hive.key("Policy\\PolPrDmS").set("", REG_NONE, sid_bytes(facts.domain_sid))
        hive.key("Policy\\PolRevision").set("", REG_NONE, struct.pack("<HH", 13, 1))

    def add_profile(self, sid: str, folder: str, when: datetime) -> None:
        """Register a profile in ProfileList."""
        key = self.software.key(f"Microsoft\\Windows NT\\CurrentVersion\\ProfileList\\{sid}", when)
        key.expand_sz("ProfileImagePath", folder).binary("Sid", sid_bytes(sid)).dword("State", 0)

    def add_account(self, rid: int, name: str, boot_key: bytes, nt_hash: bytes | None) -> None:
        """Put a local account into SAM; without hash no password is set."""
        accounts = "SAM\\Domains\\Account"
        self.sam.key(accounts).binary("F", sam.account_value(boot_key))
        user = self.sam.key(f"{accounts}\\Users\\{rid:08X}")
        user.binary("V", sam.user_value(rid, nt_hash)).binary("F", sam.user_state(rid))
        self.sam.key(f"{accounts}\\Users\\Names\\{name}").set("", rid, b"")

    def add_cached_logon(self, number: int, key: bytes, record: bytes) -> None:
        """Put a sign-in of a user of the domain, and the LSA secret that opens it."""
        self.security.key("Policy\\Secrets\\NL$KM\\CurrVal").set("", REG_NONE, key)
        cache = self.security.key("Cache")
        cache.binary("NL$Control", bytes(8)).binary(f"NL${number}", record).binary("NL$10", bytes(96))

    def add_tbal(self, value: bytes) -> None:
        """Put the secret of automatic sign-on after a restart."""
        name = "M$_MSV1_0_TBAL_PRIMARY_{22BE8E5B-58B3-4A87-BA71-41B0ECF3A9EA}"
        self.security.key(f"Policy\\Secrets\\{name}\\CurrVal").set("", REG_NONE, value)

    def add_certificate(self, store: str, thumbprint: str, element: bytes, when: datetime | None = None) -> None:
        """Put a store element into a machine store."""
        path = f"Microsoft\\SystemCertificates\\{store}\\Certificates\\{thumbprint}"
        self.software.key(path, when).binary("Blob", element)

    def add_service_certificate(self, service: str, thumbprint: str, element: bytes) -> None:
        """Put a store element into the personal store of a service."""
        path = f"Microsoft\\Cryptography\\Services\\{service}\\SystemCertificates\\MY\\Certificates\\{thumbprint}"
        self.software.key(path).binary("Blob", element)

    def add_enterprise_certificate(self, store: str, thumbprint: str, element: bytes) -> None:
        """Put a store element into a store that Active Directory fills."""
        path = f"Microsoft\\EnterpriseCertificates\\{store}\\Certificates\\{thumbprint}"
        self.software.key(path).binary("Blob", element)

    def add_policy_certificate(self, store: str, thumbprint: str, element: bytes) -> None:
        """Put a store element into a store that group policy fills."""
        path = f"Policies\\Microsoft\\SystemCertificates\\{store}\\Certificates\\{thumbprint}"
        self.software.key(path).binary("Blob", element)

    def add_boot_key(self, boot_key: bytes) -> None:
        """Write the class names that hold the boot key."""
        for name, text in boot_key_classes(boot_key).items():
            self.system.key(f"{CONTROL_SET}\\Control\\Lsa\\{name}", class_name=text)

    def add_secrets(self, lsa: LsaStore, current: DpapiSystem, previous: DpapiSystem | None) -> None:
        """Write PolEKList and the secret DPAPI_SYSTEM with both generations."""
        older = self.facts.lsa_older_keys
        self.security.key("Policy\\PolEKList").set("", REG_NONE, lsa.pol_ek_list(older_keys=older))
        self._add_dpapi_system(
            lsa.dpapi_system(current, "CurrVal"), lsa.dpapi_system(previous, "OldVal") if previous else b""
        )

    def add_xp_secrets(self, lsa: LsaStore, current: DpapiSystem, previous: DpapiSystem | None) -> None:
        """Write PolSecretEncryptionKey and DPAPI_SYSTEM as XP and Server 2003 do; hives get their older format."""
        for hive in self.all().values():
            hive.minor, hive.leaf = 3, "lf"
        key = lsa.lsa_key[: lsa_xp.LSA_KEY_SIZE]
        value = lsa_xp.pol_secret_encryption_key(lsa.seed, lsa.boot_key, key)
        self.security.key("Policy\\PolSecretEncryptionKey").set("", REG_NONE, value)
        self.security.key("Policy\\PolRevision").set("", REG_NONE, struct.pack("<HH", 9, 1))
        self._add_dpapi_system(
            lsa_xp.dpapi_system(key, current), lsa_xp.dpapi_system(key, previous) if previous else b""
        )

    def _add_dpapi_system(self, current: bytes, old: bytes) -> None:
        facts, hive = self.facts, self.security
        secret = "Policy\\Secrets\\DPAPI_SYSTEM"
        old_time = facts.previous_secret_set or facts.secret_set
        for name, data in {
            "CurrVal": current,
            "OldVal": old,
            "CupdTime": filetime_bytes(facts.secret_set),
            "OupdTime": filetime_bytes(old_time),
        }.items():
            hive.key(f"{secret}\\{name}", facts.secret_set).set("", REG_NONE, data)


def _unicode_string(text: str) -> bytes:
    """Return a self-relative UNICODE_STRING as LSA policy values hold it."""
    data = text.encode("utf-16-le")
    return struct.pack("<HHI", len(data), len(data) + 2, 8) + data + b"\0\0"
