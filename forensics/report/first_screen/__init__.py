"""The first screen: what is down, what can still be saved, what ends next, on 25 lines."""
