// Eyes for tests: after every picture the viewer draws, counts the mouth's and the eyes' colours on
// its canvas (tests/figures/maker.py), each half apart, with the loudness of the call where one is on.
(() => {
  const seen = [];
  globalThis.figureSeen = seen;
  const small = document.createElement("canvas");
  small.width = 240;
  small.height = 160;
  const paper = small.getContext("2d", { willReadFrequently: true });
  let last = 0;
  const look = () => {
    if (performance.now() - last < (globalThis.figureEveryMs ?? 60)) return; // looking costs more than drawing does
    const canvas = document.querySelector("canvas.figure");
    if (canvas?.dataset.drawn) {
      paper.clearRect(0, 0, small.width, small.height);
      paper.drawImage(canvas, 0, 0, small.width, small.height);
      const { data } = paper.getImageData(0, 0, small.width, small.height);
      const one = { at: performance.now(), mouth: 0, eyes: 0, left: 0, right: 0, ink: 0, leftX: 0, rightX: 0, shape: canvas.dataset.shape };
      for (let i = 0; i < data.length; i += 4) {
        const [r, g, b, a] = [data[i], data[i + 1], data[i + 2], data[i + 3]];
        if (a > 128) one.ink += 1;
        if (a > 128 && r > 90 && g < 40 && b < 40) {
          one.mouth += 1;
          const x = (i / 4) % small.width;
          if (x < small.width / 2) { one.left += 1; one.leftX += x; } else { one.right += 1; one.rightX += x - small.width / 2; }
        }
        if (a > 128 && b > 150 && r < 90 && g < 90) one.eyes += 1;
      }
      if (!one.ink) return; // not this turn's
      last = one.at;
      seen.push(one);
      if (seen.length > 6000) seen.shift();
    }
  };
  // A picture can be read only right after it was drawn, before it is shown.
  const next = globalThis.requestAnimationFrame.bind(globalThis);
  globalThis.requestAnimationFrame = (draw) => next((now) => { draw(now); look(); });
})();
