"""Writes docs/reference and the browser's types from the code, so that they cannot disagree.

`python -m server.reference` (or `make reference`) writes them; a house test fails on drift.
"""
