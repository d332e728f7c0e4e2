"""Who speaks: the voice that ships, an installed program, remote services. See table.py."""
