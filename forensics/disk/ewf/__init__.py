"""Expert Witness images: E01 of EnCase, FTK Imager, linen and libewf, and s01 of SMART."""
