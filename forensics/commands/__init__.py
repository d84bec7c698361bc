"""Every command that keymortem prints: what may stand in it, for which shell it is, and when it is not printed at all.

A command is an entry of :data:`forensics.commands.catalogue.CATALOGUE`. Rules, plans and runbooks name it and give it
values of the disk; none of them holds a line for a shell. An entry refuses what it does not know.
"""
