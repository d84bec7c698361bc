"""Whether a certification authority would accept the keys of TPMs."""
