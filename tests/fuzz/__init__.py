"""Damaged and made-up files for every parser."""
