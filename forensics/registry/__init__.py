"""Registry hives, their logs, and .reg exports; knows no certificate."""
