"""`kindred doctor`: every part in use, where it comes from, how it is, and what replaces it.

Each part is looked at by a function of its own that returns plain data; nothing is changed."""

from server.doctor.report import doctor, examine

__all__ = ["doctor", "examine"]
