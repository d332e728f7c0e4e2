"""Figures: 3D models (GLB, VRM) that a client draws and moves itself. They are checked here and
never drawn; what a stranger sent must not reach a browser unread.
"""
