"""Examines sources, each in a contained child or all in this process, and what spans them, in this process."""
