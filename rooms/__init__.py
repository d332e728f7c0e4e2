"""What a turn of conversation reaches: events, commands, errors, the turn, credits, companions.

Rooms push what happens through `tell`; they never touch a socket."""
