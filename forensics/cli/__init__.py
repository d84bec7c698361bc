"""The command line: parses arguments and calls the public API of :mod:`forensics`, nothing more."""
