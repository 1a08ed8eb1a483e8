"""Language models for rescoring: LSTMs of words, their training and their files."""
