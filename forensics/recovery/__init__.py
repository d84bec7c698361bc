"""``keymortem recover``: the keys that a disk proves, in files that their owner's password encrypts."""
