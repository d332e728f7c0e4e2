"""The language-model providers: OpenAI-compatible addresses, Anthropic, the embedded server.

Each is imported only when a setting names it; rooms/dialogue/router.py holds the table.
"""
