"""Voice and video calls: the life of a call, and the talk that goes on in it.

What carries sound and picture is media/calls; what recognises and speaks is behind ports.
"""
