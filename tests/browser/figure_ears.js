// Ears for tests: when each sound of the call began, to the sample, by the page's own clock. Beside
// figure_eyes.js, which then looks at every picture.
(() => {
  const onsets = [];
  globalThis.soundOnsets = onsets;
  globalThis.figureEveryMs = 0;
  const LOUD = 0.03;
  const QUIET_MS = 100;
  const listen = (stream) => {
    const context = new AudioContext({ latencyHint: "interactive" });
    const analyser = context.createAnalyser();
    analyser.fftSize = 32768;
    context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const now = performance.now();
      const quiet = (QUIET_MS * context.sampleRate) / 1000;
      let loudAt = -Infinity;
      for (let i = 0; i < samples.length; i += 1) {
        if (Math.abs(samples[i]) < LOUD) continue;
        const at = now - ((samples.length - i) * 1000) / context.sampleRate;
        // What was loud at the left edge may have begun before it.
        if (i > quiet && i - loudAt > quiet && at - (onsets.at(-1) ?? -Infinity) > QUIET_MS) onsets.push(at);
        loudAt = i;
      }
    }, 50);
  };
  const Native = globalThis.RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Native {
    constructor(...given) {
      super(...given);
      this.addEventListener("track", ({ track }) => { if (track.kind === "audio") listen(new MediaStream([track])); });
    }
  };
})();
