"""One module a corpus; nothing else knows how a corpus lies on disk."""
