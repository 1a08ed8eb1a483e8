"""Corpora to lhotse manifests, splits and lexica."""
