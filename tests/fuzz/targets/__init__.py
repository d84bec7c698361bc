"""What is fuzzed, in groups."""
