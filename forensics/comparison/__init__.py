"""Two examinations of one machine, before and after: what changed, and which keys that killed."""
