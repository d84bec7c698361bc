"""Containers, partitions, encryption and file systems of disks; knows no Windows."""
