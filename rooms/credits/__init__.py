"""Prices, holds and meters: what a turn may cost and what it did cost.

Decisions are pure; storage/ledger carries them out."""
