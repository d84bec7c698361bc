"""The file system NTFS."""
