"""Kindred's own small supervisor: stores, model server and gateways as children of one process.

They start in order, are started again when they die, and end in the opposite order."""
