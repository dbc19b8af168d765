// One video: what is suspicious, pictures, plots that zoom together, and where the result came from.

const HINTS = {
  failed: "This row has no result. Correct the cause, then analyse it again: dlcctr resubmit or dlcctr run does that.",
  quarantined: "This row failed too often and is left alone; analyse it by hand to see why.",
  broken: "The result's files do not match its receipt. Analyse the row again with --overwrite.",
  unreadable: "The video could not be read when the manifest was made.",
  unfinished: "This row has no result yet.",
};
const panel = { view: null, stretches: [] };

function showPanel(video, isAsked) {
  const place = find("panel");
  panel.view = null;
  panel.stretches = [];
  place.scrollTop = 0;
  place.classList.toggle("open", Boolean(isAsked && video) || (place.classList.contains("open") && Boolean(video)));
  if (!video) {
    place.replaceChildren(make("p", { class: "empty" }, "No video is like that."));
    return;
  }
  const detail = detailOf(video);
  place.replaceChildren(headOf(video), rateBar(video));
  if (!detail) {
    place.append(make("p", { class: "empty" }, "The browser is still reading this file …"));
    return;
  }
  for (const part of [causeOf, flagsOf, picturesOf, plotsOf, stretchesOf, partsOf, provenanceOf]) {
    const made = part(video, detail);
    if (made) place.append(...[].concat(made));
  }
  if (panel.view) panel.view.reset(); // draws, now that the canvases have a size
}

function headOf(video) {
  const back = make("button", { type: "button", class: "back" }, "← all videos");
  back.addEventListener("click", () => find("panel").classList.remove("open"));
  const facts = [video.state, isNumber(video.duration_s) ? clock(video.duration_s) : "", "row " + video.row, shown(video.camera), /^\d/.test(video.day) ? video.day : ""];
  return make("div", {}, back, make("h2", {}, make("bdi", {}, shown(video.video))), make("p", { class: "facts" }, facts.filter(Boolean).join(" · ")));
}

function rateBar(video) {
  const each = ratingOf(video);
  const bar = make("div", { class: "rates", id: "rates" });
  for (const [word, key] of [["good", "g"], ["bad", "b"], ["unsure", "u"]]) {
    const button = make("button", { type: "button", "aria-pressed": String(Boolean(each && each.rating === word)) }, MARKS[word] + " " + word + " ", make("kbd", {}, key));
    button.addEventListener("click", () => rate(word));
    bar.append(button);
  }
  const note = make("button", { type: "button" }, "✎ note ", make("kbd", {}, "n"));
  note.addEventListener("click", editNote);
  bar.append(note);
  if (each) bar.append(make("span", { class: "said" }, shown([each.note, [each.rater, each.time.slice(0, 10)].filter(Boolean).join(", ")].filter(Boolean).join(" — "))));
  return bar;
}

function redrawRating() {
  const video = chosen();
  if (!video) return;
  const bar = find("rates");
  if (bar) bar.replaceWith(rateBar(video));
  redrawRow(list.place);
  find("count").textContent = countText();
  find("not-kept").hidden = isKept;
}

function rate(word) {
  if (!chosen()) return;
  setRating(chosen(), { rating: word });
  redrawRating();
  if (word && list.place < list.shown.length - 1) choose(list.place + 1);
}

function editNote() {
  const video = chosen();
  if (!video) return;
  const each = ratingOf(video);
  const field = make("textarea", { rows: 2, value: each ? each.note : "", "aria-label": "Note", maxLength: 2000 });
  find("rates").after(field);
  field.focus();
  let isDone = false;
  const end = (isWanted) => {
    if (isDone) return;
    isDone = true;
    const text = field.value.trim();
    field.remove();
    if (isWanted && text !== (each ? each.note : "")) setRating(video, { note: text });
    redrawRating();
    find("scroller").focus({ preventScroll: true });
  };
  field.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape" || (event.key === "Enter" && !event.shiftKey)) {
      event.preventDefault();
      end(event.key === "Enter");
    }
  });
  field.addEventListener("blur", () => end(true));
}

