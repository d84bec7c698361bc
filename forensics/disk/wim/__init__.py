"""WIM images: Windows Imaging Format, also as ESD and split into SWM."""
