"""Data keys of the key owners, wrapped by the root key; in a database of their own."""
