"""What every ordinary Windows has, and short ways to give it the certificates of a role.

References:
    Microsoft Learn: Remote Desktop listener certificate configurations; Active Directory domain services and computer
    certificates; KB278381 (default permissions of MachineKeys). File names of the containers that Windows makes: format
    notes, "CAPI key file".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from cryptography.x509 import ObjectIdentifier

from testdata.builder import acl, certs, evtx
from testdata.builder.capi import Slot
from testdata.builder.certs import CAPI_ENHANCED, CNG_SOFTWARE, Certificate, make_certificate
from testdata.builder.cng import CngKey
from testdata.builder.dpapi import DpapiSystem
from testdata.builder.folders import LOCAL_SERVICE, LOCAL_SYSTEM, MACHINE, NETWORK_SERVICE, Owner, service
from testdata.builder.keys import rsa_key
from testdata.builder.machine import ForgedMachine, capi_link, cng_link, machine
from testdata.builder.machine_hives import CONTROL_SET
from testdata.builder.names import capi_file_name
from testdata.builder.pcpkey import pcp_blob
from testdata.builder.seeded import Seeded
from testdata.builder.tpm import TEMPLATES, add_tpm, spki

SERVER_2019 = ("Windows Server 2019 Standard", "ServerStandard", "17763", 6414)
SERVER_2022 = ("Windows Server 2022 Standard", "ServerStandard", "20348", 2762)
SERVER_2025 = ("Windows Server 2025 Standard", "ServerStandard", "26100", 2314)
WINDOWS_10_LTSC = ("Windows 10 Enterprise LTSC 2021", "EnterpriseS", "19044", 5131)
WINDOWS_11 = ("Windows 10 Pro", "Professional", "26100", 2314)

INSTALLED = datetime(2024, 3, 4, 8, 0, tzinfo=UTC)
LAST_SHUTDOWN = datetime(2026, 11, 20, 17, 4, 12, tzinfo=UTC)
HALF_A_YEAR = timedelta(days=183)
IIS = UUID("4dc3e181-e14b-4a21-b022-59fc669b0914")
EFS_RECOVERY = ObjectIdentifier("1.3.6.1.4.1.311.10.3.4.1")

SMS = ObjectIdentifier("1.3.6.1.4.1.311.101")

SERVICES = f"{CONTROL_SET}\\Services"
TICKS_PER_DAY = 864_000_000_000
AUTO_ENROLLMENT = 0x20
_PROVIDER_TYPES = {CAPI_ENHANCED: 1, certs.CAPI_SCHANNEL: 12}
_HAVE_SERVICE_SID = ("CryptSvc", "SessionEnv", "TermService", "WinRM")


def day(text: str) -> datetime:
    """Return a moment in UTC, midnight where only a day is given."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Planted:
    """What is to be said of the one fault.

    Attributes:
        rule: Its rule.
        severity: Of the finding.
        subject: Id of a subject of the finding.
        follows: Rules above ``low`` that may hang under that finding.
    """

    rule: str
    severity: str
    subject: str
    follows: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Ordinary:
    """An ordinary machine, and what its planted fault is; a healthy one has none."""

    role: str
    machine: ForgedMachine = field(repr=False)
    planted: Planted | None = None


