"""A face from a picture: reading it safely, finding the face, and moving it.

Nobody's picture is trusted: it is read in a child process with limits, and every refusal has a
reason that can be told to the person."""
