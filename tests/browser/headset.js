// An emulated headset for tests: WebXR as far as the viewer uses it, drawing into the page's canvas.
// It has two eyes 64 mm apart, side by side on the canvas, and shows 72 pictures a second.
(() => {
  const log = { began: 0, ended: 0, frames: 0, modes: [] };
  globalThis.emulatedHeadset = log;
  const inverted = (x) => Float32Array.of(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, -x, 0, 0, 1);
  const placed = (x) => ({ position: { x, y: 0, z: 0, w: 1 }, matrix: Float32Array.of(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, x, 0, 0, 1), inverse: { matrix: inverted(x) } });
  const projection = Float32Array.of(1.6, 0, 0, 0, 0, 1.6, 0, 0, 0, 0, -1.002, -1, 0, 0, -0.1, 0);

  class Session extends EventTarget {
    constructor() { super(); this.frameRate = 72; this.over = false; this.asked = new Map(); this.next = 1; }
    async updateRenderState(state) { this.layer = state.baseLayer; }
    async requestReferenceSpace(kind) { return { kind }; }
    requestAnimationFrame(draw) {
      const id = this.next++;
      requestAnimationFrame((now) => {
        if (this.over) return;
        log.frames += 1;
        const views = ["left", "right"].map((eye, i) => ({ eye, projectionMatrix: projection, transform: placed(i ? 0.032 : -0.032) }));
        draw(now, { session: this, predictedDisplayTime: performance.now() + 14, getViewerPose: () => ({ transform: placed(0), views }) });
      });
      return id;
    }
    async end() {
      if (this.over) return;
      this.over = true;
      log.ended += 1;
      this.dispatchEvent(new Event("end"));
    }
  }

  globalThis.XRWebGLLayer = class {
    constructor(session, gl) { this.gl = gl; this.framebuffer = null; }
    getViewport({ eye }) {
      const { width, height } = this.gl.canvas;
      return { x: eye === "left" ? 0 : width >> 1, y: 0, width: width >> 1, height };
    }
  };
  WebGL2RenderingContext.prototype.makeXRCompatible = async () => undefined;
  const xr = Object.assign(new EventTarget(), {
    isSessionSupported: async (mode) => mode === "immersive-vr",
    requestSession: async (mode) => { log.began += 1; log.modes.push(mode); return new Session(); },
  });
  Object.defineProperty(navigator, "xr", { value: xr, configurable: true });
})();
