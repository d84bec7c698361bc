"""Texts in blocks: how they read as one text, and what of them is told in short."""

from __future__ import annotations

from forensics.tables.finding import Block, as_text, first_part

BLOCKS = (
    Block("paragraph", "It is broken:"),
    Block("item", "CN=a"),
    Block("item", "CN=b"),
    Block("paragraph", "- This begins like an item, and is none."),
    Block("command", "certutil -store"),
    Block("command", "  certutil -user", is_apart=True),
    Block("item", "last", is_apart=True),
)


def test_blocks_as_one_text() -> None:
    assert as_text(BLOCKS) == (
        "It is broken:\n"
        "- CN=a\n"
        "- CN=b\n"
        "- This begins like an item, and is none.\n"
        "    certutil -store\n"
        "\n"
        "      certutil -user\n"
        "\n"
        "- last"
    )
    assert as_text(()) == ""


def test_the_first_part_is_a_block_and_the_items_right_under_it() -> None:
    assert first_part(BLOCKS) == BLOCKS[:3]
    assert first_part(BLOCKS[4:]) == BLOCKS[4:5]
    assert first_part((BLOCKS[0], BLOCKS[6])) == BLOCKS[:1]
    assert first_part(()) == ()
    parts = (BLOCKS[0], Block("paragraph", "In use:"), BLOCKS[1], Block("paragraph", "Ended:"), BLOCKS[2])
    assert first_part((*parts, *BLOCKS[3:])) == parts
