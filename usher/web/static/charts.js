// Draws every element with data-source: its numbers are in the JSON script of that id, as {x, y, shown}.
(function () {
  "use strict";

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function grouped(number) {
    return number == null ? "" : number.toLocaleString("en-GB");
  }

  function tip(box, data) {
    const bubble = document.createElement("div");
    bubble.className = "tip";
    bubble.hidden = true;
    box.appendChild(bubble);
    return function (plot) {
      const at = plot.cursor.idx;
      bubble.hidden = at == null || plot.data[1][at] == null;
      if (bubble.hidden) return;
      const names = data.names || [box.dataset.label || ""];
      const said = names.map((name, one) => grouped(plot.data[one + 1][at]) + " " + name);
      bubble.textContent = [data.shown[at]].concat(said).join(" · ");
      const left = plot.valToPos(plot.data[0][at], "x") + plot.bbox.left / devicePixelRatio;
      const widest = box.clientWidth - bubble.offsetWidth;
      bubble.style.left = Math.max(0, Math.min(widest, left - bubble.offsetWidth / 2)) + "px";
      bubble.style.top = "0px";
    };
  }

  function draw(box) {
    const data = JSON.parse(document.getElementById(box.dataset.source).textContent);
    const dots = box.dataset.kind === "dots";
    const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px Inter, sans-serif" };
    const lines = data.ys || [data.y];
    const colours = ["--curtain", "--info", "--good"];
    // what lies on another line leaves gaps through which that is seen
    const dashes = lines.length > 1 ? [undefined, [9, 4], [3, 5]] : [];
    const spanned = data.x.length ? data.x[data.x.length - 1] - data.x[0] : 0;
    const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: data.zone || "UTC" };
    const month = { month: "short", day: "numeric", timeZone: data.zone || "UTC" };
    const options = {
      width: box.clientWidth, height: box.clientHeight, legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
      scales: { x: { time: true }, y: { range: (_, low, high) => dots ? [0, Math.max(1, high * 1.1)] : padded(low, high) } },
      axes: [
        Object.assign({}, axis, { grid: { show: false }, space: 70, size: 28, values: (_, splits) => splits.map((s) => labelled(new Date(s * 1000))) }),
        Object.assign({}, axis, { size: 62, values: (_, splits) => splits.map((one) => (Number.isInteger(one) ? grouped(one) : "")) }),
      ],
      series: [{}].concat(lines.map((_, one) => ({
        stroke: colour(colours[one]), width: dots ? 0 : 2, fill: dots || lines.length > 1 ? undefined : colour("--curtain-soft"), paths: dots ? () => null : lines.length > 1 ? uPlot.paths.stepped({ align: 1 }) : undefined, dash: dashes[one], points: { show: dots || data.x.length < 3, size: 6, fill: colour(colours[one]) },
      }))),
      hooks: { setCursor: [tip(box, data)] },
    };
    function labelled(date) {
      return spanned < 36 * 3600 ? date.toLocaleTimeString("en-GB", clock) : date.toLocaleDateString("en-GB", month);
    }
    return new uPlot(options, [data.x].concat(lines), box);
  }

  function padded(low, high) {
    const space = Math.max(1, (high - low) * 0.15);
    return [Math.max(0, low - space), high + space];
  }

  function all(within) {
    for (const box of within.querySelectorAll("[data-source]")) {
      let plot = draw(box);
      new ResizeObserver(() => plot.setSize({ width: box.clientWidth, height: box.clientHeight })).observe(box);
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
        plot.destroy();
        box.replaceChildren();
        plot = draw(box);
      });
    }
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => all(document));
  else all(document);
  // parts that HTMX fetches bring charts of their own
  document.addEventListener("htmx:afterSwap", (swapped) => all(swapped.detail.target));
})();
