"""Several cases as one: what was examined at different times, or on different computers."""
