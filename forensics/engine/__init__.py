"""Rule packs: YAML compiled to one SELECT a rule, and findings with yes, no or unknown for each named condition."""