function causeOf(video, detail) {
  const lines = [video.cause, HINTS[video.state], ...detail.notes].filter(Boolean);
  return lines.map((line) => make("p", { class: "caption" }, shown(line)));
}

function flagsOf(video, detail) {
  if (!detail.flags.length) return video.is_judged ? [make("h3", {}, "No flags")] : null;
  const items = detail.flags.map((flag) => {
    const where = [flag.individual, flag.part].filter(Boolean).join(" ");
    const item = make("li", {}, make("b", {}, shown(flag.name)), where ? " " + shown(where) : "", " " + numberText(flag.value) + " ", make("small", {}, "limit " + numberText(flag.threshold) + ", from " + shown({ labels: "the labels", campaign: "the campaign", fixed: "a fixed rule" }[flag.source] || flag.source)));
    if (flag.first !== null && flag.stop !== null) item.append(" ", zoomButton(detail, flag.first, flag.stop));
    item.append(make("br"), make("small", {}, shown(sentence([campaign.kinds[flag.name], flag.advice].filter(Boolean).join(". ")))));
    return item;
  });
  return [make("h3", {}, plural(items.length, "flag")), make("ul", { class: "flags" }, ...items)];
}

function zoomButton(detail, first, stop) {
  const button = make("button", { type: "button", title: "zoom to it" }, "frames " + first.toLocaleString("en") + "–" + (stop - 1).toLocaleString("en"));
  button.addEventListener("click", () => zoomTo(detail, first, stop));
  return button;
}

function zoomTo(detail, first, stop) {
  if (!panel.view) return;
  const [from, to] = [placeOf(detail.timeline, first, detail.frames), placeOf(detail.timeline, stop, detail.frames)];
  const margin = Math.max((to - from) * 0.5, (panel.view.whole[1] - panel.view.whole[0]) / 100);
  panel.view.show(from - margin, to + margin);
  const plots = find("panel").querySelector(".plots");
  const box = plots.getBoundingClientRect();
  if (box.top < 0 || box.bottom > window.innerHeight) plots.scrollIntoView({ block: "nearest" });
}

function pictureButton(picture, alternative) {
  const image = make("img", { src: picture.src, alt: alternative, decoding: "async" });
  const button = make("button", { type: "button", title: "enlarge" }, image);
  button.addEventListener("click", () => {
    const dialog = find("enlarged");
    dialog.querySelector("img").src = picture.src;
    dialog.querySelector("p").textContent = captionOf(picture);
    dialog.showModal();
  });
  return button;
}

function captionOf(picture) {
  return shown([picture.why, isNumber(picture.time_s) ? clock(picture.time_s) : "", "frame " + picture.frame.toLocaleString("en")].filter(Boolean).join(" · "));
}

function picturesOf(video, detail) {
  if (!detail.pictures.length) return null;
  const shots = detail.pictures.map((picture) => {
    const button = pictureButton(picture, captionOf(picture));
    button.append(make("span", {}, captionOf(picture)));
    return button;
  });
  return [make("h3", {}, "Pictures"), make("div", { class: "pictures" }, ...shots)];
}

