"""Forged machines and the truth about every key on them, stated by hand."""
