"""The key store: old copies of the data, its ledger, its backups, and the way of earlier data into it."""
