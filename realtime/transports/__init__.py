"""The doors: WebSocket and SSE.

Each only moves bytes; the protocol lives one level up."""
