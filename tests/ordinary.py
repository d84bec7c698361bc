"""The ordinary machines, and how one is examined."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest

import forensics
from forensics.registry.hives import open_hive
from forensics.sources.installation import Installation
from forensics.sources.searched_tree import SearchedTree
from forensics.sources.source import Source
from testdata.builder.machine import ForgedMachine
from testdata.builder.ordinary import clients, directory, gateways, hosts, web
from testdata.builder.ordinary.windows import Ordinary, Planted
from tests.examined import AS_OF
from tests.forged_machine import tree_of

Role = Callable[[bool], Ordinary]

ROLES: tuple[Role, ...] = (
    directory.file_server,
    directory.domain_controller,
    directory.issuing_authority,
    web.exchange,
    web.database_server,
    web.web_server,
    web.update_server,
    hosts.session_host,
    hosts.hyperv_host,
    hosts.site_server,
    hosts.pool_desktop,
    clients.developer,
    clients.entra_laptop,
    clients.hybrid_laptop,
    clients.home_laptop,
    gateways.federation_server,
    gateways.policy_server,
    gateways.vpn_server,
    gateways.cloud_server,
    gateways.management_server,
)


@cache
def of_role(role: Role, is_faulty: bool) -> tuple[Planted | None, forensics.Case]:
    """Return what is wrong with an ordinary machine and its case, which no test may change."""
    made = role(is_faulty)
    return made.planted, examined(made.machine)


def examined(forged: ForgedMachine) -> forensics.Case:
    """Examine a machine with the access lists of its files, as from a volume."""

    @contextmanager
    def opened(path: str, *_: object, first_machine_id: int, **__: Any) -> Iterator[Source]:
        tree = tree_of(forged)
        windows = Installation(first_machine_id, path, tree, "Windows", "", open_hive)
        yield Source(path, "volume", [windows], [SearchedTree(tree, path, windows=("Windows",))])

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("forensics.sources.open.open_source", opened)
        return forensics.examine("volume", as_of=AS_OF)
