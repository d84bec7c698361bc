"""DPAPI: LSA secrets, master keys' secrets, domain backup keys, and the second opinion."""
