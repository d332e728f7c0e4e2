"""What a turn of conversation reaches: events, commands, errors, the turn itself, credits, companions.

Rooms push what happens through `tell`; they never touch a socket."""
