"""All commands that keymortem prints, by name."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

from forensics.commands import (
    access_lists,
    attestation,
    authorities,
    bindings,
    certificates,
    checks,
    files,
    hyperv,
    offline,
    providers,
    remote_desktop,
    services,
    web_server,
    windows,
)
from forensics.commands.command import Command

CATALOGUE: Mapping[str, Command] = {
    entry.name: entry
    for entry in chain(
        certificates.COMMANDS,
        bindings.COMMANDS,
        remote_desktop.COMMANDS,
        access_lists.COMMANDS,
        files.COMMANDS,
        services.COMMANDS,
        authorities.COMMANDS,
        web_server.COMMANDS,
        providers.COMMANDS,
        hyperv.COMMANDS,
        attestation.COMMANDS,
        windows.COMMANDS,
        offline.COMMANDS,
        checks.COMMANDS,
    )
}
