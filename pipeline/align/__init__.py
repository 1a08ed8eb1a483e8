"""Alignments and what is exported from them."""
