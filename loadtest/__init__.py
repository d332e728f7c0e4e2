"""What pretends to be people: the benchmark and, in time, the load tester.

It talks to Kindred from outside, as a client would."""
