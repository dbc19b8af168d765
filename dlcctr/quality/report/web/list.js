// The list: only the rows that are seen are in the page, however many there are.

const OVERSCAN = 4;
const HEADS = [["rating", ""], ["", ""], ["video", "video"], ["flags", "flags"], ["likelihood", "likelihood"], ["", "speed"], ["state", "state"]];
const ORDER = { good: 2, unsure: 1, bad: 0 };
const KEYS = {
  worst: (video) => -video.badness,
  row: (video) => video.row,
  video: (video) => video.video.toLowerCase(),
  flags: (video) => -video.flags.length,
  likelihood: (video) => (isNumber(video.likelihood) ? video.likelihood : 2),
  state: (video) => campaign.states.indexOf(video.state),
  rating: (video) => { const each = ratingOf(video); return each && each.rating in ORDER ? ORDER[each.rating] : 3; },
  length: (video) => -(video.duration_s || 0),
  camera: (video) => video.camera,
  day: (video) => video.day,
};

const list = { shown: [], place: -1, sort: "worst", isReversed: false, elements: new Map() };

function chosen() {
  return list.shown[list.place] || null;
}

function rowHeight() {
  return parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--row"));
}

function sortVideos(found) {
  const key = KEYS[list.sort];
  const keyed = found.map((video) => [key(video), video]);
  const turn = list.isReversed ? -1 : 1;
  keyed.sort(([a, one], [b, two]) => (a < b ? -turn : a > b ? turn : one.row - two.row));
  return keyed.map(([, video]) => video);
}

// Show videos, in the order that is chosen; the first one is chosen, unless another is still there and wanted.
function showList(found, isKept) {
  const before = isKept ? chosen() : null;
  list.shown = sortVideos(found);
  list.elements.clear();
  find("spacer").replaceChildren();
  find("spacer").style.height = list.shown.length * rowHeight() + "px";
  find("count").textContent = countText();
  list.place = before ? list.shown.indexOf(before) : -1;
  drawHead();
  if (!isKept) find("scroller").scrollTop = 0;
  if (list.place < 0) choose(list.shown.length ? 0 : -1);
  else reveal();
  drawRows();
}

function countText() {
  const rated = videos.filter((video) => { const each = ratingOf(video); return each && each.rating; }).length;
  const part = list.shown.length === videos.length ? plural(videos.length, "video") : list.shown.length.toLocaleString("en") + " of " + plural(videos.length, "video");
  return part + " · " + rated.toLocaleString("en") + " rated";
}

function drawHead() {
  // the list may have a scroll bar, and its head has none
  find("head").style.paddingRight = 10 + find("scroller").offsetWidth - find("scroller").clientWidth + "px";
  find("head").replaceChildren(...HEADS.map(([key, title]) => {
    if (!key) return make("span", {}, title ? make("button", { type: "button", disabled: true }, title) : "");
    const sign = list.sort === key ? (list.isReversed ? " ▴" : " ▾") : "";
    const button = make("button", { type: "button", title: "sort by " + key }, (title || "✓") + sign);
    if (sign) button.dataset.sorted = list.isReversed ? "descending" : "ascending";
    button.addEventListener("click", () => sortBy(key));
    return button;
  }));
}

function sortBy(key) {
  list.isReversed = list.sort === key && !list.isReversed;
  list.sort = key;
  find("sort").value = key;
  showList(list.shown);
}

function drawRows() {
  const [scroller, height] = [find("scroller"), rowHeight()];
  const from = Math.max(0, Math.floor(scroller.scrollTop / height) - OVERSCAN);
  const to = Math.min(list.shown.length, Math.ceil((scroller.scrollTop + scroller.clientHeight) / height) + OVERSCAN);
  for (const [place, element] of list.elements) {
    if (place < from || place >= to) {
      element.remove();
      list.elements.delete(place);
    }
  }
  // from below, so that each is put before the one that follows it
  for (let place = to - 1; place >= from; place--) if (!list.elements.has(place)) drawRow(place, height);
}

function drawRow(place, height) {
  const video = list.shown[place];
  const detail = detailOf(video);
  const picture = detail && detail.pictures[0];
  const cut = video.video.lastIndexOf("/") + 1;
  const sparks = [make("canvas"), make("canvas")];
  const element = make("div", { class: "video" + (place === list.place ? " chosen" : ""), role: "option", id: "v" + video.row, "aria-selected": String(place === list.place) },
    markOf(video),
    make("div", { class: "shot" }, picture ? make("img", { src: picture.src, alt: "", decoding: "async" }) : make("span", { class: "no-picture" })),
    make("div", { class: "name", title: shown(video.video) }, make("b", {}, make("bdi", {}, shown(video.video.slice(cut)))), make("small", {}, make("bdi", {}, shown(video.video.slice(0, cut)) || "row " + video.row), isNumber(video.duration_s) ? " · " + clock(video.duration_s).replace(/\.\d$/, "") : "")),
    make("div", { class: "chips" }, ...chipsOf(video)),
    make("div", { class: "spark" }, sparks[0], isNumber(video.likelihood) ? make("b", {}, video.likelihood.toFixed(2)) : ""),
    make("div", { class: "spark speed" }, sparks[1]),
    stateOf(video));
  element.style.top = place * height + "px";
  element.addEventListener("click", () => choose(place, true));
  find("spacer").insertBefore(element, list.elements.get(place + 1) || null);
  list.elements.set(place, element);
  if (detail && detail.timeline.length) {
    drawSpark(sparks[0], detail.timeline, detail.timeline.likelihood, [0, 1], "blue");
    drawSpark(sparks[1], detail.timeline, detail.timeline.speed, null, "soft");
  }
}

function chipsOf(video) {
  if (video.flags.length) return video.flags.map((name) => make("span", { class: "chip", title: campaign.kinds[name] || "" }, shown(name)));
  if (video.cause) return [make("span", { class: "chip quiet", title: shown(video.cause) }, shown(video.cause.slice(0, 60)))];
  return video.is_judged || video.state === "unfinished" ? [] : [make("span", { class: "chip quiet" }, "not judged")];
}

function markOf(video) {
  const each = ratingOf(video);
  const word = each ? each.rating : "";
  return make("span", { class: "mark" + (word ? " is-" + word : ""), title: each ? shown([word, each.note].filter(Boolean).join(": ")) : "not rated" }, MARKS[word] || (each && each.note ? "✎" : ""));
}

function stateOf(video) {
  return make("span", { class: "state" }, make("i", { class: "state-" + video.state }), video.state);
}

function redrawRow(place) {
  const element = list.elements.get(place);
  if (!element) return;
  element.remove();
  list.elements.delete(place);
  drawRow(place, rowHeight());
}

function reveal() {
  const [scroller, height] = [find("scroller"), rowHeight()];
  const top = list.place * height;
  if (list.place < 0) return;
  if (top < scroller.scrollTop) scroller.scrollTop = top;
  else if (top + 2 * height > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = top + 2 * height - scroller.clientHeight;
}

function choose(place, isAsked) {
  const before = list.place;
  list.place = place < 0 ? -1 : Math.min(place, list.shown.length - 1);
  for (const each of [before, list.place]) {
    const element = list.elements.get(each);
    if (element) {
      element.classList.toggle("chosen", each === list.place);
      element.setAttribute("aria-selected", String(each === list.place));
    }
  }
  if (chosen()) find("scroller").setAttribute("aria-activedescendant", "v" + chosen().row);
  reveal();
  drawRows();
  showPanel(chosen(), isAsked);
}
