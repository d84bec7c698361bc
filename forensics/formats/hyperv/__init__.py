"""Formats of Hyper-V: configurations, guest state, key protectors and guardians."""
