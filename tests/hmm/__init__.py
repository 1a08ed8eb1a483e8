"""Tests of pipeline/hmm."""
