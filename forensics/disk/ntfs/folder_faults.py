"""How a folder of NTFS and the file records that it names disagree, in words."""

from __future__ import annotations

from forensics.language import sentence


def stranger(number: int) -> str:
    """Say that a file record has another name than its folder gives it."""
    return sentence("file record {number} does not bear the name that its folder gives it", number=number)


def of_another_folder(name: str) -> str:
    """Say that a name in the index of a folder is of another one."""
    return sentence("{name} in its index belongs to another folder", name=name)


def may_be_lost(damage: str) -> str:
    """Say that a name that was not found may have stood in what is damaged."""
    return sentence("its folder is damaged, so it cannot be told whether it is there: {damage}", damage=damage)


def may_be_unread() -> str:
    """Say that a name that was not found may be one of those that are not read."""
    return sentence("its folder holds more names than are read, so it cannot be told whether it is there")


def written_in_part(initialized: int, size: int) -> str:
    """Say that the end of a file was never written."""
    return sentence(
        "only {initialized} of its {size} bytes were ever written: the rest reads as zeros",
        initialized=initialized,
        size=size,
    )


def only_the_first(most: int) -> str:
    """Say that a folder has more names than are listed."""
    return sentence("only {most} of its names are listed", most=most)
