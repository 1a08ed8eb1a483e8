"""Cepstra, normalisation and frame-level transforms."""
