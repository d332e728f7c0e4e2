"""Inference workers: processes that hear and speak for all calls, and how gateways reach them.

A gateway imports client.py and loads no model; a worker is started as `media.inference.worker`.
"""
