"""The render worker: sessions in, encoded pictures out, in step with the sound.

Rules (when a frame is due, where the sound is, when to do with less) are pure; `worker.py` and
`links.py` await."""
