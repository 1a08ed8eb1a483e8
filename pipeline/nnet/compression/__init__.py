"""Networks made smaller, or made from others."""
