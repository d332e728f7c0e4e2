"""Accounts: who one is, how one proves it, and what one agreed to.

Passwords are hashed off the event loop; tokens are signed with keys that all nodes share.
"""
