"""Programs: options, read, one call, atomic write."""
