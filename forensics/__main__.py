"""Runs the command line as ``python -m forensics``."""

from __future__ import annotations

from forensics.cli.main import main

if __name__ == "__main__":
    main()
