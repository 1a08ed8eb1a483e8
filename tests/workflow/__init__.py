"""Tests of the workflow: Snakefile, command line, configuration."""
