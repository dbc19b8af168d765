// What the list shows: the toolbar's fields, and the campaign's numbers, which can be clicked.

const SORTS = { worst: "worst first", row: "row", video: "name", flags: "number of flags", likelihood: "likelihood", rating: "rating", state: "state", length: "length", camera: "camera", day: "day" };
const filter = { day: "" };

function fill(id, options) {
  find(id).replaceChildren(...options.map(([value, text]) => make("option", { value }, shown(text))));
}

function counted(values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) || 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([value, count]) => ["=" + value, value + " (" + count + ")"]);
}

function prepareFilters() {
  fill("flag", [["", "any flag or none"], ["any", "flagged"], ["none", "not flagged"], ...counted(videos.flatMap((video) => video.flags))]);
  fill("state", [["", "any state"], ...counted(videos.map((video) => video.state))]);
  fill("rating", [["", "rated or not"], ["none", "not rated"], ["=good", "good"], ["=bad", "bad"], ["=unsure", "unsure"], ["note", "with a note"]]);
  fill("camera", [["", "any camera"], ...counted(videos.map((video) => video.camera))]);
  fill("sort", Object.entries(SORTS));
  for (const id of ["flag", "state", "rating", "camera"]) find(id).addEventListener("change", applyFilters);
  find("sort").addEventListener("change", () => { list.sort = find("sort").value; list.isReversed = false; showList(list.shown); });
  let waiting = 0;
  find("search").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(applyFilters, 80); });
  find("clear").addEventListener("click", clearFilters);
  for (const button of document.querySelectorAll("[data-filter]")) button.addEventListener("click", () => filterBy(button.dataset));
}

function isShown(video, words, wanted) {
  const { flag, state, rating, camera } = wanted;
  if (flag === "any" && !video.flags.length) return false;
  if (flag === "none" && video.flags.length) return false;
  if (flag[0] === "=" && !video.flags.includes(flag.slice(1))) return false;
  if (state && "=" + video.state !== state) return false;
  if (camera && "=" + video.camera !== camera) return false;
  if (filter.day && video.day !== filter.day) return false;
  const each = ratingOf(video);
  if (rating === "none" && each && each.rating) return false;
  if (rating === "note" && !(each && each.note)) return false;
  if (rating[0] === "=" && (!each || each.rating !== rating.slice(1))) return false;
  if (!words.length) return true;
  const text = (video.video + " " + video.flags.join(" ") + " " + (each ? each.note : "") + " " + video.cause).toLowerCase();
  return words.every((word) => text.includes(word));
}

function applyFilters() {
  const wanted = Object.fromEntries(["flag", "state", "rating", "camera"].map((id) => [id, find(id).value]));
  const words = find("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  find("clear").hidden = !(words.length || filter.day || Object.values(wanted).some(Boolean));
  find("clear").textContent = filter.day ? "Show all (now " + filter.day + ")" : "Show all";
  showList(videos.filter((video) => isShown(video, words, wanted)));
}

function clearFilters() {
  for (const id of ["search", "flag", "state", "rating", "camera"]) find(id).value = "";
  filter.day = "";
  applyFilters();
}

function filterBy({ filter: what, value, camera }) {
  clearFilters();
  const choose = (id, wanted) => { if ([...find(id).options].some((option) => option.value === wanted)) find(id).value = wanted; };
  if (what === "day") {
    filter.day = value;
    choose("flag", "any");
  } else {
    choose(what, "=" + value);
  }
  if (camera) choose("camera", "=" + camera);
  applyFilters();
  find("videos").scrollIntoView();
}
