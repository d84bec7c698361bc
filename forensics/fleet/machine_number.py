"""Numbers of machines that are unique over a fleet, though each disk is examined by itself."""

from __future__ import annotations

_BITS = 12
MAX_MACHINES = (1 << _BITS) - 1
"""Format: machines of one input; their numbers and 48 bits of its key make the number of each in the fleet."""


def in_fleet(disk: str, machine_id: int) -> int:
    """Return the number in the fleet of a machine of one input.

    Args:
        disk: Key of the input.
        machine_id: Its number there, from 1.

    Raises:
        ValueError: There are more than a fleet can number.
    """
    if not 0 < machine_id <= MAX_MACHINES:
        raise ValueError(f"an input of a fleet can have {MAX_MACHINES} machines")
    return int(disk[:12], 16) << _BITS | machine_id


def on_disk(number: int) -> int:
    """Return the number of a machine on its own disk."""
    return number & MAX_MACHINES
