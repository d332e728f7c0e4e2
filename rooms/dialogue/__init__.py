"""Words from language models: the port, the providers behind it, the prompt compiler, the router.

A provider is chosen by name in the settings and imported only then."""
