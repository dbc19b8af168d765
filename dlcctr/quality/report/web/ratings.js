// Ratings: kept in the browser where it lets us, exported as a table that `dlcctr rate` takes in.

const STORE = "dlcctr-ratings:" + campaign.key;
const COLUMNS = ["row", "video", "fingerprint", "rating", "note", "rater", "time"];
const MARKS = { good: "✓", bad: "✗", unsure: "?" };
const ESCAPES = { "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r" };

const mine = new Map(); // row to {rating, note, rater, time}
let rater = "";
let isKept = true; // whether the browser keeps them
let hasUnexported = false;

function loadRatings() {
  try {
    const kept = JSON.parse(localStorage.getItem(STORE) || "{}");
    rater = typeof kept.rater === "string" ? kept.rater : "";
    const known = new Set(videos.map((video) => video.row));
    for (const [row, each] of Object.entries(kept.ratings || {})) {
      if (known.has(Number(row)) && each && typeof each.time === "string") mine.set(Number(row), each);
    }
    localStorage.setItem(STORE, localStorage.getItem(STORE) || "{}");
  } catch (error) {
    isKept = false; // a file: page in some browsers, private windows, a full store, damaged text
  }
}

function keepRatings() {
  hasUnexported = true;
  try {
    localStorage.setItem(STORE, JSON.stringify({ rater, ratings: Object.fromEntries(mine) }));
    isKept = true;
  } catch (error) {
    isKept = false;
  }
}

function now() {
  return new Date().toISOString().replace(/\.\d+Z$/, "Z");
}

// The newest word on a video: that of this browser, or one that the campaign has.
function ratingOf(video) {
  const own = mine.get(video.row);
  const other = video.rating;
  if (own && other) return own.time >= other.time ? own : other;
  return own || other || null;
}

function setRating(video, changes) {
  const before = ratingOf(video) || { rating: "", note: "" };
  mine.set(video.row, { rating: before.rating, note: before.note, ...changes, rater, time: now() });
  keepRatings();
}

function setRater(name) {
  rater = name.trim();
  for (const each of mine.values()) if (!each.rater) each.rater = rater;
  keepRatings();
}

function escapeCell(text) {
  const cell = String(text).replace(/[\\\t\n\r]/g, (found) => ESCAPES[found]);
  return cell.startsWith('"') ? '"' + cell.replace(/"/g, '""') + '"' : cell; // as in dlcctr/quality/ratings/table.py
}

function ratingsTable() {
  const lines = [COLUMNS.join("\t")];
  for (const video of [...videos].sort((a, b) => a.row - b.row)) {
    const each = mine.get(video.row);
    if (!each) continue;
    // a spreadsheet takes =a.mp4 for a formula
    const name = /^[=+\-@]/.test(video.video) ? "./" + video.video : video.video;
    const cells = [video.row, name, video.fingerprint, each.rating, each.note, each.rater || rater, each.time];
    lines.push(cells.map(escapeCell).join("\t"));
  }
  return lines.join("\n") + "\n";
}

function exportRatings() {
  const address = URL.createObjectURL(new Blob([ratingsTable()], { type: "text/tab-separated-values" }));
  const link = make("a", { href: address, download: campaign.manifest.replace(/\.[^.]*$/, "") + "-ratings.tsv" });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
  hasUnexported = false;
}
