"""What crosses a socket: frames, sessions, actors, outboxes, fan-out, resume.

The rules are pure (session.py); the shells around them await."""
