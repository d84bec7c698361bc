"""Table certificate_use: one module for each family of services that name certificates."""
