"""Tests of speech synthesis."""