function plotsOf(video, detail) {
  const timeline = detail.timeline;
  if (!timeline.length) return null;
  const last = placeOf(timeline, detail.frames || timeline.first[timeline.length - 1] + 1, detail.frames);
  const view = (panel.view = new View(timeline.along[0], last));
  const ranges = [...detail.stretches, ...detail.flags.filter((flag) => flag.first !== null && flag.stop !== null)];
  const bands = ranges.map((each) => [placeOf(timeline, each.first, detail.frames), placeOf(timeline, each.stop, detail.frames)]);
  const output = make("output");
  const tool = (text, title, act) => {
    const button = make("button", { type: "button", title }, text);
    button.addEventListener("click", act);
    return button;
  };
  const tools = make("div", { class: "tools" },
    tool("+", "zoom in", () => view.zoom(0.5)), tool("−", "zoom out", () => view.zoom(2)),
    tool("‹", "earlier", () => view.move(-0.5)), tool("›", "later", () => view.move(0.5)),
    tool("whole", "whole video (0)", () => view.reset()), output);
  const box = make("div", { class: "plots" }, make("h3", {}, "Over " + (timeline.hasTimes ? "time" : "frames")), tools);
  const kinds = [
    { title: "likelihood, median of the parts", values: timeline.likelihood, range: [0, 1], stroke: "blue" },
    { title: "speed, body lengths (or px) per second", values: timeline.speed, range: null, stroke: "green" },
    { title: "suspicion, 0 to 1", values: timeline.score, range: [0, 1], stroke: "red" },
  ];
  for (const kind of kinds) {
    if (!kind.values.some(Number.isFinite)) continue;
    const plot = makePlot(timeline, view, kind, bands, (text) => { output.textContent = text; });
    box.append(make("p", { class: "plot-title" }, kind.title), plot.canvas);
  }
  if (timeline.x.some(Number.isFinite)) {
    const way = makeTrajectory(timeline, view, detail.size, bands);
    box.append(make("p", { class: "plot-title" }, "way in the picture, from dark (begin) to light (end); rings are suspicious"), way.canvas);
  }
  return box;
}

function stretchesOf(video, detail) {
  panel.stretches = detail.stretches.map((each) => () => zoomTo(detail, each.first, each.stop));
  if (!detail.stretches.length) return null;
  const images = new Map(detail.pictures.map((picture) => [picture.name, picture]));
  const lines = detail.stretches.map((each, i) => {
    const picture = images.get(each.picture);
    const when = detail.timeline.hasTimes ? clock(placeOf(detail.timeline, each.first, detail.frames)) : "";
    return make("tr", {}, make("th", { scope: "row" }, String(i + 1)), make("td", {}, zoomButton(detail, each.first, each.stop), make("br"), when), make("td", { class: "number" }, each.score.toFixed(2)), make("td", {}, shown(each.flags.join(", "))), make("td", {}, picture ? pictureButton(picture, captionOf(picture)) : ""));
  });
  const head = make("thead", {}, make("tr", {}, ...["", "where", "suspicion", "flags", "picture"].map((name) => make("th", { scope: "col" }, name))));
  return [make("h3", {}, "Worst stretches"), make("table", { class: "plain small worst" }, head, make("tbody", {}, ...lines))];
}

function partsOf(video, detail) {
  if (!detail.parts.length) return null;
  const percent = (value) => (isNumber(value) ? (100 * value).toFixed(1) + " %" : "–");
  const columns = ["likelihood", "unsure", "jumps", "frozen", "outside", "odd"];
  const names = ["low_share", "jump_share", "frozen_share", "outside_share", "odd_share"];
  const lines = detail.parts.map((part) => make("tr", {}, make("th", { scope: "row" }, shown([part.individual, part.name].filter(Boolean).join(" "))), make("td", { class: "number" }, numberText(part.likelihood_median)), ...names.map((name) => make("td", { class: "number" }, percent(part[name])))));
  const head = make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "body part"), ...columns.map((name) => make("th", { scope: "col", class: "number" }, name))));
  return make("details", { open: detail.parts.length <= 12 }, make("summary", {}, make("h3", {}, "Body parts")), make("table", { class: "plain small" }, head, make("tbody", {}, ...lines)));
}

function provenanceOf(video, detail) {
  const lines = detail.provenance.map(([name, value]) => make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, shown(value))));
  return make("details", {}, make("summary", {}, make("h3", {}, "Where it came from")), make("table", { class: "plain small provenance" }, make("tbody", {}, ...lines)));
}
