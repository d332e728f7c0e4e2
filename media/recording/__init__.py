"""Calls that are recorded: two sides on one timeline, packed as they come.

Nothing of it is imported before somebody has a call recorded.
"""
