"""Voice and video calls: the life of a call, and the talk that goes on in it."""
