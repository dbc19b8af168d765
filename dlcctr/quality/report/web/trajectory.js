// Where the animal was: its way in the picture, coloured by time, and what is suspicious on it.

// From the beginning to the end: dark to light for all kinds of colour vision.
const WAY = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [240, 220, 60]];

function wayColour(share) {
  const place = Math.min(WAY.length - 1.001, Math.max(0, share) * (WAY.length - 1));
  const [from, to] = [WAY[Math.floor(place)], WAY[Math.floor(place) + 1]];
  return "rgb(" + from.map((each, i) => Math.round(each + (to[i] - each) * (place % 1))).join(",") + ")";
}

function makeTrajectory(timeline, view, size, bands) {
  const canvas = make("canvas", { class: "trajectory", role: "img", "aria-label": "way of the animal in the picture" });
  const isKnown = (i) => !Number.isNaN(timeline.x[i]) && !Number.isNaN(timeline.y[i]);
  const box = size[0] && size[1] ? [0, size[0], 0, size[1]] : [...extent(timeline.x, 0, timeline.length), ...extent(timeline.y, 0, timeline.length)];
  canvas.style.aspectRatio = String(Math.min(3, Math.max(0.6, (box[1] - box[0]) / (box[3] - box[2] || 1))));

  function draw() {
    const made = penOf(canvas);
    if (!made) return;
    const { pen, width, height } = made;
    const scale = Math.min((width - 8) / (box[1] - box[0] || 1), (height - 8) / (box[3] - box[2] || 1));
    const x = (value) => 4 + (value - box[0]) * scale;
    const y = (value) => 4 + (value - box[2]) * scale;
    pen.fillStyle = colour("raised");
    pen.fillRect(x(box[0]), y(box[2]), (box[1] - box[0]) * scale, (box[3] - box[2]) * scale);
    pen.strokeStyle = colour("line");
    pen.strokeRect(x(box[0]), y(box[2]), (box[1] - box[0]) * scale, (box[3] - box[2]) * scale);
    const inside = (i) => timeline.along[i] >= view.low && timeline.along[i] <= view.high;
    pen.lineWidth = 1.4;
    for (let i = 1; i < timeline.length; i++) {
      if (!inside(i) || !isKnown(i) || !isKnown(i - 1)) continue;
      pen.strokeStyle = wayColour((timeline.along[i] - view.low) / (view.high - view.low));
      pen.beginPath();
      pen.moveTo(x(timeline.x[i - 1]), y(timeline.y[i - 1]));
      pen.lineTo(x(timeline.x[i]), y(timeline.y[i]));
      pen.stroke();
    }
    pen.strokeStyle = colour("heat");
    for (let i = 0; i < timeline.length; i++) {
      if (!inside(i) || !isKnown(i) || !bands.some(([from, to]) => timeline.along[i] >= from && timeline.along[i] < to)) continue;
      pen.beginPath();
      pen.arc(x(timeline.x[i]), y(timeline.y[i]), 3, 0, 7);
      pen.stroke();
    }
  }

  view.listeners.push(draw);
  return { canvas, draw };
}
