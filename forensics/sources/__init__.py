"""Opens disks, exports and hives read-only, and knows what was not there to examine."""
