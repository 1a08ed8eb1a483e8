"""Files between stages: atomic writes, archives, symbol tables, reject lists."""
