"""REST routes, one module a resource.

Only the route lives here; what it does lives where both a turn and a request can reach it."""
