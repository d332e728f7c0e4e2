"""From words to sound: clauses, voices, synthesis with the timing of every phoneme.

The port is in ports.py; what answers it lives beside it and is chosen by a setting.
"""
