"""Who speaks when in a call, and what was heard: pure, and clocked in samples.

A shell (rooms/calls/conversation.py) feeds it and carries out what it orders.
"""
