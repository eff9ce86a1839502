"""Data keys of the holders, wrapped by the root key; in a database of their own."""
