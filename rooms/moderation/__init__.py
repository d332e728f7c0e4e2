"""What is screened before, during and after a reply.

Rules for minors and self-harm come first; classifiers join behind the same port."""
