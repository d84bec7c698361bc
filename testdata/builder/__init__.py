"""Writers that forge Windows evidence from the format notes alone; nothing here imports the product under test."""
