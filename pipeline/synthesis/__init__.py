"""Parametric speech synthesis: aligned phones -> a vocoder's parameters -> a wave."""
