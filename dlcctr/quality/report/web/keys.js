// The keyboard does all that is needed to go through a thousand videos.

function step(by) {
  if (list.shown.length) choose(Math.max(0, list.place + by));
}

function nextUnrated() {
  for (let place = list.place + 1; place < list.shown.length; place++) {
    const each = ratingOf(list.shown[place]);
    if (!each || !each.rating) return choose(place);
  }
}

function zoomToStretch(number) {
  if (!panel.view) return;
  if (number === 0) panel.view.reset();
  else if (panel.stretches[number - 1]) panel.stretches[number - 1]();
}

const ACTIONS = {
  j: () => step(1), k: () => step(-1), ArrowDown: () => step(1), ArrowUp: () => step(-1),
  PageDown: () => step(8), PageUp: () => step(-8), Home: () => choose(0), End: () => choose(list.shown.length - 1),
  J: nextUnrated, g: () => rate("good"), b: () => rate("bad"), u: () => rate("unsure"), x: () => rate(""),
  n: editNote, "/": () => find("search").focus(), a: clearFilters, e: exportRatings, "?": () => find("help").showModal(),
  Enter: () => chosen() && find("panel").classList.add("open"),
  Escape: () => find("panel").classList.remove("open"),
};

function onKey(event) {
  const target = event.target;
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (target.matches("input, textarea, select")) {
    if (event.key === "Escape" || (event.key === "Enter" && target.matches("input"))) {
      target.blur();
      find("scroller").focus({ preventScroll: true });
    }
    return;
  }
  if (event.key === "Enter" && target.matches("button, summary")) return;
  const act = /^[0-9]$/.test(event.key) ? () => zoomToStretch(Number(event.key)) : ACTIONS[event.key];
  if (!act) return;
  event.preventDefault();
  bringListUp();
  act();
}

// Keys act on the list, so it has to be seen.
function bringListUp() {
  const box = find("videos").getBoundingClientRect();
  if (box.top > window.innerHeight * 0.5 || box.bottom < 0) find("videos").scrollIntoView();
}
