"""The same small services written with other libraries, to be measured beside ours.

Only `make bench` runs them; nothing of the product imports them.
"""
