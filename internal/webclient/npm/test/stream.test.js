// NetStream and what it gives a media element, with a MediaSource that the test looks into.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as p from "../dist/penstock.js";
import { boxes } from "./boxes.js";
import { all, connected, settled } from "./peer.js";
import { random, spoil } from "./random.js";

const { mp4 } = p.internals;
const avcC = Uint8Array.of(1, 0x42, 0xc0, 0x1f, 0xff, 0xe1, 0, 4, 0x67, 0x42, 0xc0, 0x1f, 1, 0, 2, 0x68, 0xce);
const aac = Uint8Array.of(0x12, 0x10); // AAC-LC, 44100 Hz, stereo

async function opened(t) {
  const c = await connected();
  t.after(() => c.nc.close()); // its timers must not outlive a failure
  const promise = c.nc.createStream();
  c.peer.command("_result", c.peer.nextCommand()[1], null, 1);
  const stream = await promise;
  const events = [], data = [];
  stream.addEventListener("netstatus", (e) => events.push(e.detail.code));
  stream.addEventListener("data", (e) => data.push(e.detail));
  return { ...c, stream, events, data };
}

class FakeBuffer extends EventTarget {
  updating = false;
  appended = [];
  buffered = { length: 0 };
  constructor(type) { super(); this.type = type; }
  appendBuffer(b) {
    if (this.refuse) throw Object.assign(new Error("no"), { name: this.refuse });
    this.appended.push(...boxes(b));
    this.updating = true;
    queueMicrotask(() => { this.updating = false; this.dispatchEvent(new Event("updateend")); });
  }
  abort() {}
}

function fakeMedia() {
  const media = { buffers: [] };
  globalThis.MediaSource = class extends EventTarget {
    static isTypeSupported(type) { return !type.includes("avc1.ff"); }
    readyState = "closed";
    constructor() { super(); media.source = this; }
    addSourceBuffer(type) { const b = new FakeBuffer(type); media.buffers.push(b); return b; }
    endOfStream() { this.readyState = "ended"; }
    open() { this.readyState = "open"; this.dispatchEvent(new Event("sourceopen")); }
  };
  URL.createObjectURL = () => "blob:x";
  URL.revokeObjectURL = () => {};
  media.element = Object.assign(new EventTarget(), { buffered: { length: 0 }, currentTime: 0 });
  return media;
}

const video = (peer, time, key, packet, body, cts = 0) =>
  peer.send(9, 1, Buffer.concat([Uint8Array.of((key ? 0x10 : 0x20) | 7, packet, 0, 0, cts), Uint8Array.from(body)]), time);
const audio = (peer, time, packet, body) => peer.send(8, 1, Uint8Array.of(0xaf, packet, ...body), time);

test("play, pause, resume and publish settle with their answers", async (t) => {
  const { stream, peer, events } = await opened(t);
  const playing = stream.play("cam");
  assert.deepEqual(peer.nextCommand(), ["play", 0, null, "cam", -1000]);
  peer.status(1, "NetStream.Play.Reset");
  peer.status(1, "NetStream.Play.Start");
  assert.equal((await playing).code, "NetStream.Play.Start");
  const paused = stream.pause();
  assert.deepEqual(peer.nextCommand().slice(0, 4), ["pause", 0, null, true]);
  peer.status(1, "NetStream.Pause.Notify");
  await paused;
  const going = stream.resume();
  peer.status(1, "NetStream.Unpause.Notify");
  await going;
  stream.receiveAudio(false);
  stream.receiveVideo(true);
  peer.nextCommand();
  assert.deepEqual([peer.nextCommand(), peer.nextCommand()], [["receiveAudio", 0, null, false], ["receiveVideo", 0, null, true]]);
  const refused = stream.publish("cam");
  peer.status(1, "NetStream.Publish.BadName", "error");
  await assert.rejects(refused, { code: "NetStream.Publish.BadName" });
  const first = stream.play("a"), second = stream.play("b");
  await assert.rejects(first, { code: "NetStream.Failed" });
  peer.socket.lose(1006);
  await assert.rejects(second, { code: "NetStream.Failed" });
  await assert.rejects(stream.play("c"), { code: "NetStream.Failed" });
  assert.deepEqual(events, ["NetStream.Play.Reset", "NetStream.Play.Start", "NetStream.Pause.Notify", "NetStream.Unpause.Notify", "NetStream.Publish.BadName"]);
});

