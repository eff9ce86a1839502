"""The ledger of erasures: lines in the key store, and the data's marks of what it has carried out."""
