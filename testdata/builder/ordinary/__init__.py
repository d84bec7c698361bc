"""Ordinary machines by role, as public documentation describes them: each as it should be, or with one fault."""
