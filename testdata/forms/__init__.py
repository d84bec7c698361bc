"""One small Windows in every form in which people hold one, and what is not read, each with what must come of it."""
