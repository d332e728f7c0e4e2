// The chosen theme, before the first paint. A plain script: modules run too late for that.
(() => {
  try {
    const chosen = localStorage.getItem("kindred.theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {
    // Storage may be forbidden; then the system decides.
  }
})();
