"""What a companion recalls: the port, and a first honest recall over earlier messages.

Strictly one namespace per person."""
