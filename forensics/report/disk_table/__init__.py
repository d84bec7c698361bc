"""One row a disk: what the head of every report of several disks says, and table ``summary`` of a fleet."""
