"""What an operator may change: typed settings, presets, price books, plans, the cast, prompts.

Everything else reads its figures from here; nothing here imports another room of the house."""
