// Puts a button behind every element with data-copy: it copies what stands in it.
(function () {
  "use strict";

  async function copied(from) {
    const text = "value" in from ? from.value : from.textContent;
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // pages that do not come over https have no clipboard: it is marked, to be copied by hand
      if (from.select) from.select();
      else getSelection().selectAllChildren(from);
      return document.execCommand("copy");
    }
  }

  for (const from of document.querySelectorAll("[data-copy]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn small copier";
    button.textContent = from.dataset.copy;
    button.setAttribute("aria-live", "polite");
    button.addEventListener("click", async () => {
      button.textContent = (await copied(from)) ? from.dataset.copied : from.dataset.copy;
    });
    from.after(button);
  }
})();
