"""What an operator sees from outside: metrics, traces, logs.

The numbers are kept where things happen, in the rooms below; here they are told.
"""
