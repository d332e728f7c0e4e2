"""A voice server of pipecat's, as its own templates make one, with the bench's stubs for models.

It runs in an environment of its own (see pipecat_venv.py) and imports nothing of ours but the
stubs. `python pipecat_server.py PORT` serves; `... decide FILE` says when its voice
activity would decide that somebody speaks, for each way the sound may lie in its windows.
"""
# mypy: ignore-errors

import asyncio
import json
import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI, WebSocket
from loguru import logger
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.audio.vad.vad_analyzer import VADParams, VADState
from pipecat.frames.frames import (
    InputAudioRawFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    OutputAudioRawFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.processors.audio.vad_processor import VADProcessor
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.serializers.base_serializer import FrameSerializer
from pipecat.services.settings import STTSettings, TTSSettings
from pipecat.services.stt_service import SegmentedSTTService
from pipecat.services.tts_service import TTSService
from pipecat.transports.websocket.fastapi import (
    FastAPIWebsocketParams,
    FastAPIWebsocketTransport,
)
from pipecat.turns.user_stop.speech_timeout_user_turn_stop_strategy import (
    SpeechTimeoutUserTurnStopStrategy,
)
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.utils.time import time_now_iso8601
from pipecat.workers.runner import WorkerRunner
from stub_voice import HEARD, RATE, REPLY, said

HEARING_RATE = 16_000
STEP_SAMPLES = 64  # frames of 320 lie in windows of 512 in eight ways


class RawSound(FrameSerializer):
    """Sound as it is: there is no cheaper way."""

    async def serialize(self, frame):
        return frame.audio if isinstance(frame, OutputAudioRawFrame) else None

    async def deserialize(self, data):
        return InputAudioRawFrame(audio=data, sample_rate=HEARING_RATE, num_channels=1)


class StubRecogniser(SegmentedSTTService):
    """Answers at once."""

    def __init__(self):
        super().__init__(settings=STTSettings(model="stub", language=None), ttfs_p99_latency=0.0)

    async def run_stt(self, audio):  # noqa: ARG002 - the base's name for it
        yield TranscriptionFrame(HEARD, "", time_now_iso8601(), finalized=True)


class StubModel(FrameProcessor):
    """Says the same words to everything, at once."""

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        await self.push_frame(LLMFullResponseStartFrame())
        for word in REPLY.split():
            await self.push_frame(LLMTextFrame(word + " "))
        await self.push_frame(LLMFullResponseEndFrame())


class StubSpeaker(TTSService):
    """A tone as long as the words, in bursts."""

    def __init__(self):
        super().__init__(
            sample_rate=RATE,
            push_start_frame=True,
            push_stop_frames=True,
            settings=TTSSettings(model="stub", voice="stub", language=None),
        )

    async def run_tts(self, text, context_id):
        async for pcm in said(text):
            yield TTSAudioRawFrame(pcm, RATE, 1, context_id=context_id)


def analyzer():
    """The same patience as ours in this bench."""
    return SileroVADAnalyzer(params=VADParams(stop_secs=0.2))


async def talk(websocket):
    """One session."""
    transport = FastAPIWebsocketTransport(
        websocket=websocket,
        params=FastAPIWebsocketParams(
            audio_in_enabled=True, audio_out_enabled=True, serializer=RawSound()
        ),
    )
    stop = SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.0)
    aggregators = LLMContextAggregatorPair(
        LLMContext(),
        user_params=LLMUserAggregatorParams(
            user_turn_strategies=UserTurnStrategies(stop=[stop]),
        ),
    )
    pipeline = Pipeline(
        [
            transport.input(),
            VADProcessor(vad_analyzer=analyzer()),
            StubRecogniser(),
            aggregators.user(),
            StubModel(),
            StubSpeaker(),
            transport.output(),
            aggregators.assistant(),
        ]
    )
    worker = PipelineWorker(
        pipeline,
        params=PipelineParams(audio_in_sample_rate=HEARING_RATE, audio_out_sample_rate=RATE),
        enable_rtvi=False,
        idle_timeout_secs=None,
    )

    @transport.event_handler("on_client_disconnected")
    async def on_client_disconnected(_transport, _client):
        await worker.cancel()

    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    await runner.run()


def serve(port):
    """Serve until killed."""
    app = FastAPI()

    @app.websocket("/")
    async def door(websocket: WebSocket):
        await websocket.accept()
        await talk(websocket)

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", ws_max_size=2**20)


async def decide(pcm):
    """By its place in the windows: after how many samples somebody speaks."""
    found = {}
    for shift in range(0, 512, STEP_SAMPLES):
        one, sound = analyzer(), bytes(2 * shift) + pcm
        one.set_sample_rate(HEARING_RATE)
        for at in range(0, len(sound), 1024):
            if await one.analyze_audio(sound[at : at + 1024]) == VADState.SPEAKING:
                found[shift] = (at + 1024) // 2 - shift
                break
    return found


def main():
    """See the module."""
    logger.remove()
    if sys.argv[1] == "decide":
        print(json.dumps(asyncio.run(decide(Path(sys.argv[2]).read_bytes()))))
    else:
        serve(int(sys.argv[1]))


if __name__ == "__main__":
    main()
