"""What both planes agree on: variables, capabilities, classes of the crop store's columns, how a process of ours starts.

Both planes import it; it imports neither. Nothing here touches a store or a key.
"""
