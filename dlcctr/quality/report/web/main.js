// Put together.

function printTable() {
  const columns = ["row", "video", "state", "flags", "likelihood", "rating", "note"];
  const lines = list.shown.map((video) => {
    const each = ratingOf(video);
    const cells = [video.row, video.video, video.state, video.flags.join(", ") || video.cause, isNumber(video.likelihood) ? video.likelihood.toFixed(2) : "", each ? each.rating : "", each ? each.note : ""];
    return make("tr", {}, ...cells.map((cell) => make("td", {}, shown(cell))));
  });
  const head = make("thead", {}, make("tr", {}, ...columns.map((name) => make("th", { scope: "col" }, name))));
  find("print").replaceChildren(make("h2", {}, plural(list.shown.length, "video")), make("table", { class: "plain" }, head, make("tbody", {}, ...lines)));
}

function redraw() {
  list.elements.clear();
  find("spacer").replaceChildren();
  find("spacer").style.height = list.shown.length * rowHeight() + "px";
  drawRows();
  if (panel.view) panel.view.show(panel.view.low, panel.view.high);
}

async function copyMethods() {
  const text = find("methods").textContent;
  try {
    await navigator.clipboard.writeText(text);
    find("copy-methods").textContent = "Copied";
  } catch (error) {
    getSelection().selectAllChildren(find("methods")); // for the person to copy
  }
}

function begin() {
  loadRatings();
  find("rater").value = rater;
  find("not-kept").hidden = isKept;
  find("videos").hidden = false;
  prepareFilters();
  applyFilters();
  let isWaiting = false;
  find("scroller").addEventListener("scroll", () => {
    if (isWaiting) return;
    isWaiting = true;
    requestAnimationFrame(() => { isWaiting = false; drawRows(); });
  });
  document.addEventListener("keydown", onKey);
  find("rater").addEventListener("change", () => setRater(find("rater").value));
  find("export").addEventListener("click", exportRatings);
  find("show-help").addEventListener("click", () => find("help").showModal());
  find("copy-methods").addEventListener("click", copyMethods);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  window.addEventListener("resize", redraw);
  window.addEventListener("beforeprint", printTable);
  window.addEventListener("afterprint", () => find("print").replaceChildren());
  window.addEventListener("beforeunload", (event) => { if (!isKept && hasUnexported) event.preventDefault(); });
  // Pictures and plots come after this script in the file: the list is there before them.
  document.addEventListener("DOMContentLoaded", () => { redraw(); showPanel(chosen()); });
}

begin();
