"""Training of the GMM-HMM ladder."""
