"""What an error code, an event or a message of Windows means on a disk: what produces it there, and what does not."""
