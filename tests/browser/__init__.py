"""The web app in a real browser. A package, so that house and browser end with its last test."""
