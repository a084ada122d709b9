// SharedObject against a server that the test plays itself.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as p from "../dist/penstock.js";
import { connected } from "./peer.js";

const { internals } = p;
const Use = 1, Release = 2, RequestChange = 3, Change = 4, Success = 5, Send = 6, Status = 7, Clear = 8, Remove = 9, RequestRemove = 10, UseSuccess = 11,
  SlotVersion = 12, ChangeEcho = 13, RequestClear = 14;

// event writes an event; what is no string by itself is a value.
const event = (type, ...parts) => {
  const e = new internals.Encoder();
  parts.forEach((x) => ("text" in Object(x) ? e.text(x.text) : e.value(x)));
  return [type, e.done()];
};
const key = (text) => ({ text });

function answer(peer, name, version, events, type = 19) {
  const e = new internals.Encoder();
  if (type === 16) e.u8(0);
  e.text(name).u32(version).u32(0).u32(0);
  for (const [t, body] of events) e.u8(t).u32(body.length).bytes(body);
  peer.send(type, 0, e.done());
}

// asked is what the client has sent about an object.
function asked(peer) {
  const m = peer.next(16, 19);
  const d = new internals.Decoder(m.body);
  if (m.type === 16) assert.equal(d.u8(), 0);
  const head = { type: m.type, name: d.text(), version: d.u32(), flags: d.u32() };
  d.u32();
  head.event = d.u8();
  const body = new internals.Decoder(d.bytes(d.u32()));
  assert.ok(!d.more);
  return { ...head, body };
}

async function used(persistent = false, options = {}) {
  const c = await connected(options);
  const so = c.nc.sharedObject("board", persistent);
  assert.equal(c.nc.sharedObject("board"), so, "the same one for the same name");
  const said = [];
  so.addEventListener("sync", (e) => said.push(...e.detail));
  so.addEventListener("netstatus", (e) => said.push(e.detail.code));
  so.addEventListener("message", (e) => said.push(e.detail));
  const use = asked(c.peer);
  assert.equal(use.event, Use);
  answer(c.peer, "board", 3, [event(UseSuccess), event(Clear), event(Change, key("a"), 1, key("b"), [2])]);
  return { ...c, so, said, use };
}

test("use: clear and all slots in one sync", async () => {
  const { so, said, use } = await used(true);
  assert.deepEqual([use.name, use.version, use.flags, use.type], ["board", 0, 2, 19]);
  assert.ok(so.ready);
  assert.deepEqual(said, [{ code: "clear" }, { code: "change", name: "a", oldValue: undefined }, { code: "change", name: "b", oldValue: undefined }]);
  assert.deepEqual([...so.data], [["a", 1], ["b", [2]]]);
});

test("a change of ours shows at once; success confirms it", async () => {
  const { so, said, peer } = await used();
  said.length = 0;
  so.set("a", { x: 1 });
  assert.deepEqual(so.data.get("a"), { x: 1 });
  const m = asked(peer);
  assert.deepEqual([m.event, m.version, m.body.text(), JSON.stringify(m.body.value())], [RequestChange, 3, "a", '{"x":1}']);
  so.set("a", 2); // again, before the answer
  answer(peer, "board", 4, [event(Success, key("a"))]);
  assert.equal(so.data.get("a"), 2);
  answer(peer, "board", 5, [event(Success, key("a"))]);
  assert.equal(so.data.get("a"), 2, "the second answer is to the second change");
  assert.deepEqual(said, [{ code: "success", name: "a" }, { code: "success", name: "a" }]);
  assert.throws(() => so.set("a", 1n), p.AMFError);
  assert.equal(so.data.get("a"), 2, "what cannot be sent is not set");
});

test("reject replaces a change of ours with the server's value", async () => {
  const { so, said, peer } = await used();
  said.length = 0;
  so.set("a", 9);
  answer(peer, "board", 4, [event(Change, key("a"), 5)]);
  answer(peer, "board", 5, [event(Change, key("a"), 6)]);
  so.remove("b");
  assert.ok(!so.data.has("b"));
  assert.deepEqual((({ event, body }) => [event, body.text()])((peer.next(19), asked(peer))), [RequestRemove, "b"]);
  answer(peer, "board", 6, [event(Change, key("b"), 7)]);
  assert.deepEqual(said, [{ code: "reject", name: "a", oldValue: 9 }, { code: "change", name: "a", oldValue: 5 }, { code: "reject", name: "b", oldValue: undefined }]);
  assert.equal(so.data.get("b"), 7);
});

test("delete, clear, a change that comes back, and what is not known", async () => {
  const { so, said, peer } = await used();
  said.length = 0;
  answer(peer, "board", 4, [event(Remove, key("a")), event(SlotVersion, key("b"), 1), [77, Uint8Array.of(1)]]);
  so.set("c", 1);
  answer(peer, "board", 5, [event(ChangeEcho, key("c"), 1)]);
  so.clear();
  assert.equal(so.data.size, 0);
  peer.next(19);
  assert.equal(asked(peer).event, RequestClear);
  answer(peer, "board", 6, [event(Clear)]);
  assert.deepEqual(said, [{ code: "delete", name: "a", oldValue: 1 }, { code: "success", name: "c" }, { code: "clear" }]);
});

test("messages to all, statuses, and the end", async () => {
  const { so, said, peer, nc } = await used();
  said.length = 0;
  const heard = [];
  so.client = { wave: (...args) => heard.push(args) };
  so.send("wave", 1, "x");
  const m = asked(peer);
  assert.deepEqual([m.event, m.body.value(), m.body.value(), m.body.value()], [Send, "wave", 1, "x"]);
  answer(peer, "board", 4, [event(Send, "wave", 1, "x"), event(Send, "toString")]);
  answer(peer, "board", 4, [event(Status, key("SharedObject.NoWriteAccess"), key("error"))]);
  assert.deepEqual(heard, [[1, "x"]]);
  assert.deepEqual(said, [{ name: "wave", args: [1, "x"] }, { name: "toString", args: [] }, "SharedObject.NoWriteAccess"]);
  so.close();
  assert.equal(asked(peer).event, Release);
  answer(peer, "board", 5, [event(Change, key("a"), 5)]);
  assert.equal(said.length, 3, "nothing comes after that");
  assert.notEqual(nc.sharedObject("board"), so);
});

test("a value that cannot be read costs its event alone", async () => {
  const { so, said, peer, nc } = await used();
  said.length = 0;
  answer(peer, "board", 4, [[Change, Uint8Array.of(0, 1, 97, 255)], event(Change, key("b"), 8)]);
  assert.deepEqual(said, ["NetConnection.Call.BadVersion", { code: "change", name: "b", oldValue: [2] }]);
  assert.equal(so.data.get("a"), 1);
  assert.ok(nc.connected);
});

test("AMF3: type 16, values behind the switch; Red5's are without one", async () => {
  const { so, said, peer } = await used(false, { objectEncoding: 3 });
  said.length = 0;
  so.set("m", new Map([[1, 2]]));
  const m = asked(peer);
  assert.deepEqual([m.type, m.body.text(), m.body.u8()], [16, "m", 0x11]);
  answer(peer, "board", 4, [event(Change, key("v"), Int32Array.of(1))], 16);
  assert.deepEqual(so.data.get("v"), Int32Array.of(1));
  const e = new internals.Encoder();
  e.u8(3).text("board").u32(5).u32(0).u32(0).u8(Change).u32(5).text("n").u8(4).u8(5);
  peer.send(16, 0, e.done());
  assert.equal(so.data.get("n"), 5);
});
