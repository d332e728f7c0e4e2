"""The browser's side: an installable app of plain ES modules, and the routes that serve it.

Nothing here is built: what lies in the folder is what the browser runs, gzipped once.
"""
