"""The drawn face of a companion: the appearance document and what is rendered from it.

The same document is what the moving rig will animate."""