test("data messages, in and out, of both types", async (t) => {
  const { stream, peer, data, events } = await opened(t);
  const heard = [];
  stream.client = { cue: (...args) => heard.push(args) };
  peer.values(18, 1, ["cue", { at: 1 }]);
  peer.values(15, 1, ["cue", 2]);
  peer.values(18, 1, ["@setDataFrame", "onMetaData", { width: 8 }]);
  peer.values(18, 1, ["onStatus", { code: "NetStream.Data.Start" }]);
  peer.values(18, 1, ["onMetaData", null]);
  assert.deepEqual(data.map((d) => d.name), ["cue", "cue", "onMetaData", "onMetaData"]);
  assert.deepEqual(heard.map((a) => JSON.stringify(a)), ['[{"at":1}]', "[2]"]);
  assert.deepEqual(stream.metadata, {});
  peer.send(18, 1, Uint8Array.of(2, 0, 9));
  assert.deepEqual(events, ["NetStream.Data.Start", "NetConnection.Call.BadVersion"]);
  peer.messages = [];
  stream.send("score", 3);
  stream.setDataFrame("onMetaData", { width: 4 });
  stream.clearDataFrame("onMetaData");
  assert.deepEqual([1, 2, 3].map(() => JSON.stringify(all(peer.next(18).body))),
    ['["score",3]', '["@setDataFrame","onMetaData",{"width":4}]', '["@clearDataFrame","onMetaData"]']);
  stream.close();
  assert.deepEqual(peer.nextCommand(), ["deleteStream", 0, null, 1]);
  peer.values(18, 1, ["cue", 4]);
  assert.equal(data.length, 4, "nothing comes after the end");
});

test("media: headers first, from a key frame on, each sample as long as until the next", async (t) => {
  const { stream, peer } = await opened(t);
  const media = fakeMedia();
  stream.attach(media.element);
  peer.values(18, 1, ["onMetaData", { width: 320, height: 240 }]);
  video(peer, 1000, true, 0, avcC);
  audio(peer, 1000, 0, aac);
  audio(peer, 1000, 1, [9]); // before the key frame
  video(peer, 1000, false, 1, [1, 1]); // likewise
  media.source.open();
  video(peer, 1040, true, 1, [2, 2], 40);
  audio(peer, 1050, 1, [3]);
  video(peer, 1080, false, 1, [4]);
  audio(peer, 1073, 1, [5]);
  video(peer, 1090, false, 1, [6]);
  await settled();
  const [v, a] = media.buffers;
  assert.deepEqual([v.type, a.type], ['video/mp4; codecs="avc1.42c01f"', 'audio/mp4; codecs="mp4a.40.2"']);
  assert.deepEqual(v.appended.map((b) => b.type), ["ftyp", "moov", "moof", "mdat", "moof", "mdat"]);
  assert.deepEqual(a.appended.map((b) => b.type), ["ftyp", "moov", "moof", "mdat"]);
  assert.deepEqual(v.appended.filter((b) => b.type === "mdat").map((b) => [...b.body]), [[2, 2], [4]]);
  const samples = v.appended.filter((b) => b.type === "moof").map((b) => b.fragment());
  assert.deepEqual(samples, [
    { sequence: 1, time: 0, samples: [{ duration: 40, size: 2, flags: 0x02000000, offset: 40 }] },
    { sequence: 2, time: 40, samples: [{ duration: 10, size: 1, flags: 0x01010000, offset: 0 }] },
  ]);
  assert.equal(a.appended[2].fragment().time, 10);
  // The publisher leaves and another comes: what was held is dropped, and a key frame is waited for.
  peer.status(1, "NetStream.Play.UnpublishNotify");
  video(peer, 5000, false, 1, [7]);
  video(peer, 5040, true, 1, [8]);
  video(peer, 5080, false, 1, [9]);
  await settled();
  assert.deepEqual([...v.appended.at(-1).body], [8]);
  stream.close();
  assert.equal(media.source.readyState, "ended");
});

test("media: what cannot be shown is told once, and ends nothing", async (t) => {
  const { stream, peer, nc, events } = await opened(t);
  const media = fakeMedia();
  stream.attach(media.element);
  media.source.open();
  for (let i = 0; i < 3; i++) {
    peer.send(9, 1, Uint8Array.of(0x90, 0x68, 0x76, 0x63, 0x31)); // HEVC
    peer.send(8, 1, Uint8Array.of(0x2f, 1, 2)); // MP3
    video(peer, 0, true, 0, [1, 2]); // a configuration that is cut off
    audio(peer, 0, 0, []);
    peer.send(9, 1, new Uint8Array(0));
  }
  assert.deepEqual(events, ["NetStream.Play.NoSupportedTrackFound", "NetStream.Play.NoSupportedTrackFound", "NetStream.Play.Failed", "NetStream.Play.Failed"]);
  video(peer, 0, true, 0, [1, 0xff, 0, 0, 0, 0, 0, 0, 0]);
  assert.equal(events.length, 5, "a profile that the browser lacks");
  media.element.dispatchEvent(new Event("waiting"));
  media.element.dispatchEvent(new Event("playing"));
  media.element.dispatchEvent(new Event("resize"));
  assert.deepEqual(events.slice(5), ["NetStream.Buffer.Empty", "NetStream.Buffer.Full", "NetStream.Video.DimensionChange"]);
  assert.ok(nc.connected);
  stream.close();
});

