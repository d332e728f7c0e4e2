"""How sound and picture reach a person in a call: legs, media workers, pacing, networks.

A call's conversation is decided elsewhere; here it is carried.
"""
