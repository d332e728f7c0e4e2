"""Who one talks to: the cast, search, and the document that describes a companion.

The shipped cast lives as data in config/cast."""
