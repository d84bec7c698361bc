"""Image ``broken-access``: who may read the key files."""

from __future__ import annotations

from datetime import UTC, datetime

from testdata.builder import acl, certs
from testdata.builder.acl import ALLOW, DENY, FULL, INHERIT_ONLY, READ, READ_ATTRIBUTES, Ace, security_descriptor
from testdata.builder.capi import Slot
from testdata.builder.folders import MACHINE
from testdata.builder.keys import rsa_key
from testdata.builder.machine import capi_link, machine
from testdata.builder.scenario import SOUND, Judged, Scenario, Script, plain
from testdata.builder.scenarios.common import capi_certificate, container_of

DENIED: Judged = SOUND | {
    "access": "denied",
    "verdict": "unusable",
    "broken_at": "access",
    "recoverable": True,
    "known_by": "inference",
}
TOO_OPEN: Judged = SOUND | {"access": "too_open"}

_BOTH = [Ace(acl.SYSTEM), Ace(acl.ADMINISTRATORS)]
_OWNER = "S-1-5-21-1-2-3-500"

CASES: tuple[tuple[str, list[Ace] | None, dict[str, object], Judged, str], ...] = (
    ("plain", _BOTH, {}, SOUND, "SYSTEM and Administrators full"),
    ("system-only", [Ace(acl.SYSTEM, READ)], {}, SOUND, "SYSTEM may read, nobody else"),
    ("admins-only", [Ace(acl.ADMINISTRATORS)], {}, SOUND, "SYSTEM is in Administrators"),
    ("deny-system", [Ace(acl.SYSTEM, FULL, DENY), *_BOTH], {}, DENIED, "SYSTEM denied before it is allowed"),
    ("deny-admins", [Ace(acl.ADMINISTRATORS, READ, DENY), *_BOTH], {}, DENIED, "Administrators denied: SYSTEM is one"),
    ("late-deny", [*_BOTH, Ace(acl.SYSTEM, FULL, DENY)], {}, SOUND, "denied only after it was allowed: order decides"),
    ("owner-only", [Ace(_OWNER)], {"owner": _OWNER}, DENIED, "only one administrator's own account"),
    ("empty-dacl", [], {}, DENIED, "a DACL without entries shuts everyone out"),
    ("attributes", [Ace(acl.SYSTEM, READ_ATTRIBUTES)], {}, DENIED, "SYSTEM may read attributes, not the content"),
    (
        "inherit-only",
        [Ace(acl.SYSTEM, FULL, ALLOW, INHERIT_ONLY), Ace(_OWNER)],
        {"owner": _OWNER},
        DENIED,
        "SYSTEM's entry is inherit-only: it does not count",
    ),
    (
        "inherit-only-deny",
        [Ace(acl.SYSTEM, FULL, DENY, INHERIT_ONLY), *_BOTH],
        {},
        SOUND,
        "a denial that is inherit-only does not count",
    ),
    ("everyone", [*_BOTH, Ace(acl.EVERYONE, READ)], {}, TOO_OPEN, "Everyone may read"),
    ("users", [*_BOTH, Ace(acl.USERS, FULL)], {}, TOO_OPEN, "Users have full control"),
    ("authenticated", [*_BOTH, Ace(acl.AUTHENTICATED_USERS, READ)], {}, TOO_OPEN, "Authenticated Users may read"),
    (
        "everyone-attributes",
        [*_BOTH, Ace(acl.EVERYONE, READ_ATTRIBUTES)],
        {},
        SOUND,
        "Everyone may read attributes only: nothing leaks",
    ),
    ("null-dacl", None, {"null_dacl": True}, TOO_OPEN, "a NULL DACL lets everyone in"),
)


def broken_access() -> Scenario:
    rdp = certs.make_certificate(
        "WEB01.contoso.test",
        rsa_key("2048-20"),
        not_before=datetime(2026, 8, 1, tzinfo=UTC),
        not_after=datetime(2027, 2, 1, tzinfo=UTC),
        self_signed=True,
    )
    script = Script(machine("broken-access", rdp_self_signed=rdp.thumbprint))
    forged = script.machine
    for number, (label, dacl, options, judged, why) in enumerate(CASES, 1):
        host, key = f"{label}.contoso.test", f"2048-{number:02}"
        sd = security_descriptor(dacl, **options)  # type: ignore[arg-type]
        path = forged.put_capi(container_of(host), exchange=Slot(rsa_key(key)), sd=sd)
        capi_certificate(script, host, key, judged, why, path=path)
    path = forged.put_capi("TSSecKeySet1", exchange=Slot(rsa_key("2048-20")), sd=acl.KEY_FILE_SD)
    script.certificate(
        rdp,
        DENIED,
        "Remote Desktop listener: NETWORK SERVICE may not read its key",
        link=capi_link("TSSecKeySet1", certs.CAPI_ENHANCED),
        container="TSSecKeySet1",
        provider=certs.CAPI_ENHANCED,
        provider_kind="capi",
        path=path,
        master_key=forged.keys[MACHINE].guid,
        store="Remote Desktop",
    )
    return plain("broken-access", "Who may read the key files: order, denials, inherit-only entries, NULL DACL", script)
