"""Work on hostile evidence in child processes that the operating system bounds; knows no evidence."""
