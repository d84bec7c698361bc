"""What follows from all rows of an examination together: computed once, and read by every rule and report.

A fact is a column of the row it speaks of. Nothing here reads evidence, decides whether a key opens, or assigns blame.
"""
