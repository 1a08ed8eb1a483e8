"""Tests of sequence training."""
