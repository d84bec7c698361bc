"""What a case says, for people and for programs."""
