"""Search engines over a graph and log-likelihoods."""
