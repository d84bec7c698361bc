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
    "netsh http update sslcert with the new certhash, and the store and appid that the binding has; where that is "
    "refused, delete and add with every value that show sslcert told",
)
IIS = Consumer(
    "IIS",
    SYSTEM,
    "the site's https binding: browsers get a reset connection",
    "IIS Manager > Bindings: select the new certificate; or netsh http update sslcert",
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
    "set SSLCertificateSHA1Hash of Win32_TSGeneralSetting for this listener; the account of TermService needs read on "
    "the new key",
    "TermService",
)
WINRM = Consumer(
    "WinRM",
    SYSTEM,
    "PowerShell remoting and WinRM over HTTPS",
    "set CertificateThumbprint of this listener in place, and Hostname where the new name is another",
)
SQL_SERVER = Consumer(
    "SQL Server",
    None,
    "the SQL Server instance does not start (26014)",
    "select it in SQL Server Configuration Manager (before 2019 only one whose subject is the host's full name is "
    "offered there), or write it into value Certificate under SuperSocketNetLib, on a cluster on every node; give the "
    "service's account read on the key, restart the instance",
)
SSTP = Consumer(
    "SSTP",
    SYSTEM,
    "SSTP tunnels to this VPN server (RasSstp 18, 21)",
    "Set-RemoteAccess -SslCertificate, then restart RemoteAccess, which ends open tunnels",
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
    "put the new one into the store in which the old one is (where NTDS has one, My is not asked), then set "
    "renewServerCertificate=1 on rootDSE",
)
ENTRA_JOIN = Consumer(
    "Entra join",
    SYSTEM,
    "the device's identity: primary refresh token, single sign-on, device-based Conditional Access",
    "first have a local administrator's password and the BitLocker recovery key: work accounts cannot sign in "
    "meanwhile; then Entra joined: dsregcmd /forcerecovery; hybrid joined: dsregcmd /debug /leave as administrator, "
    "sign out and in",
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
    "store SMS: restart CcmExec, which makes its own; store MY: enrol a client authentication certificate, then "
    "restart CcmExec",
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
    "put the new one with its key on the WDS server (store FVE_NKP), then deploy it by group policy; the old one stays "
    "on the server until every client has started once",
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
