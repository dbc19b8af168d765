// What the file holds: an index of all videos, and a block for each that is read when the video is shown.

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const STEPS = 64 * 64 - 2;
const KEPT_DETAILS = 150;

const campaign = JSON.parse(find("index").textContent);
const videos = campaign.videos;
const details = new Map();

function detailOf(video) {
  let detail = details.get(video.row);
  if (detail) return detail;
  const block = find("d" + video.row);
  if (!block) return null; // the browser has not read so far yet
  detail = JSON.parse(block.textContent);
  detail.timeline = readTimeline(detail.timeline);
  details.set(video.row, detail);
  if (details.size > KEPT_DETAILS) details.delete(details.keys().next().value);
  return detail;
}

function readSeries([low, high, text]) {
  const scale = (high - low) / STEPS;
  const values = new Float64Array(text.length / 2);
  for (let i = 0; i < values.length; i++) {
    const step = DIGITS.indexOf(text[2 * i]) * 64 + DIGITS.indexOf(text[2 * i + 1]);
    values[i] = step > STEPS ? NaN : low + step * scale;
  }
  return values;
}

function readTimeline(series) {
  const timeline = { length: 0 };
  for (const [name, encoded] of Object.entries(series)) {
    timeline[name] = readSeries(encoded);
    timeline.length = timeline[name].length;
  }
  // Times where all are known, else frame numbers.
  timeline.hasTimes = timeline.length > 0 && timeline.time_s.every(Number.isFinite);
  timeline.along = timeline.hasTimes ? timeline.time_s : timeline.first;
  return timeline;
}

// Place of a frame on the axis of the plots.
function placeOf(timeline, frame, frames) {
  const { first, along, length } = timeline;
  if (!length) return frame;
  let high = length - 1;
  if (frame >= first[high]) {
    const left = Math.max(1, (frames || first[high] + 1) - first[high]);
    const bin = length > 1 ? along[high] - along[high - 1] : 0;
    return along[high] + Math.min(1, (frame - first[high]) / left) * bin;
  }
  let low = 0;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (first[middle] <= frame) low = middle;
    else high = middle;
  }
  const share = (frame - first[low]) / (first[high] - first[low] || 1);
  return along[low] + Math.max(0, share) * (along[high] - along[low]);
}
