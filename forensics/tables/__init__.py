"""The rows: one documented dataclass a table; these names are what other programs read."""
