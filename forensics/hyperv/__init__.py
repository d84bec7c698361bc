"""Hyper-V: which guardian's private key starts which virtual machine."""
