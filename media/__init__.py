"""What turns words into sound or picture, or back.

Today the still portraits; voice and video calls move in here next."""
