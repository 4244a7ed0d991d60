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
      if (mine !== asked || !box.isConnected) return;
      for (const shown of box.querySelectorAll(".areacount")) shown.textContent = "\u00a0";
      return window.usherRule.count(box, whole, "");
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
    window.usherRule.count(box, document.getElementById("count"), "");
    timer = setTimeout(() => recount(box), 500);
  }

  function begin() {
    const box = document.querySelector("[data-areas]");
    if (box) recount(box);
  }

  //: What a button changed is where one goes on: the new part, or what took the place of the old one.
  function continued(did) {
    const [verb, place, part] = did.split(":");
    const areas = document.querySelectorAll(".area");
    const first = "textarea, input[type=search]";
    const add = (card) => card?.querySelector('[value^="add-rule:"]');
    let next;
    if (verb === "add-area" || verb === "drop-area") {
      const card = areas[Math.min(verb === "add-area" ? Infinity : Number(place), areas.length - 1)];
      next = card?.querySelector(first) || add(card);
    } else {
      const card = document.querySelector(`[data-place="${place}"]`);
      const parts = card ? card.querySelectorAll(".part") : [];
      const at = Math.min(verb === "drop" ? Number(part) : Infinity, parts.length - 1);
      next = parts[at]?.querySelector(first) || add(card);
    }
    next?.focus();
  }

  let did = "";
  document.addEventListener("htmx:beforeRequest", (event) => {
    const button = event.target.closest?.('#areas [name="do"]');
    did = button ? button.value : "";
  });
  document.addEventListener("htmx:afterSettle", () => {
    if (did) continued(did);
    did = "";
  });
  document.addEventListener("input", later);
  document.addEventListener("change", later);
  document.addEventListener("htmx:afterSettle", begin);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
