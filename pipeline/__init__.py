"""Hybrid speech recognition as reproducible staged steps."""
