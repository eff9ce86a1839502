"""What both planes agree on: variables, capabilities, the crop store's columns and their classes, how a process starts
and logs, and the sandbox in which either plane has foreign files worked on.

Both planes import it; it imports neither. Nothing here reads or writes a store, or keeps a key.
"""
