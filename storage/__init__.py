"""What outlives a process or is shared between processes: database, bus, ledger, files.

Functions here speak SQL and bytes and raise plain errors; rooms/ gives them meaning."""
