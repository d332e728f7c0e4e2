"""The two shapes in which sound travels inside the house, so that nobody has to ask.

All PCM is signed 16 bit, little-endian, mono. What people say is heard at 16 kHz, the rate of the
recognisers; what companions say is played at 24 kHz, which Opus, the browsers and the OpenAI
Realtime protocol take as it is. Sound is clocked in samples, never by the wall.
"""

from typing import Final

HEARING_RATE: Final = 16_000
PLAYOUT_RATE: Final = 24_000
FRAME_MS: Final = 20
HEARING_FRAME_SAMPLES: Final = HEARING_RATE * FRAME_MS // 1000
HEARING_WINDOW_SAMPLES: Final = 512  # what a network for voice activity is shown at once
PLAYOUT_FRAME_SAMPLES: Final = PLAYOUT_RATE * FRAME_MS // 1000
SAMPLE_BYTES: Final = 2
