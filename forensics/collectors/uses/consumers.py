"""What each consumer is called, which account reads its key, what breaks without it, and how another one is set.

References:
    Microsoft Learn, netsh http; Add a listener certificate (Remote Desktop); winrm; SQL Server: Configure SQL Server
    Database Engine for encrypting connections; Set-RemoteAccess; LDAP over SSL certificates; dsregcmd; MOMCertImport.
"""

from __future__ import annotations

from forensics.late_methods import dataclass
from forensics.tables.use import ConsumerName

SYSTEM = "S-1-5-18"
NETWORK_SERVICE = "S-1-5-20"


@dataclass(frozen=True, slots=True)
class Consumer:
    """A kind of service, setting or profile that uses certificates.

    Attributes:
        name: Value of column ``consumer``.
        account: SID that reads the private key; None where it depends on the machine, or no private key is read.
        breaks: What stops working.
        repair: How another certificate is set.
        service: Service that reads the private key; None where it is another one on each machine, or LSASS.
    """

    name: ConsumerName
    account: str | None
    breaks: str
    repair: str
    service: str | None = None


HTTP_SYS = Consumer(
    "http.sys",
    # TLS is done by LSASS, not by the process behind the binding.
    SYSTEM,
    "TLS handshakes on this binding are reset (Schannel 36870)",
    "netsh http delete sslcert, then netsh http add sslcert with the same appid and the new certhash",
)
IIS = Consumer(
    "IIS",
    SYSTEM,
    "the site's https binding: browsers get a reset connection",
    "IIS Manager > Bindings > select the new certificate, or netsh http add sslcert with IIS' appid",
)
IIS_METABASE = Consumer(
    "IIS metabase",
    None,
    "nothing by itself: IIS may write this old hash back into the binding and undo a renewal (HttpEvent 15300)",
    "remove property 5506 from customMetadata in applicationHost.config",
)
RDP = Consumer(
    "RDP",
    NETWORK_SERVICE,
    "Remote Desktop connections to this machine (1055, Schannel 36870)",
    "grant the account of TermService read on the key, or delete SSLCertificateSHA1Hash and restart TermService",
    "TermService",
)
WINRM = Consumer(
    "WinRM",
    SYSTEM,
    "PowerShell remoting and WinRM over HTTPS",
    "winrm delete the HTTPS listener and create it again with the new CertificateThumbprint",
)
SQL_SERVER = Consumer(
    "SQL Server",
    None,
    "the SQL Server instance does not start (26014)",
    "grant the service account read on the key, set the certificate in SQL Server Configuration Manager, restart; "
    "on a cluster on every node",
)
SSTP = Consumer(
    "SSTP",
    SYSTEM,
    "SSTP tunnels to this VPN server (RasSstp 18, 21)",
    "Set-RemoteAccess -SslCertificate, then restart RemoteAccess",
)
IKEV2 = Consumer(
    "IKEv2",
    SYSTEM,
    "IKEv2 tunnels to this VPN server (13801, 13806)",
    "enrol a certificate with serverAuth and IP security IKE intermediate, restart RemoteAccess",
)
NPS = Consumer(
    "NPS",
    SYSTEM,
    "every 802.1X or VPN logon that this network policy answers",
    "select the certificate again in the EAP settings of the policy, restart IAS",
)
LDAPS = Consumer(
    "LDAPS",
    SYSTEM,
    "LDAP over TLS on 636 and 3269 of this domain controller",
    "put the new certificate into the NTDS store or My, then set renewServerCertificate=1 on rootDSE",
)
ENTRA_JOIN = Consumer(
    "Entra join",
    SYSTEM,
    "the device's identity: primary refresh token, single sign-on, device-based Conditional Access",
    "dsregcmd /leave, then join again",
)
WORKPLACE_JOIN = Consumer(
    "Workplace join",
    None,
    "the registration of this user's work account on the device",
    "disconnect the work or school account in Settings and add it again",
)
MDM = Consumer(
    "MDM",
    SYSTEM,
    "device management: no more sync with Intune or another MDM server",
    "correct SslClientCertReference where only the reference is wrong, else enrol the device again",
)
EFS = Consumer(
    "EFS",
    None,
    "this user's encrypted files cannot be opened without a backup of the key or a recovery agent; "
    "an expired certificate loses nothing",
    "import the PFX backup; then cipher /u brings the files to the current key",
)
EFS_RECOVERY = Consumer(
    "EFS recovery agent",
    None,
    "recovery of encrypted files; after it has expired no new files can be encrypted",
    "renew the recovery certificate in group policy and keep the old one with its key; then cipher /u",
)
WLAN = Consumer(
    "WLAN", SYSTEM, "logon to this wireless network (EAP-TLS)", "enrol a client certificate over another network"
)
LAN = Consumer(
    "LAN", SYSTEM, "802.1X logon to the wired network (EAP-TLS)", "enrol a client certificate over another network"
)
VPN = Consumer("VPN", None, "this VPN connection (EAP-TLS)", "enrol a client certificate, select it in the connection")
CONFIG_MGR = Consumer(
    "ConfigMgr client",
    SYSTEM,
    "the Configuration Manager client: no policy, no software, no inventory",
    "stop CcmExec, delete SMSCFG.INI and the certificates of store SMS, start CcmExec",
)
SCOM = Consumer(
    "SCOM agent",
    None,
    "the Operations Manager agent, from its next restart on",
    "MOMCertImport with the new certificate, restart HealthService",
)
WEB_MANAGEMENT = Consumer(
    "IIS Web Management Service",
    SYSTEM,
    "remote administration of IIS (8172)",
    "select the certificate in IIS Manager > Management Service, restart WMSVC",
)
NETWORK_UNLOCK = Consumer(
    "BitLocker Network Unlock",
    None,
    "unlocking of the system drive by the network at boot: the recovery key or PIN is asked for",
    "deploy the new Network Unlock certificate by group policy",
)
BITLOCKER_AGENT = Consumer(
    "BitLocker recovery agent",
    None,
    "recovery of BitLocker volumes by certificate",
    "deploy the new recovery certificate by group policy, then manage-bde -SetIdentifier",
)
WSUS_SIGNING = Consumer(
    "WSUS signing",
    None,
    "signing of locally published updates",
    "create or import a signing certificate in the WSUS publishing tool and deploy it to the clients",
)
SERVICE = Consumer(
    "service",
    None,
    "what this service does with a certificate and its key",
    "in the service's own settings; a service's own store by MMC > Certificates > Service account",
)
DSC = Consumer(
    "DSC",
    SYSTEM,
    "Desired State Configuration: encrypted credentials in its documents cannot be opened",
    "set CertificateID of the Local Configuration Manager, compile the configuration for the new certificate",
)
