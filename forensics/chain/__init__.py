"""Certificate to private key, link by link, each proved as far as the evidence goes."""
