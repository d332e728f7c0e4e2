"""Motion: what a face does at each sample of the call's clock, decided without painting anything.

Pure and seeded: the same seed and the same events give the same rows of state, so that what a
person saw can be computed again in a test."""
