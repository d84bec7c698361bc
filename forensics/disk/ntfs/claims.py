"""Clusters belong to one file: what two claim is believed of neither."""

from __future__ import annotations

from forensics.disk.ntfs.damage import BrokenStructure, DamageLog
from forensics.disk.ntfs.record import Attribute
from forensics.language import sentence

_MOST_CLUSTERS = 16
"""Work: clusters of one file that are compared with those of others: a key file has one."""
_MOST_CLAIMS = 100_000
"""Work: clusters of one volume that are compared."""


class ClusterClaims:
    """Which small file has which cluster, of those that were listed.

    Args:
        log: Takes what two files claim.
    """

    def __init__(self, log: DamageLog) -> None:
        self._log = log
        self._owners: dict[int, tuple[int, str]] = {}
        self._shared: dict[int, str] = {}

    def claim(self, number: int, path: str, data: Attribute) -> None:
        """Note the clusters of a file.

        Args:
            number: Its file record.
            path: Its path.
            data: Its content.
        """
        for cluster in _clusters(data):
            owner = self._owners.get(cluster)
            if owner is None:
                if len(self._owners) < _MOST_CLAIMS:
                    self._owners[cluster] = number, path
            elif owner[0] != number:
                message = sentence(
                    "cluster {cluster} belongs to file record {owner} and to {number}",
                    cluster=cluster,
                    owner=owner[0],
                    number=number,
                )
                self._shared[cluster] = message
                for claimed in (owner[1], path):
                    self._log.tell(claimed, message)

    def check(self, data: Attribute | None) -> None:
        """Refuse content that another file claims.

        Raises:
            Unreadable: Another file claims a cluster of it.
        """
        if data is not None and self._shared:
            for cluster in _clusters(data):
                if cluster in self._shared:
                    raise BrokenStructure(self._shared[cluster])


def _clusters(data: Attribute) -> range | tuple[int, ...]:
    if len(data.runs) == 1 and data.runs[0][0] is not None and data.runs[0][1] <= _MOST_CLUSTERS:
        return range(data.runs[0][0], data.runs[0][0] + data.runs[0][1])
    if 1 < len(data.runs) <= _MOST_CLUSTERS and sum(count for _, count in data.runs) <= _MOST_CLUSTERS:
        return tuple(at for lcn, count in data.runs if lcn is not None for at in range(lcn, lcn + count))
    return ()
