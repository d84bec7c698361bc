"""Thousands of disks: one task a disk, Parquet parts that grow by disk, and what is read of them together."""
