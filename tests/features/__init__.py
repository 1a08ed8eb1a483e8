"""Tests of pipeline/features."""
