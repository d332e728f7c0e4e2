"""The embedded language model as a process of its own, behind an OpenAI-compatible address.

A small instruct model so that the house works without a key; any GGUF file replaces it.
"""
