"""Bytes to frozen dataclasses: no I/O, no logging, no policy; every parser raises only FormatError."""
