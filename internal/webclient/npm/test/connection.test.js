// NetConnection against a server that the test plays itself.
import assert from "node:assert/strict";
import { test } from "node:test";
import { AMFError, NetConnection, NetStatusError } from "../dist/penstock.js";
import { all, connected, fakeWebSocket, settled } from "./peer.js";
import { random, value } from "./random.js";
import * as p from "../dist/penstock.js";

test("connect says who is there, and what it wants", async () => {
  const { peer, connect, codes, nc } = await connected({ properties: { swfUrl: "x.swf" } }, "an argument", { of: [1] });
  assert.equal(peer.socket.url, "ws://test/rtmp");
  assert.equal(peer.socket.protocol, "rtmp");
  const [name, id, o, ...args] = connect;
  assert.deepEqual([name, id, o.app, o.tcUrl, o.objectEncoding, o.swfUrl, o.capsEx], ["connect", 1, "app/room", "rtmp://test/app/room", 0, "x.swf", undefined]);
  assert.deepEqual(JSON.stringify(args), '["an argument",{"of":[1]}]');
  assert.deepEqual(codes(), ["NetConnection.Connect.Success"]);
  assert.ok(nc.connected);
  await assert.rejects(nc.connect("again"), { code: "NetConnection.Connect.Failed" });
});

test("connect is refused, in the server's words", async () => {
  const peers = fakeWebSocket();
  const nc = new NetConnection({ endpoint: "ws://test/rtmp" });
  const said = [];
  nc.addEventListener("netstatus", (e) => said.push(e.detail.code));
  const promise = nc.connect("app");
  await settled();
  peers[0].command("_error", 1, null, { level: "error", code: "NetConnection.Connect.Rejected", description: "Not you.", application: { why: 1 } });
  peers[0].command("close", 0, null);
  await assert.rejects(promise, (e) => e instanceof NetStatusError && e.code === "NetConnection.Connect.Rejected" && e.info.application.why === 1);
  assert.deepEqual(said, ["NetConnection.Connect.Rejected"]);
  assert.ok(peers[0].closed);
});

test("connect fails: no server, no answer in time, another protocol, an address that is none, a value that cannot be sent", async () => {
  const failed = async (act, options = {}) => {
    const peers = fakeWebSocket();
    const promise = new NetConnection({ endpoint: "ws://test/rtmp", ...options }).connect("app");
    promise.catch(() => {});
    await act(peers[0]);
    const e = await promise.then(() => assert.fail("connected"), (e) => e);
    assert.equal(e.code, "NetConnection.Connect.Failed");
    return e.info.description;
  };
  assert.match(await failed((peer) => peer.socket.lose(1006)), /no RTMP over WebSocket.*lost/);
  assert.match(await failed(async (peer) => { await settled(); peer.socket.lose(1001, "Bye."); }), /no answer to connect.*going away\. Bye\./);
  assert.match(await failed(() => {}, { timeout: 5 }), /No answer in time/);
  assert.match(await failed((peer) => peer.bytes(Uint8Array.from(Buffer.from("HTTP/1.1 400")))), /RTMP version is 72/);
  assert.match(await failed(() => {}, { endpoint: "http://[" }), /no connecting/);
  fakeWebSocket();
  const nc = new NetConnection({ endpoint: "ws://test/rtmp" });
  await assert.rejects(nc.connect("app", 1n), AMFError);
});

test("calls: results, errors, timeouts, what the end leaves", async () => {
  const { nc, peer, codes } = await connected({ timeout: 30 });
  const sum = nc.call("sum", 1, { two: 2 });
  const [name, id, , ...args] = peer.nextCommand();
  assert.equal(name, "sum");
  assert.equal(JSON.stringify(args), '[1,{"two":2}]');
  peer.command("_result", id, null, 3);
  assert.equal(await sum, 3);
  const bad = nc.call("bad");
  peer.command("_error", peer.nextCommand()[1], null, { code: "NetConnection.Call.Failed", level: "error", description: "No." });
  await assert.rejects(bad, { message: "NetConnection.Call.Failed: No." });
  await assert.rejects(nc.call("slow"), /No answer in time/);
  await assert.rejects(nc.call("big", 1n), AMFError);
  nc.notify("told", "x");
  peer.nextCommand();
  assert.deepEqual(peer.nextCommand(), ["told", 0, null, "x"]);
  const lost = nc.call("lost");
  peer.socket.lose(1006);
  await assert.rejects(lost, /ended before the answer/);
  await assert.rejects(nc.call("late"), { code: "NetConnection.Call.Failed" });
  assert.deepEqual(codes(), ["NetConnection.Connect.Success", "NetConnection.Connect.Closed"]);
});

