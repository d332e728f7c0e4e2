"""Recognisers of speech behind the `Transcriber` port, one file each. table.py names them.

None is imported before a setting chooses it.
"""
