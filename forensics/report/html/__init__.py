"""The HTML report: one self-contained file for a manager at the top and an engineer below.

Each module makes the plain values of one part; ``page`` puts them into the template. Everything that came from a disk
is escaped and made plain there, in one place.
"""
