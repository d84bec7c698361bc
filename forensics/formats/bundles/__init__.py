"""What the configurations of virtual machines, and of backups, say of the disks of a machine."""
