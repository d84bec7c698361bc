"""Walk a source, call a parser, yield rows: one module a table."""
