"""The repair of all services as one PowerShell script that checks before it acts, and acts only when told to."""
