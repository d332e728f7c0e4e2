"""The clients that load is made with, one per transport.

They are light, so that a driver is not what a run measures, and they time from the intended moment.
"""
