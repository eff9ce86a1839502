"""What both planes agree on: variables, capabilities, the classification of the crop store's columns, how a process starts.

Both planes import it; it imports neither. Nothing here reads or writes a store, or keeps a key.
"""
