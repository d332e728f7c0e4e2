"""Money at rest: wallets, lots, holds and the hash-chained entries.

Every statement here is conditional and idempotent; integers only, in microcredits."""
