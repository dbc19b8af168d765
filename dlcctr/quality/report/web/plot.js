// Lines over time on a canvas. All plots of a panel share one view, so that they zoom together.

const EDGE = { left: 44, right: 8, top: 6, bottom: 18 };

class View {
  constructor(low, high) {
    this.whole = [low, high > low ? high : low + 1];
    this.listeners = [];
    [this.low, this.high] = this.whole;
  }

  show(low, high) {
    const least = (this.whole[1] - this.whole[0]) / 500;
    const middle = (low + high) / 2;
    if (high - low < least) [low, high] = [middle - least / 2, middle + least / 2];
    this.low = Math.max(this.whole[0], low);
    this.high = Math.min(this.whole[1], Math.max(high, this.low + least));
    for (const listener of this.listeners) listener();
  }

  zoom(factor, at) {
    const centre = at === undefined ? (this.low + this.high) / 2 : at;
    this.show(centre - (centre - this.low) * factor, centre + (this.high - centre) * factor);
  }

  move(share) {
    const width = this.high - this.low;
    const by = Math.max(this.whole[0] - this.low, Math.min(this.whole[1] - this.high, share * width));
    this.show(this.low + by, this.high + by);
  }

  reset() {
    this.show(...this.whole);
  }
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
}

// A canvas with as many pixels as the screen has for it; null while it is not shown.
function penOf(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (!width || !height) return null;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  pen.font = "11px system-ui, sans-serif";
  return { pen, width, height };
}

const SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];

function ticks(low, high, most, isTime) {
  const rough = (high - low) / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(rough || 1));
  const steps = isTime && rough > 1 ? SECONDS : [1, 2, 5, 10].map((each) => each * power);
  const step = steps.find((each) => each >= rough) || rough || 1;
  const found = [];
  for (let i = Math.ceil(low / step); i * step <= high + step * 1e-9; i++) found.push(i * step);
  return found;
}

function extent(values, from, to) {
  let [low, high] = [Infinity, -Infinity];
  for (let i = from; i < to; i++) {
    if (values[i] < low) low = values[i];
    if (values[i] > high) high = values[i];
  }
  return low <= high ? [low, high] : [0, 1];
}

// Draw a series; where numbers are missing, the line has a gap.
function drawLine(pen, along, values, x, y) {
  pen.beginPath();
  let isDown = false;
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i])) {
      isDown = false;
    } else {
      const [px, py] = [x(along[i]), y(values[i])];
      if (isDown) pen.lineTo(px, py);
      else pen.moveTo(px - 0.5, py), pen.lineTo(px + 0.5, py);
      isDown = true;
    }
  }
  pen.stroke();
}

// One plot: {title, values, range (or null for its own), stroke}; bands are [low, high] places that are suspicious.
function makePlot(timeline, view, plot, bands, say) {
  const canvas = make("canvas", { tabIndex: 0, role: "img", "aria-label": plot.title + " over time" });
  let [pointer, start] = [null, null];
  const span = () => canvas.clientWidth - EDGE.left - EDGE.right;
  const placeAt = (px) => view.low + ((px - EDGE.left) / span()) * (view.high - view.low);
  const xOf = (place) => EDGE.left + ((place - view.low) / (view.high - view.low)) * span();

  function draw() {
    const made = penOf(canvas);
    if (!made) return;
    const { pen, width, height } = made;
    const [low, high] = plot.range || extent(plot.values, 0, plot.values.length);
    const bottom = height - EDGE.bottom;
    const y = (value) => bottom - ((value - low) / (high - low || 1)) * (bottom - EDGE.top);
    drawAxes(pen, { width, bottom, low, high, y });
    pen.save();
    pen.beginPath();
    pen.rect(EDGE.left, 0, span(), bottom + 1);
    pen.clip();
    pen.fillStyle = colour("heat");
    for (const [from, to] of bands) {
      pen.globalAlpha = 0.22;
      pen.fillRect(xOf(from), EDGE.top, Math.max(2, xOf(to) - xOf(from)), bottom - EDGE.top);
      pen.globalAlpha = 1;
      pen.fillRect(xOf(from), EDGE.top, Math.max(2, xOf(to) - xOf(from)), 2);
    }
    pen.strokeStyle = colour(plot.stroke);
    pen.lineWidth = 1.3;
    drawLine(pen, timeline.along, plot.values, xOf, y);
    if (start !== null && pointer !== null) {
      pen.globalAlpha = 0.2;
      pen.fillStyle = colour("blue");
      pen.fillRect(Math.min(start, pointer), EDGE.top, Math.abs(pointer - start), bottom - EDGE.top);
    } else if (pointer !== null) {
      pen.fillStyle = colour("soft");
      pen.fillRect(pointer, EDGE.top, 1, bottom - EDGE.top);
    }
    pen.restore();
  }

  function drawAxes(pen, { width, bottom, low, high, y }) {
    pen.fillStyle = colour("soft");
    pen.strokeStyle = colour("line");
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    for (const value of ticks(low, high, 3)) {
      pen.fillText(numberText(value), EDGE.left - 5, y(value));
      pen.strokeRect(EDGE.left, y(value), span(), 0);
    }
    pen.textBaseline = "top";
    pen.textAlign = "center";
    for (const place of ticks(view.low, view.high, Math.max(2, width / 90), timeline.hasTimes)) {
      pen.fillText(timeline.hasTimes ? clock(place) : Math.round(place).toLocaleString("en"), Math.min(xOf(place), width - 18), bottom + 4);
    }
  }

  function report() {
    const place = placeAt(pointer);
    let nearest = 0;
    for (let i = 1; i < timeline.length; i++) if (timeline.along[i] <= place) nearest = i;
    const frame = Math.round(timeline.first[nearest]);
    say((timeline.hasTimes ? clock(place) + " · " : "") + "frame " + frame.toLocaleString("en") + " · " + plot.title.split(",")[0] + " " + numberText(plot.values[nearest]));
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "touch") return;
    start = event.offsetX;
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    pointer = event.offsetX;
    report();
    draw();
  });
  canvas.addEventListener("pointerup", (event) => {
    const [from, to] = [start, event.offsetX];
    start = null;
    if (from !== null && Math.abs(to - from) > 5) view.show(placeAt(Math.min(from, to)), placeAt(Math.max(from, to)));
    else draw();
  });
  canvas.addEventListener("pointerleave", () => {
    pointer = null;
    say("");
    draw();
  });
  canvas.addEventListener("dblclick", () => view.reset());
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // else the panel could not be scrolled
    event.preventDefault();
    view.zoom(event.deltaY > 0 ? 1.25 : 0.8, placeAt(event.offsetX));
  }, { passive: false });
  view.listeners.push(draw);
  return { canvas, draw };
}

// A small line without axes, for the list.
function drawSpark(canvas, timeline, values, range, stroke) {
  const made = penOf(canvas);
  if (!made || !timeline.length) return;
  const { pen, width, height } = made;
  const [low, high] = range || extent(values, 0, values.length);
  const [from, to] = [timeline.along[0], timeline.along[timeline.length - 1]];
  pen.strokeStyle = colour("line");
  pen.strokeRect(0, height - 0.5, width, 0);
  pen.strokeStyle = colour(stroke);
  pen.lineWidth = 1;
  const x = (place) => ((place - from) / (to - from || 1)) * (width - 2) + 1;
  drawLine(pen, timeline.along, values, x, (value) => height - 2 - ((value - low) / (high - low || 1)) * (height - 8));
}
