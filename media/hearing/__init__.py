"""From sound to words: voice activity, the end of a turn, speech to text.

The ports are in ports.py; what answers them lives beside it and is chosen by a setting.
"""
