"""PostgreSQL, Valkey and the model server as our own child processes.

A URL in the settings replaces any of them; then its child is never started."""
