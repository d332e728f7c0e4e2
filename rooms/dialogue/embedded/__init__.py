"""The embedded model server: llama.cpp's own server in a process of its own, on loopback.

It speaks the same OpenAI-compatible format as the providers out there, so one client serves all.
"""
