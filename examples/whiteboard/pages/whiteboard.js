// Everyone who opens this page draws on the same board: a remote shared object with a slot for each stroke. It is persistent, so
// the board is there again when the server is.
import { NetConnection } from "/penstock.js";

const canvas = document.getElementById("board");
const pen = canvas.getContext("2d");
const status = document.getElementById("status");
const colours = ["#17252f", "#c5283d", "#0b6a7c", "#e07a1f", "#4c9a2a"];
let colour = colours[Math.floor(Math.random() * colours.length)];

for (const c of colours) {
  const b = document.createElement("button");
  b.style.background = c;
  b.title = c;
  b.setAttribute("aria-pressed", c === colour);
  b.onclick = () => {
    colour = c;
    for (const x of b.parentNode.children) x.setAttribute("aria-pressed", x === b);
  };
  document.getElementById("colours").append(b);
}

function draw({ c, p }) { // p is x0, y0, x1, y1, … in pixels of the canvas
  pen.strokeStyle = c;
  pen.lineWidth = 5;
  pen.lineCap = pen.lineJoin = "round";
  pen.beginPath();
  pen.moveTo(p[0], p[1]);
  for (let i = 2; i < p.length; i += 2) pen.lineTo(p[i], p[i + 1]);
  if (p.length === 2) pen.lineTo(p[0], p[1]);
  pen.stroke();
}

const mine = Math.random().toString(36).slice(2, 8);
let strokes, count = 0, line = null;

// join connects, and again when the connection has ended: the board comes back by itself.
async function join() {
  const nc = new NetConnection();
  nc.addEventListener("netstatus", (e) => {
    if (e.detail.code === "NetConnection.Connect.Success") return;
    status.value = `${e.detail.code}: ${e.detail.description}`;
    if (e.detail.code === "NetConnection.Connect.Closed") setTimeout(join, 1000);
  });
  try {
    await nc.connect("whiteboard");
  } catch {
    setTimeout(join, 1000);
    return;
  }
  const board = strokes = nc.sharedObject("strokes", true);
  board.addEventListener("sync", (e) => {
    if (e.detail.some((c) => c.code === "clear" || c.code === "delete")) {
      pen.clearRect(0, 0, canvas.width, canvas.height);
      for (const s of board.data.values()) draw(s);
    } else {
      for (const c of e.detail) if (c.name) draw(board.data.get(c.name));
    }
    status.value = `${board.data.size} strokes`;
  });
  board.addEventListener("netstatus", (e) => { status.value = e.detail.code; });
}
join();

function at(e) {
  const r = canvas.getBoundingClientRect();
  const scale = Math.min(r.width / canvas.width, r.height / canvas.height);
  return [e.clientX - r.left - (r.width - canvas.width * scale) / 2, e.clientY - r.top - (r.height - canvas.height * scale) / 2]
    .map((x) => Math.round(x / scale));
}

canvas.onpointerdown = (e) => {
  canvas.setPointerCapture(e.pointerId);
  line = { name: `${mine}-${count++}`, c: colour, p: at(e) };
};
canvas.onpointermove = (e) => {
  if (!line) return;
  line.p.push(...at(e));
  draw({ c: line.c, p: line.p.slice(-4) }); // at once; the others get it when the server has it
  if (line.p.length % 20 === 0) publish();
};
canvas.onpointerup = canvas.onpointercancel = () => { if (line) publish(); line = null; };
function publish() { strokes?.set(line.name, { c: line.c, p: line.p.slice(0, 400) }); }

document.getElementById("clear").onclick = () => { for (const name of strokes?.data.keys() ?? []) strokes.remove(name); };
