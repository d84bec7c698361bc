"""Forged test disks and the writers that make them."""
