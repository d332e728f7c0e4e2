"""What turns words into sound or picture, or back.

Speech and hearing, calls and their workers, faces: each in a folder with its port.
"""