test("media: a full buffer waits, a broken one is told, and what waits is bounded", async (t) => {
  const { stream, peer, events } = await opened(t);
  const media = fakeMedia();
  stream.attach(media.element);
  media.source.open();
  video(peer, 0, true, 0, avcC);
  await settled();
  const [b] = media.buffers;
  b.refuse = "QuotaExceededError";
  for (let i = 0; i < 5; i++) video(peer, i * 40, true, 1, [i]);
  assert.deepEqual(events, []);
  b.refuse = undefined;
  video(peer, 200, true, 1, [5]);
  await settled();
  assert.equal(b.appended.filter((x) => x.type === "mdat").length, 5);
  b.refuse = "QuotaExceededError";
  peer.chunks(65536);
  for (let i = 0; i < 40; i++) video(peer, 240 + i, true, 1, new Uint8Array(1 << 20));
  assert.deepEqual(events, ["NetStream.Play.Failed"]);
  stream.close();
});

test("by chance: no media end the connection", async (t) => {
  const r = random(6);
  const { stream, peer, nc } = await opened(t);
  const media = fakeMedia();
  stream.attach(media.element);
  media.source.open();
  for (let i = 0; i < 3000; i++) {
    const good = r.below(2) ? Uint8Array.of(r.pick([0x17, 0x27]), r.below(2), 0, 0, 0, ...avcC) : Uint8Array.of(0xaf, r.below(2), ...aac);
    peer.send(r.pick([8, 9]), 1, r.below(3) ? spoil(r, good) : r.bytes(r.below(30)), r.below(2 ** 32));
    if (i % 100 === 0) await settled();
  }
  assert.ok(nc.connected);
  stream.close();
});

test("mp4: every box is as long as it says, and headers say what there is", () => {
  const head = boxes(mp4.videoInit(avcC, 320, 240));
  const find = (list, path) => path.split("/").reduce((b, name) => b.children().find((x) => x.type === name), { children: () => list });
  const text = JSON.stringify(tree(head));
  assert.equal(text, JSON.stringify([["ftyp"], ["moov", ["mvhd"], ["trak", ["tkhd"], ["mdia", ["mdhd"], ["hdlr"], ["minf", ["vmhd"], ["dinf"], ["stbl",
    ["stsd"], ["stts"], ["stsc"], ["stsz"], ["stco"]]]]], ["mvex", ["trex"]]]]));
  const stsd = find(head, "moov/trak/mdia/minf/stbl/stsd").body;
  const avc1 = boxes(stsd.subarray(8))[0];
  assert.equal(avc1.type, "avc1");
  assert.deepEqual([...avc1.body.subarray(24, 28)], [1, 64, 0, 240]);
  const config = boxes(avc1.body.subarray(78))[0];
  assert.deepEqual([config.type, [...config.body]], ["avcC", [...avcC]]);
  const sound = find(boxes(mp4.audioInit(aac)), "moov/trak/mdia/minf/stbl/stsd").body;
  const mp4a = boxes(sound.subarray(8))[0];
  assert.equal((mp4a.body[24] << 8) | mp4a.body[25], 44100);
  const [moof, mdat] = boxes(mp4.fragment(3, [{ time: 2 ** 33, duration: 5, offset: -1, key: false, body: Uint8Array.of(1) }, { time: 0, duration: 6, offset: 0, key: true, body: Uint8Array.of(2, 3) }]));
  assert.equal(moof.fragment().time, 2 ** 33);
  assert.deepEqual(moof.fragment().samples.map((s) => s.size), [1, 2]);
  assert.equal(moof.dataOffset(), moof.size + 8, "the samples begin with the contents of mdat");
  assert.deepEqual([...mdat.body], [1, 2, 3]);
});

function tree(list) {
  return list.map((b) => [b.type, ...(["moov", "trak", "mdia", "minf", "stbl", "mvex"].includes(b.type) ? tree(b.children()) : [])]);
}
