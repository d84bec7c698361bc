"""What is down for a certificate or its key: what the first screen tells and a runbook repairs."""
