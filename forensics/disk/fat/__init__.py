"""The file system FAT."""
