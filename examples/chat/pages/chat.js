// The page of the chat: NetConnection for all that is said, and the browser's own elements for the rest.
import { NetConnection } from "/penstock.js";

const $ = (id) => document.getElementById(id);
const element = (tag, text, more = {}) => Object.assign(document.createElement(tag), { textContent: text, ...more });
const anyone = "";
let nc, me;

function show(l, kind = l.name === me ? "mine" : l.name ? "" : "notice", whose = l.name) {
  const p = element("p", "", { className: kind });
  if (whose) p.append(element("b", whose));
  p.append(l.text);
  if (l.name && l.when) p.append(element("time", l.when.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })));
  $("lines").append(p);
  $("lines").scrollTop = $("lines").scrollHeight;
}
const wrong = (e) => show({ text: e.info?.description ?? String(e) }, "error");

// people shows who is there. The first has been there for longest, and may put the others out.
function people(names) {
  const to = $("to").value;
  $("to").replaceChildren(element("option", "Everyone", { value: anyone }), ...names.filter((n) => n !== me).map((n) => element("option", n)));
  $("to").value = names.includes(to) ? to : anyone;
  $("people").replaceChildren(...names.map((n) => {
    const li = element("li", n === me ? `${n} (you)` : n);
    if (names[0] === me && n !== me) li.append(element("button", "×", { title: `Put ${n} out`, onclick: () => putOut(n) }));
    return li;
  }));
}

function putOut(name) {
  const why = prompt(`Why should ${name} go?`);
  if (why) nc.call("putOut", name, why).catch(wrong);
}

// join connects, and again when the connection was lost or the server went away; not when somebody was put out.
async function join(name, room) {
  const c = new NetConnection();
  let goingAway = false;
  c.client = {
    line: (l, names) => { show(l); people(names); },
    whisper: (from, text) => show({ name: from, text, when: new Date() }, "private", `${from} to you`),
  };
  c.addEventListener("netstatus", (e) => {
    const { code, level, description, closeCode } = e.detail;
    if (level === "error" && c === nc) show({ text: description }, "error");
    goingAway ||= code === "NetConnection.Connect.AppShutdown";
    if (code !== "NetConnection.Connect.Closed") return;
    people([]);
    $("speak").inert = true;
    show({ text: description }, "error");
    if (goingAway || closeCode === 1001 || closeCode === 1006) setTimeout(again, 1000);
  });
  const again = () => join(name, room).catch((e) => { if (e.code === "NetConnection.Connect.Failed") setTimeout(again, 1000); else wrong(e); });
  await c.connect(`chat/${room}`, name);
  nc = c;
  me = name;
  $("door").hidden = true;
  $("inside").hidden = $("speak").inert = false;
  $("room").value = `Room ${room}`;
  const history = await nc.call("enter");
  $("lines").replaceChildren();
  history.forEach((l) => show(l));
  $("text").focus();
}

$("where").value = location.hash.slice(1) || "lobby";
$("door").onsubmit = (e) => {
  e.preventDefault();
  $("refused").hidden = true;
  join($("name").value.trim().replace(/\s+/g, " "), $("where").value).catch((e) => {
    $("refused").textContent = e.info?.description ?? String(e);
    $("refused").hidden = false;
  });
};

$("speak").onsubmit = async (e) => {
  e.preventDefault();
  const text = $("text").value.trim(), to = $("to").value;
  if (text === "") return;
  $("text").value = "";
  try {
    if (to === anyone) await nc.call("say", text);
    else {
      await nc.call("whisper", to, text);
      show({ name: me, text, when: new Date() }, "private mine", `You to ${to}`);
    }
  } catch (e) {
    wrong(e);
  }
};
