"""Sound as the house handles it: rates, frames, levels, resampling, wave files.

Nothing here knows about speech or calls.
"""
