"""The VHDX container."""