class Windows:
    """An ordinary Windows under construction.

    Args:
        name: Computer name.
        product: ProductName, EditionID, build, UBR.
        in_domain: A member of contoso.test, else of a workgroup.
        takes_connections: Remote Desktop is switched on.
        agent_until: When the domain's recovery agent of EFS ends.
        facts: Further facts of the machine.
    """

    def __init__(
        self,
        name: str,
        product: tuple[str, str, str, int],
        *,
        in_domain: bool = True,
        takes_connections: bool = True,
        agent_until: str = "2124-02-09",
        **facts: Any,
    ) -> None:
        self.name = name
        self.host = f"{name.lower()}.contoso.test" if in_domain else name.lower()
        self._keys: Iterator[str] = (f"2048-{number:02}" for number in range(1, 31))
        since = max(day("2026-08-20"), facts.get("installed", INSTALLED))
        listener = self._self_signed(since)
        given: dict[str, Any] = dict(zip(("product_name", "edition", "build", "ubr"), product, strict=True))
        given |= {"installed": INSTALLED, "last_shutdown": LAST_SHUTDOWN, "rdp_self_signed": listener.thumbprint}
        if not in_domain:
            given |= {"dns_domain": "", "netbios_domain": "WORKGROUP", "domain_sid": None}
        given |= {"computer_name": name, "machine_guid": Seeded(name).guid()}
        # One secret for all: what is stretched from it takes longer than all the rest.
        self.machine = machine("ordinary", **(given | facts))
        self.system, self.software = self.machine.hives.system, self.machine.hives.software
        self._accounts()
        self._master_keys()
        self._listener(listener, takes_connections)
        self._authorities()
        for name in _HAVE_SERVICE_SID:
            self.system.key(f"{SERVICES}\\{name}").dword("ServiceSidType", 1)
        self.container_of_windows("NetFrameworkConfigurationKey")
        if in_domain:
            self._directory()
            self.agent = self._recovery_agent(agent_until)

    # --- what all have

    def _accounts(self) -> None:
        sam = self.machine.hives.sam
        for name, rid in (("Administrator", 500), ("Guest", 501), ("DefaultAccount", 503)):
            sam.key(f"SAM\\Domains\\Account\\Users\\Names\\{name}").set("", rid, b"")

    def _master_keys(self) -> None:
        """Master keys of other quarters beside the first, those of services, and a secret that was set anew."""
        forged = self.machine
        forged.previous = DpapiSystem.seeded("ordinary, in the setup")
        for owner in (MACHINE, LOCAL_SYSTEM):
            for quarter in ("2025-06-02", "2026-08-31"):
                forged.add_master_key(owner, quarter, created=max(day(quarter), self.machine.facts.installed))
        for sid in (LOCAL_SERVICE, NETWORK_SERVICE):
            forged.add_master_key(service(sid))

    def _directory(self) -> None:
        """What Active Directory hands out: authorities for logon and for chains, those that ended too."""
        hives = self.machine.hives
        for since, until in (("2012-06-01", "2022-06-01"), ("2020-01-01", "2040-01-01")):
            issuing = self.authority("Contoso Issuing CA", since, until)
            for store in ("NTAuth", "CA"):
                hives.add_enterprise_certificate(store, issuing.thumbprint, certs.store_element(issuing))
        publisher = self.authority("Contoso code", "2023-01-01", "2026-01-01")
        hives.add_policy_certificate("TrustedPublisher", publisher.thumbprint, certs.store_element(publisher))

    def _listener(self, certificate: Certificate, takes_connections: bool) -> None:
        """The listener's own certificate, of half a year, made anew by SessionEnv in time."""
        terminal = self.system.key(f"{CONTROL_SET}\\Control\\Terminal Server")
        terminal.dword("fDenyTSConnections", int(not takes_connections))
        self.put(certificate, container="TSSecKeySet1", store="Remote Desktop", sd=acl.RDP_KEY_SD)
        made = certificate.x509.not_valid_before_utc
        if self.machine.facts.installed < made - HALF_A_YEAR:
            before = self._self_signed(made - HALF_A_YEAR)
            self.put(before, container="TSSecKeySet1", store="Remote Desktop", written=False)
        event = evtx.rdp_certificate_created(self.host, bytes.fromhex(certificate.thumbprint), made)
        self.machine.write("Windows/System32/winevt/Logs/System.evtx", evtx.event_log([event]))

    def _self_signed(self, since: datetime) -> Certificate:
        return make_certificate(
            self.host, rsa_key(next(self._keys)), not_before=since, not_after=since + HALF_A_YEAR, self_signed=True
        )

    def _authorities(self) -> None:
        """Roots that Windows brings along and needs although they ended, and one that nobody trusts."""
        for name, since, until in (
            ("Microsoft Root Authority", "1997-01-10", "2020-12-31"),
            ("Thawte Timestamping CA", "1997-01-01", "2020-12-31"),
            ("Microsoft Root Certificate Authority 2011", "2011-03-22", "2036-03-22"),
        ):
            root = self.authority(name, since, until)
            self.machine.hives.add_certificate("ROOT", root.thumbprint, certs.store_element(root))
        agency = certs.signed_with_sha1(self.authority("Root Agency", "1996-05-28", "2039-12-31", key="1024-01"))
        self.machine.hives.add_certificate("CA", agency.thumbprint, certs.store_element(agency))
        stolen = make_certificate(
            "login.live.com", rsa_key("ca"), not_before=day("2011-03-15"), not_after=day("2014-03-14")
        )
        self.machine.hives.add_certificate("Disallowed", stolen.thumbprint, certs.store_element(stolen))

    def authority(self, name: str, since: str, until: str, key: str = "ca") -> Certificate:
        """Return the certificate of an authority somewhere else."""
        return make_certificate(
            name, rsa_key(key), not_before=day(since), not_after=day(until), eku=(), is_ca=True, self_signed=key == "ca"
        )

    def _recovery_agent(self, until: str) -> Certificate:
        """Have the domain hand out its recovery agent of EFS, whose key lies with the domain's first Administrator."""
        agent = make_certificate(
            "Administrator",
            rsa_key("ca"),
            not_before=day("2019-03-04"),
            not_after=day(until),
            eku=[EFS_RECOVERY],
            self_signed=True,
        )
        link = capi_link("b1a9c3d2-5d5e-4b6a-9c59-0ef500000001", CAPI_ENHANCED, machine_keyset=False)
        element = certs.store_element(agent, link=link)
        self.machine.hives.add_policy_certificate("EFS", agent.thumbprint, element)
        return agent

    def container_of_windows(self, name: str, **options: Any) -> str:
        """Put a key that Windows or .NET makes for itself and no certificate names; returns its path."""
        return self.machine.put_capi(name, exchange=Slot(rsa_key(next(self._keys)), **options))

    # --- certificates

    def issue(self, name: str, since: str, until: str, **options: Any) -> Certificate:
        """Return a certificate for the next key; ``options`` are those of :func:`make_certificate`."""
        key = rsa_key(options.pop("key", None) or next(self._keys))
        return make_certificate(name, key, not_before=day(since), not_after=day(until), **options)

    def put(
        self,
        certificate: Certificate,
        *,
        container: str | None = None,
        cng: bool = False,
        written: bool = True,
        sd: bytes | None = None,
        store: str = "MY",
        owner: Owner = MACHINE,
        created: datetime | None = None,
        provider: str = CAPI_ENHANCED,
        service: str | None = None,
        **properties: Any,
    ) -> Certificate:
        """Put a certificate with its key; returns the certificate.

        Args:
            certificate: What to put.
            container: Key container.
            cng: The key lies in the software key storage provider, else in CryptoAPI.
            written: False leaves the key file out.
            sd: Security descriptor of the key file.
            store: Store.
            owner: Whose store and key.
            created: When the key was made; when the certificate begins if not given.
            provider: CryptoAPI provider.
            service: Service whose personal store it is.
            properties: Further properties of the store element.
        """
        made = created or max(certificate.x509.not_valid_before_utc, INSTALLED)
        name = container or f"te-{certificate.thumbprint.lower()[:8]}-{self.name.lower()}"
        forged = self.machine
        if cng:
            link = cng_link(name, CNG_SOFTWARE, machine_keyset=owner.shared)
            if written:
                forged.put_cng(name, CngKey.rsa(certificate.key), owner=owner, sd=sd, created=made)  # type: ignore[arg-type]
        else:
            link = capi_link(name, provider, machine_keyset=owner.shared, type_=_PROVIDER_TYPES[provider])
            if written:
                slot = Slot(certificate.key)  # type: ignore[arg-type]
                forged.put_capi(name, exchange=slot, owner=owner, sd=sd, created=made)
        forged.put_certificate(
            certificate, link=link, store=store, owner=owner, service=service, when=made, **properties
        )
        return certificate

    def slot(self, certificate: Certificate | None = None) -> Slot:
        """Return the key of a certificate, or a key of none, for the exchange slot of a container."""
        key = certificate.key if certificate else rsa_key(next(self._keys))
        return Slot(key)  # type: ignore[arg-type]

    def damage(self, container: str) -> None:
        """Overwrite a part of the private half in the key file of a CryptoAPI container."""
        path = f"{MACHINE.capi_folder}/{capi_file_name(container, self.machine.suffix)}"
        self.machine.change(path, lambda data: data[:-500] + bytes(64) + data[-436:])

    def put_elsewhere(self, certificate: Certificate, provider: str, container: str, owner: Owner = MACHINE) -> None:
        """Put a certificate whose key is kept by a provider of a third party."""
        link = cng_link(container, provider, machine_keyset=owner.shared)
        self.machine.put_certificate(certificate, link=link, owner=owner)

    def put_in_tpm(self, certificate: Certificate, container: str) -> Certificate:
        """Put a certificate whose key the TPM keeps; returns the certificate."""
        self.machine.put_tpm(container, "RSA", pcp_blob(self.name, certificate.key))
        made = max(certificate.x509.not_valid_before_utc, INSTALLED)
        self.machine.put_certificate(certificate, link=cng_link(container, certs.CNG_TPM), when=made)
        return certificate

    def enrolled(self, template: str, since: str, until: str, **options: Any) -> Certificate:
        """Put what auto-enrolment got for this computer from a template; options as for issue and put."""
        placed = {
            name: options.pop(name)
            for name in ("container", "cng", "written", "sd", "provider", "archived", "renewal_of", "friendly_name")
            if name in options
        }
        usages = options.pop("eku", [certs.CLIENT_AUTH, certs.SERVER_AUTH])
        return self.put(self.issue(self.host, since, until, template=template, eku=usages, **options), **placed)

    # --- settings

    def tpm(self, maker: str = "Dell Inc.", model: str = "Latitude 7450") -> None:
        """Say that there is a TPM, the one that its keys were made with."""
        key = spki(rsa_key("3072-01"))
        add_tpm(self.machine, ek_pub=key, last_ek_pub=key, provisioned=INSTALLED, maker=maker, model=model)

    def config_mgr_client(self) -> Certificate:
        """Install a client of Configuration Manager; returns the certificate that it signs with."""
        self.service("CcmExec")
        made = []
        for purpose, days in (("Signing", 10), ("Encryption", 11)):
            until = f"2124-02-{days}"
            certificate = self.issue("SMS", "2024-03-05", until, self_signed=True, eku=[SMS], dns=[self.host])
            self.put(
                certificate, store="SMS", friendly_name=f"SMS {purpose} Certificate", container=f"SMS {purpose.lower()}"
            )
            made.append(certificate)
        text = f"SMS Unique Identifier=GUID:6A1C\r\nSMS Certificate Identifier=SMS;{made[0].thumbprint}\r\n"
        self.machine.write("Windows/SMSCFG.INI", f"[Configuration - Client Properties]\r\n{text}".encode())
        return made[0]

    def service(self, name: str, account: str = "LocalSystem", sid_type: int = 1, start: int = 2) -> None:
        """Register a service."""
        key = self.system.key(f"{SERVICES}\\{name}").dword("Start", start).dword("Type", 16)
        key.sz("ObjectName", account).dword("ServiceSidType", sid_type)

    def auto_enrolment(self, *templates: str, overlap: int = 42) -> None:
        """Switch auto-enrolment on by policy, with templates that renew so many days before the end."""
        for name in templates:
            key = self.software.key(f"{TEMPLATES}\\{name}").dword("msPKI-Enrollment-Flag", AUTO_ENROLLMENT)
            key.binary("RenewalOverlap", struct.pack("<q", -overlap * TICKS_PER_DAY))
        self.software.key("Policies\\Microsoft\\Cryptography\\AutoEnrollment").dword("AEPolicy", 7)

    def bind(
        self, endpoint: str, thumbprint: str, *, store: str = "MY", application: UUID = IIS, by_name: bool = False
    ) -> None:
        """Have http.sys serve a certificate at an address, or at a host name (SNI)."""
        parent = "SslSniBindingInfo" if by_name else "SslBindingInfo"
        key = self.system.key(f"{SERVICES}\\HTTP\\Parameters\\{parent}\\{endpoint}")
        key.binary("SslCertHash", bytes.fromhex(thumbprint)).binary("AppId", application.bytes_le)
        key.sz("SslCertStoreName", store).dword("DefaultFlags", 0)

    def daily(self, name: str, until: datetime, count: int) -> None:
        """Put the certificates that Entra ID gave for a day each; of the older ones the keys are gone."""
        for number in range(count):
            ends = until - timedelta(days=number)
            certificate = make_certificate(
                name,
                rsa_key(f"2048-{29 - number % 9}" if number else "2048-30"),
                not_before=ends - timedelta(days=1),
                not_after=ends,
                issuer=f"MS-Organization-P2P-Access [{ends.year}]",
            )
            self.put(certificate, cng=True, written=number == 0)
