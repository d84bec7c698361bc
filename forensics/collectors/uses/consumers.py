"""What each consumer is called, which account reads its key, what breaks without it, and how another one is set.

References:
    Microsoft Learn, netsh http; Add a listener certificate (Remote Desktop); winrm; SQL Server: Configure SQL Server
    Database Engine for encrypting connections; Set-RemoteAccess; LDAP over SSL certificates; dsregcmd; MOMCertImport;
    Virtualization team blog, 2009-03-02: Fix for Cert Error on Hyper-V (what ends with the certificate of vmms).
"""

from __future__ import annotations

from forensics.language import sentence
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
    sentence("TLS handshakes on this binding are reset (Schannel 36870)"),
    sentence(
        "netsh http update sslcert with the new certhash, and the store and appid that the binding "
        "has; where that is refused, delete and add with every value that show sslcert told"
    ),
)
IIS = Consumer(
    "IIS",
    SYSTEM,
    sentence("the site's https binding: browsers get a reset connection"),
    sentence("IIS Manager > Bindings: select the new certificate; or netsh http update sslcert"),
)
IIS_METABASE = Consumer(
    "IIS metabase",
    None,
    sentence(
        "nothing by itself: IIS may write this old hash back into the binding and undo a renewal (HttpEvent 15300)"
    ),
    sentence("remove property 5506 from customMetadata in applicationHost.config"),
)
RDP = Consumer(
    "RDP",
    NETWORK_SERVICE,
    sentence("Remote Desktop connections to this machine (1055, Schannel 36870)"),
    sentence(
        "set SSLCertificateSHA1Hash of Win32_TSGeneralSetting for this listener; the account of "
        "TermService needs read on the new key"
    ),
    "TermService",
)
WINRM = Consumer(
    "WinRM",
    SYSTEM,
    sentence("PowerShell remoting and WinRM over HTTPS"),
    sentence("set CertificateThumbprint of this listener in place, and Hostname where the new name is another"),
)
SQL_SERVER = Consumer(
    "SQL Server",
    None,
    sentence("the SQL Server instance does not start (26014)"),
    sentence(
        "select it in SQL Server Configuration Manager (before 2019 only one whose subject is the "
        "host's full name is offered there), or write it into value Certificate under "
        "SuperSocketNetLib, on a cluster on every node; give the service's account read on the key, "
        "restart the instance"
    ),
)
SSTP = Consumer(
    "SSTP",
    SYSTEM,
    sentence("SSTP tunnels to this VPN server (RasSstp 18, 21)"),
    sentence("Set-RemoteAccess -SslCertificate, then restart RemoteAccess, which ends open tunnels"),
)
IKEV2 = Consumer(
    "IKEv2",
    SYSTEM,
    sentence("IKEv2 tunnels to this VPN server (13801, 13806)"),
    sentence("enrol a certificate with serverAuth and IP security IKE intermediate, restart RemoteAccess"),
)
NPS = Consumer(
    "NPS",
    SYSTEM,
    sentence("every 802.1X or VPN logon that this network policy answers"),
    sentence("select the certificate again in the EAP settings of the policy, restart IAS"),
)
LDAPS = Consumer(
    "LDAPS",
    SYSTEM,
    sentence("LDAP over TLS on 636 and 3269 of this domain controller"),
    sentence(
        "put the new one into the store in which the old one is (where NTDS has one, My is not "
        "asked), then set renewServerCertificate=1 on rootDSE"
    ),
)
ENTRA_JOIN = Consumer(
    "Entra join",
    SYSTEM,
    sentence("the device's identity: primary refresh token, single sign-on, device-based Conditional Access"),
    sentence(
        "first have a local administrator's password and the BitLocker recovery key: work accounts "
        "cannot sign in meanwhile; then Entra joined: dsregcmd /forcerecovery; hybrid joined: "
        "dsregcmd /debug /leave as administrator, sign out and in"
    ),
)
WORKPLACE_JOIN = Consumer(
    "Workplace join",
    None,
    sentence("the registration of this user's work account on the device"),
    sentence("disconnect the work or school account in Settings and add it again"),
)
MDM = Consumer(
    "MDM",
    SYSTEM,
    sentence("device management: no more sync with Intune or another MDM server"),
    sentence("correct SslClientCertReference where only the reference is wrong, else enrol the device again"),
)
EFS = Consumer(
    "EFS",
    None,
    sentence(
        "this user's encrypted files cannot be opened without a backup of the key or a recovery "
        "agent; an expired certificate loses nothing"
    ),
    sentence("import the PFX backup; then cipher /u brings the files to the current key"),
)
EFS_RECOVERY = Consumer(
    "EFS recovery agent",
    None,
    sentence("recovery of encrypted files; after it has expired no new files can be encrypted"),
    sentence("renew the recovery certificate in group policy and keep the old one with its key; then cipher /u"),
)
WLAN = Consumer(
    "WLAN",
    SYSTEM,
    sentence("logon to this wireless network (EAP-TLS)"),
    sentence("enrol a client certificate over another network"),
)
LAN = Consumer(
    "LAN",
    SYSTEM,
    sentence("802.1X logon to the wired network (EAP-TLS)"),
    sentence("enrol a client certificate over another network"),
)
VPN = Consumer(
    "VPN",
    None,
    sentence("this VPN connection (EAP-TLS)"),
    sentence("enrol a client certificate, select it in the connection"),
)
CONFIG_MGR = Consumer(
    "ConfigMgr client",
    SYSTEM,
    sentence("the Configuration Manager client: no policy, no software, no inventory"),
    sentence(
        "store SMS: restart CcmExec, which makes its own; store MY: enrol a client authentication "
        "certificate, then restart CcmExec"
    ),
)
SCOM = Consumer(
    "SCOM agent",
    None,
    sentence("the Operations Manager agent, from its next restart on"),
    sentence("MOMCertImport with the new certificate, restart HealthService"),
)
WEB_MANAGEMENT = Consumer(
    "IIS Web Management Service",
    SYSTEM,
    sentence("remote administration of IIS (8172)"),
    sentence("select the certificate in IIS Manager > Management Service, restart WMSVC"),
)
NETWORK_UNLOCK = Consumer(
    "BitLocker Network Unlock",
    None,
    sentence("unlocking of the system drive by the network at boot: the recovery key or PIN is asked for"),
    sentence(
        "put the new one with its key on the WDS server (store FVE_NKP), then deploy it by group "
        "policy; the old one stays on the server until every client has started once"
    ),
)
BITLOCKER_AGENT = Consumer(
    "BitLocker recovery agent",
    None,
    sentence("recovery of BitLocker volumes by certificate"),
    sentence("deploy the new recovery certificate by group policy, then manage-bde -SetIdentifier"),
)
WSUS_SIGNING = Consumer(
    "WSUS signing",
    None,
    sentence("signing of locally published updates"),
    sentence("create or import a signing certificate in the WSUS publishing tool and deploy it to the clients"),
)
SERVICE = Consumer(
    "service",
    None,
    sentence("what this service does with a certificate and its key"),
    sentence("in the service's own settings; a service's own store by MMC > Certificates > Service account"),
)
HYPER_V_MANAGEMENT = Consumer(
    "service",
    SYSTEM,
    sentence("likely connections to the consoles of virtual machines (vmconnect) alone; running machines go on"),
    sentence("restart the service vmms: likely it makes itself another one; running machines go on"),
    "vmms",
)
DSC = Consumer(
    "DSC",
    SYSTEM,
    sentence("Desired State Configuration: encrypted credentials in its documents cannot be opened"),
    sentence("set CertificateID of the Local Configuration Manager, compile the configuration for the new certificate"),
)
