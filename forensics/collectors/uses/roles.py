"""What the roles of servers are called whose certificates Windows or a product keeps for them, as ``consumers`` does.

References:
    Microsoft KB842210 (CertSvc and its certificates); Learn, certutil; Maintain (including renew) the Exchange Server
    OAuth certificate; Renew the federation certificate; Network Device Enrollment Service; Set-AdfsCertificate;
    Install-WebApplicationProxy; Configure LDAP over SSL for AD LDS; wsusutil configuressl;
    Set-WACCertificateSubjectName; aspnet_regiis and appcmd (encrypted configuration).
"""

from __future__ import annotations

from forensics.collectors.uses.consumers import NETWORK_SERVICE, SYSTEM, Consumer
from forensics.language import sentence

AD_CS = Consumer(
    "AD CS",
    SYSTEM,
    sentence("the certification authority: CertSvc does not start, no certificates and no revocation lists are issued"),
    sentence(
        "certutil -renewCert, with ReuseKeys for the same key; restart CertSvc, keep every earlier "
        "certificate and its key"
    ),
    "CertSvc",
)
AD_CS_EARLIER = Consumer(
    "AD CS (earlier generation)",
    SYSTEM,
    sentence(
        "the certification authority: CertSvc opens every generation that CACertHash lists, the "
        "ended ones too, and does not start without one"
    ),
    sentence("nothing is renewed: keep it and its key as long as the authority is there"),
    "CertSvc",
)
EXCHANGE_AUTH = Consumer(
    "Exchange Auth",
    SYSTEM,
    sentence(
        "sign-in to OWA and ECP, and what Exchange servers ask of each other and of Microsoft 365 (OAuth, hybrid)"
    ),
    sentence(
        "New-ExchangeCertificate with the subject CN=Microsoft Exchange Server Auth Certificate, "
        "then Set-AuthConfig -NewCertificateThumbprint with -NewCertificateEffectiveDate, "
        "Set-AuthConfig -PublishCertificate, Set-AuthConfig -ClearPreviousCertificate; restart "
        "MSExchangeServiceHost, recycle MSExchangeOWAAppPool and MSExchangeECPAppPool"
    ),
)
EXCHANGE = Consumer(
    "Exchange",
    NETWORK_SERVICE,
    sentence("mail between Exchange servers, and the back end of its web services"),
    sentence("New-ExchangeCertificate, then Enable-ExchangeCertificate with the services of the old one"),
    "MSExchangeTransport",
)
EXCHANGE_FEDERATION = Consumer(
    "Exchange federation",
    SYSTEM,
    sentence(
        "sharing of calendars and free/busy times with other organizations over the federation "
        "trust, where there is one"
    ),
    sentence(
        "while it is valid: New-ExchangeCertificate with -DomainName Federation, -Services "
        "Federation, a -SubjectKeyIdentifier of its own and -PrivateKeyExportable $true, "
        "Set-FederationTrust with -Thumbprint of the new one, the new TXT records of "
        "Get-FederatedDomainProof, Test-FederationTrustCertificate, Set-FederationTrust "
        "-PublishFederationCertificate. Once it has ended: Remove-FederatedDomain, "
        "Remove-FederationTrust, and a new trust with a new certificate"
    ),
)
NDES = Consumer(
    "NDES",
    None,
    sentence("enrolment by SCEP: network devices and what Intune enrols through this server get no certificates"),
    sentence(
        "request both certificates of the registration authority anew, from the templates CEP "
        "Encryption and Exchange Enrollment Agent (Offline request); give the account of the SCEP "
        "pool read on the keys, restart IIS"
    ),
)
AD_FS = Consumer(
    "AD FS",
    None,
    sentence("sign-in through this federation service"),
    sentence(
        "Set-AdfsSslCertificate for TLS, on the primary server (2012 R2: on every server), "
        "Set-AdfsCertificate for the service and its tokens; give the account of adfssrv read on the "
        "key, restart adfssrv"
    ),
    "adfssrv",
)
WEB_APPLICATION_PROXY = Consumer(
    "Web Application Proxy",
    None,
    sentence("the trust between this proxy and AD FS: nothing that it publishes is reached"),
    sentence(
        "Install-WebApplicationProxy with the federation service's name and the thumbprint of its TLS certificate"
    ),
    "appproxysvc",
)
AD_LDS = Consumer(
    "AD LDS",
    None,
    sentence("LDAP over TLS of this instance"),
    sentence(
        "put the new one into the store in which the old one is (the service's own before My), give "
        "the service's account read on the key, restart it"
    ),
)
WSUS = Consumer(
    "WSUS",
    SYSTEM,
    sentence("updates: clients and downstream servers do not reach WSUS over TLS"),
    sentence("bind the new certificate to the site WSUS Administration, then wsusutil configuressl with its name"),
)
ADMIN_CENTER = Consumer(
    "Windows Admin Center",
    None,
    sentence("Windows Admin Center: browsers get no connection"),
    sentence(
        "Set-WACCertificateSubjectName, then Set-WACCertificateAcl (for a CNG key give the service's "
        "account read yourself), restart the service"
    ),
)
AZURE_GUEST_AGENT = Consumer(
    "Azure guest agent",
    SYSTEM,
    sentence("protected settings of the extensions of this Azure virtual machine cannot be opened"),
    sentence("restart WindowsAzureGuestAgent: the agent asks the platform for another one"),
)
IIS_CONFIGURATION_KEY = Consumer(
    "IIS configuration key",
    None,
    sentence(
        "what is encrypted in the configuration cannot be read (500.19, 0x80090005); pools with "
        "identities of their own do not start"
    ),
    sentence(
        "set the passwords again in IIS Manager or with appcmd: they are encrypted anew, with a key of this machine"
    ),
)
APPLICATION = Consumer(
    "application",
    None,
    sentence("what reads this file: a site or service with settings of its own"),
    sentence(
        "write the thumbprint of the new certificate into the file and give the application's account read on the key"
    ),
)


def earlier(consumer: Consumer) -> Consumer:
    """Return what a certificate is to a role that has a newer one."""
    return Consumer(
        "earlier certificate",
        None,
        sentence("nothing: {name} has another one", name=consumer.name),
        sentence(
            "nothing to do; keep it with its key while data that it encrypted, or signatures that it made, are wanted"
        ),
    )
