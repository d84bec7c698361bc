"""Events that Windows writes where a private key does not open: data."""

from __future__ import annotations

from forensics.language import sentence
from forensics.report.symptoms import references as at
from forensics.report.symptoms.codes import TLS_KEY
from forensics.report.symptoms.symptom import Symptom, documented, likely

_TERMINAL_SERVICES = ("Microsoft-Windows-TerminalServices-RemoteConnectionManager", "TermService")
_LIFECYCLE = (
    "Microsoft-Windows-CertificateServicesClient-Lifecycle-System",
    "Microsoft-Windows-CertificateServicesClient-Lifecycle-User",
)
_DPAPI = ("Microsoft-Windows-Crypto-DPAPI",)


_RDP_KEY = (
    *documented(at.ASK_CORE, "key-isolation"),
    *documented(at.RDP_EVENTS, "access-list", "folder-access-list", "key-file-gone", "key-file-damaged"),
    *likely(at.MACHINE_GUID, "other-machine-guid"),
)

EVENTS = (
    Symptom(
        "Schannel 36869",
        sentence("The certificate of a TLS server has no link to a private key"),
        at.RDP,
        event_id=36869,
        providers=("Schannel",),
        causes=likely(at.RDP, "no-link"),
    ),
    Symptom(
        "Schannel 36870",
        sentence("A fatal error occurred when attempting to access the TLS server credential private key"),
        at.RDP_EVENTS,
        event_id=36870,
        providers=("Schannel",),
        texts=(
            "A fatal error occurred when attempting to access the SSL server credential private key",
            "SSL サーバー資格証明の秘密キーにアクセスしようとしているときに致命的なエラーが発生しました",
        ),
        causes=(*TLS_KEY, *documented(at.USER_KEYS, "user-master-key")),
    ),
    Symptom(
        "Schannel 36871",
        sentence("A fatal error occurred while creating a TLS credential"),
        at.RDP_EVENTS,
        event_id=36871,
        providers=("Schannel",),
        texts=("TLS サーバー資格証明を作成しているときに致命的なエラーが発生しました",),
        causes=documented(at.RDP_EVENTS, "tls-versions"),
    ),
    Symptom(
        "Remote Desktop 1055",
        sentence("The private key of the certificate that Remote Desktop is set to use cannot be accessed"),
        at.RDP_EVENTS,
        event_id=1055,
        providers=_TERMINAL_SERVICES,
        causes=(
            *documented(at.LISTENER, "access-list"),
            *likely(at.RDP, "key-file-gone", "other-machine-guid", "key-file-damaged"),
        ),
    ),
    Symptom(
        "Remote Desktop 1057",
        sentence("The RD Session Host Server has failed to create a new self signed certificate"),
        at.RDP_EVENTS,
        event_id=1057,
        providers=_TERMINAL_SERVICES,
        texts=("新規の自己署名証明書を生成できませんでした",),
        causes=_RDP_KEY,
    ),
    Symptom(
        "Remote Desktop 1058",
        sentence("The RD Session Host Server has failed to replace the expired self signed certificate"),
        at.RDP_EVENTS,
        event_id=1058,
        providers=_TERMINAL_SERVICES,
        texts=("期限切れの自己署名証明書を置き換えられませんでした",),
        causes=(*documented(at.RDP_EVENTS, "rdp-certificate-ended"), *_RDP_KEY),
    ),
    Symptom(
        "Security 5058",
        sentence("Windows audited an operation on a key file; the return code of the record says how it ended"),
        f"{at.AUDIT_EVENT}5058",
        event_id=5058,
        providers=("Microsoft-Windows-Security-Auditing",),
    ),
    Symptom(
        "Security 5061",
        sentence("Windows audited a cryptographic operation; the return code of the record says how it ended"),
        f"{at.AUDIT_EVENT}5061",
        event_id=5061,
        providers=("Microsoft-Windows-Security-Auditing",),
    ),
    Symptom(
        "Certificate life cycle 1009",
        sentence("A certificate could not be associated with its private key"),
        at.NAMES,
        event_id=1009,
        providers=_LIFECYCLE,
        causes=likely(at.NAMES, "no-link", "key-file-gone", "other-machine-guid"),
    ),
    Symptom(
        "DPAPI 8194",
        sentence("A master key file could not be opened"),
        at.DOMAIN,
        event_id=8194,
        providers=_DPAPI,
        causes=likely(at.DOMAIN, "master-key"),
    ),
    Symptom(
        "DPAPI 8198",
        sentence("Data could not be unprotected"),
        at.DOMAIN,
        event_id=8198,
        providers=_DPAPI,
        causes=likely(at.DOMAIN, "master-key", "master-key-locked", "user-master-key"),
    ),
    Symptom(
        "LsaSrv 6167",
        sentence("There is a partial mismatch in the machine ID"),
        at.IDENTITY,
        event_id=6167,
        providers=("LsaSrv", "LSA (LsaSrv)"),
        causes=documented(at.IDENTITY, "machine-identity"),
    ),
    Symptom(
        "Smart Card Service 624",
        sentence("A program uses a smart card with an RSA key through CryptoAPI, which an update ends"),
        at.SMART_CARD,
        event_id=624,
        providers=("Microsoft-Windows-Smartcard-Server", "Smart Card Service", "SCardSvr"),
        causes=documented(at.SMART_CARD, "smart-card"),
    ),
    Symptom(
        "Host Guardian Service client 2014",
        sentence("A key protector could not be unwrapped"),
        at.SHIELDED,
        event_id=2014,
        providers=("Microsoft-Windows-HostGuardianService-Client",),
        causes=documented(at.SHIELDED, "guardian"),
    ),
)
"""Events."""
