"""Tests of the hybrid networks."""
