"""What only an HTTP request reaches: app, CLI, accounts, admin, the REST routes and the web app.

The supervisor that starts every role lives here too."""
