"""Phones, topology, decision tree and transition model."""
