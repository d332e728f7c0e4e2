"""The clients that load is made with: light, honest about time, and one per transport."""
