// The areas of a customer list: after every change each area and the whole are counted, one after the other.
(function () {
  "use strict";

  let timer = 0;
  let asked = 0;

  async function recount(box) {
    const mine = ++asked;
    const whole = document.getElementById("count");
    let found;
    try {
      found = await (await window.usherRule.post(box.dataset.areas, new FormData(box.closest("form")))).json();
    } catch {
      return;
    }
    if (mine !== asked || !box.isConnected) return;
    document.getElementById("whole-said").textContent = found.english;
    for (const [number, text] of found.areas.entries()) {
      const shown = document.getElementById(`count-a-${number}`);
      if (!shown) continue;
      await window.usherRule.count(box, shown, text, "true");
      if (!text) shown.textContent = "\u00a0";
      if (mine !== asked) return;
    }
    await window.usherRule.count(box, whole, found.whole);
  }

  function later(event) {
    const box = event.target.closest?.("[data-areas]");
    if (!box) return;
    clearTimeout(timer);
    asked++;
    timer = setTimeout(() => recount(box), 500);
  }

  function begin() {
    const box = document.querySelector("[data-areas]");
    if (box) recount(box);
  }

  document.addEventListener("input", later);
  document.addEventListener("change", later);
  document.addEventListener("htmx:afterSettle", begin);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
