"""Hostile bytes for every parser and opener: python -m tests.fuzz."""
