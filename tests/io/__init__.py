"""Tests of pipeline/io."""
