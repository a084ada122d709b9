import { NetConnection } from "/penstock.js";

const lines = document.getElementById("lines");
const text = document.getElementById("text");
let nc = null;

function show({ name, text, when }, kind = name ? "" : "notice") {
  const p = document.createElement("p");
  p.className = kind;
  if (name) p.append(Object.assign(document.createElement("b"), { textContent: name }));
  p.append(text);
  if (when && name) p.append(Object.assign(document.createElement("time"), { textContent: when.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }) }));
  lines.append(p);
  lines.scrollTop = lines.scrollHeight;
}

async function join(name) {
  const c = new NetConnection();
  c.client = { line: show, history: (all) => { lines.replaceChildren(); all.forEach((l) => show(l)); } };
  c.addEventListener("netstatus", (e) => {
    if (e.detail.level === "error") show({ text: e.detail.description }, "error");
    if (e.detail.code === "NetConnection.Connect.Closed") { show({ text: "The connection has ended." }, "error"); nc = null; text.placeholder = "Your name"; }
  });
  await c.connect("chat", name);
  nc = c;
  text.placeholder = "Say something";
  document.querySelector("button").textContent = "Send";
  const users = nc.sharedObject("users");
  users.addEventListener("sync", () => {
    document.getElementById("users").replaceChildren(...[...users.data.values()].sort()
      .map((n) => Object.assign(document.createElement("li"), { textContent: n })));
  });
}

document.getElementById("form").onsubmit = (e) => {
  e.preventDefault();
  const said = text.value.trim();
  text.value = "";
  if (said === "") return;
  if (nc) nc.notify("say", said);
  else join(said).catch(() => {}); // it has been said already why not
};
