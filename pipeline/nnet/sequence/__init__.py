"""Sequence training: what is said against all that could be said (MMI, sMBR), without lattices."""
