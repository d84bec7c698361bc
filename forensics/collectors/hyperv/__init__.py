"""Hyper-V: virtual machines, their key protectors, and the guardians of a host."""
