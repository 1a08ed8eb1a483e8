"""Tests of pipeline/gmm."""