test("the server calls: own methods alone, their results and errors", async () => {
  const { nc, peer } = await connected();
  let heard;
  nc.client = { add: async (a, b) => a + b, fail() { throw new Error("Broken."); }, hear(...args) { heard = args; }, big: () => 1n };
  const answer = async (name, ...args) => {
    peer.command(name, 7, null, ...args);
    await settled();
    return peer.nextCommand();
  };
  assert.deepEqual(await answer("add", 1, 2), ["_result", 7, null, 3]);
  const failed = await answer("fail");
  assert.deepEqual([failed[0], failed[3].code, failed[3].description], ["_error", "NetConnection.Call.Failed", "Broken."]);
  for (const name of ["toString", "constructor", "nothing"]) assert.equal((await answer(name))[0], "_error", name);
  assert.equal((await answer("big"))[0], "_error");
  peer.command("hear", 0, null, "x");
  await settled();
  assert.deepEqual(heard, ["x"]);
  assert.equal(peer.messages.length, 0, "nobody waits for an answer");
});

test("close codes, and the server's last words", async () => {
  for (const [code, reason, words] of [[1000, "", "The server ended the connection."], [1006, "", "The connection was lost."],
    [1001, "Restart.", "The server is going away. Restart."], [4000, "", "The WebSocket ended with code 4000."]]) {
    const { peer, said, nc } = await connected();
    peer.socket.lose(code, reason);
    assert.deepEqual(said[1], { level: "status", code: "NetConnection.Connect.Closed", description: words, closeCode: code });
    assert.ok(!nc.connected);
  }
  const { peer, said } = await connected();
  peer.status(0, "NetConnection.Connect.Closed", "status", { description: "You were idle." });
  assert.equal(said.length, 1, "it is told by the end that follows");
  peer.command("close", 0, null);
  peer.socket.lose(1000);
  assert.deepEqual(said.map((s) => s.description), ["Yes.", "You were idle."]);
  const other = await connected();
  other.peer.status(0, "NetConnection.Connect.AppShutdown", "error");
  other.peer.command("close", 0, null);
  other.nc.close();
  assert.deepEqual(other.codes().slice(1), ["NetConnection.Connect.AppShutdown", "NetConnection.Connect.Closed"]);
});

test("a reconnect request is an event, for pages that have said they can", async () => {
  const { connect, peer, said } = await connected({ reconnect: true });
  assert.equal(connect[2].capsEx, 1);
  peer.status(0, "NetConnection.Connect.ReconnectRequest", "status", { tcUrl: "rtmp://other/app" });
  assert.equal(said[1].tcUrl, "rtmp://other/app");
});

test("a change of the network is an event, until the end", async () => {
  const target = new EventTarget();
  globalThis.addEventListener = target.addEventListener.bind(target);
  try {
    const { codes, nc } = await connected();
    target.dispatchEvent(new Event("offline"));
    nc.close();
    target.dispatchEvent(new Event("online"));
    assert.deepEqual(codes().slice(1), ["NetConnection.Connect.NetworkChange", "NetConnection.Connect.Closed"]);
  } finally {
    delete globalThis.addEventListener;
  }
});

