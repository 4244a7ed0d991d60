// Every element with data-rule is a field for a rule: checked while one types, completed, said in English, counted.
(function () {
  "use strict";

  //: Names this page to the server, so that a newer count ends the older one.
  const tab = Array.from(crypto.getRandomValues(new Uint32Array(3)), (n) => n.toString(36)).join("");
  const PAUSE = 300;

  async function post(url, values, signal) {
    const body = values instanceof FormData ? values : new FormData();
    if (body !== values) for (const [name, value] of Object.entries(values)) body.append(name, value);
    body.set("csrfmiddlewaretoken", document.querySelector("[name=csrfmiddlewaretoken]").value);
    const answer = await fetch(url, { method: "POST", body, signal, headers: { "HX-Request": "true" } });
    if (!answer.ok || answer.headers.has("HX-Refresh")) throw new Error("not answered");
    return answer;
  }

  // The server counts characters, the browser counts units of UTF-16.
  const points = (text) => Array.from(text).length;
  const units = (text, count) => Array.from(text).slice(0, count).join("").length;

  function element(tag, kind, text) {
    const made = document.createElement(tag);
    if (kind) made.className = kind;
    if (text) made.textContent = text;
    return made;
  }

  function field(box) {
    const area = box.querySelector("textarea");
    const back = box.querySelector(".backdrop");
    const slips = box.querySelector(".slips");
    const english = box.querySelector(".say");
    const state = { asked: 0, timer: 0, found: { slips: [] }, shown: [] };
    const offers = completion(box, area, back, replace, () => told());

    function replace(start, end, text) {
      area.focus();
      area.setSelectionRange(start, end);
      // keeps the browser's undo; where it is gone, the text is put in plainly
      if (!document.execCommand("insertText", false, text)) {
        area.setRangeText(text, start, end, "end");
        area.dispatchEvent(new Event("input", { bubbles: true }));
      }
    }

    function drawn() {
      const text = area.value;
      back.replaceChildren();
      let end = 0;
      for (const slip of state.shown) {
        const from = Math.max(end, units(text, slip.start));
        const to = Math.max(from, units(text, slip.end));
        back.append(text.slice(end, from), element("mark", "", text.slice(from, to) || " "));
        end = to;
      }
      back.append(text.slice(end), "\u200b");
    }

    function told() {
      // what is still being typed is not wrong yet
      const at = points(area.value.slice(0, area.selectionStart));
      const current = state.found.slips.filter((slip) => !(offers.open() && slip.start <= at && at <= slip.end));
      const list = current.map((slip) => {
        const row = element("li", "", slip.message + " ");
        if (slip.fix) {
          const mend = element("button", "btn small", box.dataset.use.replace("…", slip.fix.text));
          mend.type = "button";
          mend.addEventListener("click", () => {
            const text = area.value;
            replace(units(text, slip.fix.start), units(text, slip.fix.end), slip.fix.text);
          });
          row.append(mend);
        }
        return row;
      });
      state.shown = current;
      slips.replaceChildren(...list);
      area.setAttribute("aria-invalid", list.length ? "true" : "false");
      english.textContent = state.found.english || "";
      english.hidden = !state.found.english;
      drawn();
    }

    async function check() {
      const mine = ++state.asked;
      const text = area.value;
      try {
        const values = { text, value: box.dataset.value };
        const found = text.trim() ? await (await post(box.dataset.check, values)).json() : { slips: [] };
        if (mine !== state.asked) return;
        state.found = found;
      } catch {
        if (mine !== state.asked) return;
        state.found = { slips: [{ message: box.dataset.lost, start: 0, end: 0 }] };
      }
      told();
      const fits = Boolean(state.found.english);
      box.dispatchEvent(new CustomEvent("judged", { bubbles: true, detail: { fits, text } }));
      const shown = box.dataset.count && document.getElementById(box.dataset.count);
      if (shown) count(box, shown, fits ? text : "");
    }

    area.addEventListener("input", () => {
      state.asked++;
      state.found = { slips: [] };
      state.shown = [];
      drawn();
      const shown = box.dataset.count && document.getElementById(box.dataset.count);
      if (shown) count(box, shown, "");
      offers.ask(false);
      clearTimeout(state.timer);
      state.timer = setTimeout(check, PAUSE);
    });
    for (const example of document.querySelectorAll(`[data-into="${area.id}"]`)) {
      example.addEventListener("click", () => replace(0, area.value.length, example.textContent.trim()));
    }
    drawn();
    if (area.value.trim()) check();
  }

  const counts = new Map();

  //: Shows the count of a rule in an element; a newer one of the same element ends it. Without a text
  //: nothing is counted, and what stands there is marked as that of an earlier rule.
  async function count(box, shown, text, short = "false") {
    counts.get(shown)?.abort();
    shown.classList.toggle("past", !text);
    if (!text) {
      shown.classList.remove("counting");
      shown.setAttribute("aria-busy", "false");
      return;
    }
    const leaving = new AbortController();
    counts.set(shown, leaving);
    shown.classList.add("counting");
    shown.setAttribute("aria-busy", "true");
    try {
      const values = { text, short, value: box.dataset.value || "false", token: `${tab}-${shown.id}` };
      // of very many an estimate comes first: then everybody is asked
      do {
        const answer = await post(box.dataset.preview, values, leaving.signal);
        const said = await answer.text();
        if (leaving.signal.aborted) return;
        if (!values.exact || !said.includes("data-late")) shown.innerHTML = said;
        else shown.querySelector("[data-rough]").textContent = box.dataset.late;
        values.exact = values.exact ? "" : "true";
      } while (values.exact && shown.querySelector("[data-rough]"));
    } catch {
      if (leaving.signal.aborted) return;
      shown.replaceChildren(element("p", "soft", box.dataset.lost));
    }
    shown.classList.remove("counting");
    shown.setAttribute("aria-busy", "false");
  }

  //: A word is being typed: a name, what follows a dot or a bracket, a text whose quote is still open.
  function typing(before) {
    const outside = before.replace(/"[^"]*"|'[^']*'/g, "0");
    return /["']/.test(outside) || /(^|[^\p{L}\p{N}_.])[\p{L}_][\p{L}\p{N}_.-]*$|[.(]$/u.test(outside);
  }

  //: The list of what may come next, under the place of writing.
  function completion(box, area, back, replace, closed) {
    const list = box.querySelector(".offers");
    const state = { asked: 0, found: [], length: 0, at: 0, moved: false };

    function close() {
      state.asked++;
      state.found = [];
      list.hidden = true;
      list.removeAttribute("style"); // what HTMX puts in its place must bring none
      area.removeAttribute("aria-activedescendant");
    }

    function placed() {
      const [node, offset] = within(back, area.selectionStart);
      const range = document.createRange();
      range.setStart(node, offset);
      const mark = range.getBoundingClientRect();
      const frame = area.parentElement.getBoundingClientRect();
      list.hidden = false;
      const left = Math.min(mark.left - frame.left, frame.width - list.offsetWidth);
      list.style.left = Math.max(0, left) + "px";
      list.style.top = mark.bottom - frame.top + 4 + "px";
    }

    function chosen(at) {
      state.at = (at + state.found.length) % state.found.length;
      for (const [number, row] of Array.from(list.children).entries()) {
        row.setAttribute("aria-selected", number === state.at ? "true" : "false");
        if (number === state.at) {
          area.setAttribute("aria-activedescendant", row.id);
          row.scrollIntoView({ block: "nearest" });
        }
      }
    }

    function take(offer) {
      const text = area.value;
      const [start, end] = [units(text, offer.start), units(text, offer.end)];
      close();
      replace(start, end, offer.text);
    }

    function open() {
      const rows = state.found.map((offer, number) => {
        const row = element("li");
        row.id = `${list.id}-${number}`;
        row.setAttribute("role", "option");
        row.append(element("b", "", offer.text), element("span", "", offer.note || offer.kind));
        row.addEventListener("pointerdown", (event) => event.preventDefault());
        row.addEventListener("click", () => take(offer));
        return row;
      });
      list.replaceChildren(...rows);
      state.moved = false;
      placed();
      chosen(0);
    }

    //: Until the server answers only those are offered that go on as it was typed: none is of an older text.
    function narrow() {
      const text = Array.from(area.value);
      const grown = text.length - state.length;
      state.length = text.length;
      const shown = state.found.length;
      state.found = state.found.map((one) => ({ ...one, end: one.end + grown })).filter((one) => {
        const typed = text.slice(one.start, one.end).join("").toLowerCase();
        return typed.length < one.text.length && one.text.toLowerCase().startsWith(typed);
      });
      if (state.found.length) open();
      else if (shown) list.hidden = true;
    }

    async function ask(wanted) {
      const at = area.selectionStart;
      const before = area.value.slice(0, at);
      if (at !== area.selectionEnd || !(wanted || typing(before))) return close();
      const mine = ++state.asked;
      narrow();
      try {
        const values = { text: area.value, position: points(before) };
        const found = (await (await post(box.dataset.complete, values)).json()).offers;
        if (mine !== state.asked) return;
        const there = (one) => one.text === Array.from(area.value).slice(one.start, one.end).join("");
        if (!wanted && found.some(there)) return close(); // the word is whole
        state.found = found.filter((one) => !there(one));
        state.length = points(area.value);
      } catch {
        if (mine === state.asked) close();
        return;
      }
      if (!state.found.length || document.activeElement !== area) return close();
      open();
    }

    area.addEventListener("keydown", (event) => {
      if (event.key === " " && event.ctrlKey) {
        event.preventDefault();
        return ask(true);
      }
      if (list.hidden) return;
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        state.moved = true;
        chosen(state.at + (event.key === "ArrowDown" ? 1 : -1));
      } else if ((event.key === "Tab" && !event.shiftKey) || (event.key === "Enter" && state.moved)) {
        event.preventDefault();
        take(state.found[state.at]);
      } else if (event.key === "Escape") {
        event.preventDefault();
        close();
        closed();
      }
    });
    area.addEventListener("blur", () => {
      const was = !list.hidden;
      close();
      if (was) closed();
    });
    return { ask, open: () => !list.hidden };
  }

  function within(back, offset) {
    const walk = document.createTreeWalker(back, NodeFilter.SHOW_TEXT);
    let left = offset;
    let node = walk.nextNode();
    while (node && left > node.length) {
      left -= node.length;
      node = walk.nextNode();
    }
    return node ? [node, left] : [back, 0];
  }

  const begun = new WeakSet();

  function all(root) {
    for (const box of root.querySelectorAll("[data-rule]")) {
      if (begun.has(box)) continue;
      begun.add(box);
      field(box);
    }
  }

  // Whoever leaves the page waits for no count.
  addEventListener("pagehide", () => {
    const box = document.querySelector("[data-leave]");
    if (!box || !counts.size) return;
    const body = new FormData();
    for (const shown of counts.keys()) body.append("token", `${tab}-${shown.id}`);
    body.append("csrfmiddlewaretoken", document.querySelector("[name=csrfmiddlewaretoken]").value);
    navigator.sendBeacon(box.dataset.leave, body);
  });

  window.usherRule = { count, post };
  document.addEventListener("htmx:load", (event) => all(event.target.parentElement || document));
  function begin() {
    all(document);
    // a rule became areas, or areas a rule: one goes on in it
    document.querySelector("[data-turned] :is(.area textarea, .area input[type=search], #rule)")?.focus();
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
