"""The report of a fleet: one row a disk, every input accounted for, and what many machines have in common."""