test("keep-alive: a silent server is asked, and given up", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const { peer, codes, said } = await connected({ keepAlive: 1000 });
  peer.messages = [];
  t.mock.timers.tick(1000); // connect was answered in this one
  assert.equal(peer.messages.length, 0);
  t.mock.timers.tick(1000);
  const ping = peer.next(4);
  assert.equal(ping.body[1], 6);
  peer.send(4, 0, Uint8Array.of(0, 7, ...ping.body.subarray(2)));
  t.mock.timers.tick(1000);
  t.mock.timers.tick(1000);
  peer.next(4);
  assert.ok(!peer.closed);
  t.mock.timers.tick(1000);
  assert.ok(peer.closed);
  assert.deepEqual(codes().slice(1), ["NetConnection.Connect.Closed"]);
  assert.match(said[1].description, /Nothing came from the server for 2 s/);
});

test("pings are answered, and bytes acknowledged", async () => {
  const { peer } = await connected();
  peer.messages = [];
  peer.send(4, 0, Uint8Array.of(0, 6, 1, 2, 3, 4));
  assert.deepEqual([...peer.next(4).body], [0, 7, 1, 2, 3, 4]);
  peer.send(5, 0, Uint8Array.of(0, 1, 0, 0)); // a window of 64 KiB
  peer.send(20, 0, new Uint8Array(40000).fill(5));
  assert.ok(Buffer.from(peer.next(3).body).readUInt32BE() > 40000);
});

test("AMF3: commands are of type 17, objects behind the switch", async () => {
  const { nc, peer, connect } = await connected({ objectEncoding: 3 });
  assert.equal(connect[2].objectEncoding, 3);
  const v = { when: new Date(5), bytes: Uint8Array.of(1), list: [1, 2.5], map: new Map([["k", { x: 1 }]]) };
  v.self = v;
  const answer = nc.call("echo", v);
  const m = peer.next(17);
  assert.equal(m.body[0], 0);
  const values = all(m.body.subarray(1));
  assert.equal(m.body[m.body.indexOf(5) + 1], 0x11);
  assert.equal(values[3].self, values[3]);
  peer.values(17, 0, ["_result", values[1], null, values[3]]);
  const got = await answer;
  assert.equal(got.self, got);
  assert.deepEqual([got.when, got.bytes, got.list, got.map.get("k").x], [v.when, v.bytes, v.list, 1]);
  nc.client = { m: (x) => x };
  peer.values(20, 0, ["m", 9, null, "type 20 is understood too"]);
  await settled();
  assert.equal(peer.next(17).body[0], 0);
});

test("a message that cannot be read is told, and ends nothing; bytes that are no chunks end the connection", async () => {
  const { nc, peer, codes } = await connected();
  for (const b of ["", "02", "0200", "ff", "0a7fffffff", "0200045f72"]) for (const type of [15, 16, 17, 18, 19, 20, 22, 99]) {
    peer.send(type, 0, Uint8Array.from(Buffer.from(b, "hex")));
  }
  assert.ok(nc.connected);
  assert.deepEqual([...new Set(codes().slice(1))], ["NetConnection.Call.BadVersion"]);
  peer.bytes(Uint8Array.of(0xc0 | 63));
  assert.ok(!nc.connected);
  assert.equal(codes().at(-1), "NetConnection.Connect.Closed");
});

test("by chance: whatever a server sends, the end is an event and never an exception", async () => {
  const r = random(5);
  for (let round = 0; round < 60; round++) {
    const { nc, peer, codes } = await connected({ objectEncoding: r.pick([0, 3]) });
    const promise = nc.createStream();
    peer.command("_result", peer.nextCommand()[1], null, 1);
    const stream = await promise;
    nc.sharedObject("so");
    const playing = stream.play("x");
    playing.catch(() => {});
    for (let i = 0; i < 40; i++) {
      const type = r.pick([3, 4, 5, 6, 8, 9, 15, 16, 17, 18, 19, 20]);
      if (r.below(2)) peer.send(type, r.below(2), r.bytes(r.below(200)));
      else peer.values(type, r.below(2), [r.pick(["onStatus", "_result", "_error", "x", "so", "onMetaData"]), r.below(4), value(p, r, 2), value(p, r, 2)]);
    }
    if (nc.connected) peer.bytes(r.bytes(300));
    await settled();
    nc.close();
    await playing.catch((e) => assert.ok(e instanceof NetStatusError, e.stack));
    assert.equal(codes().filter((c) => c === "NetConnection.Connect.Closed").length, 1);
  }
});
