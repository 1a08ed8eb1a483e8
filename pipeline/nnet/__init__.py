"""Hybrid networks and their training."""
