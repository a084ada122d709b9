// The chunk stream: what is cut is read again however it comes, and what a hostile server says costs nothing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ProtocolError, internals } from "../dist/penstock.js";
import { random, spoil } from "./random.js";

const { ChunkReader, cut } = internals;
const bytes = (s) => Uint8Array.from(Buffer.from(s.replaceAll(" ", ""), "hex"));
const join = (list) => Uint8Array.from(list.flatMap((b) => [...b]));
const plain = (m) => ({ ...m, body: Buffer.from(m.body).toString("hex") });

test("headers of all four formats", () => {
  const r = new ChunkReader();
  const got = r.push(join([
    bytes("03 000064 000002 14 01000000 aabb"), // format 0
    bytes("43 00000a 000001 12 cc"), // 1: a delta, the same stream
    bytes("83 000005 dd"), // 2: another delta
    bytes("c3 ee"), // 3: the same delta
    bytes("00 0a 000001 000000 14 00000000"), // chunk stream 74, no body
    bytes("01 0a 01 000002 000000 14 00000000"), // chunk stream 330
    bytes("04 ffffff 000001 09 01000000 01000000 ff"), // an extended timestamp
    bytes("84 ffffff 00000001 fe"), // an extended delta
  ]));
  assert.deepEqual(got.map((m) => [m.type, m.stream, m.time, Buffer.from(m.body).toString("hex")]), [
    [20, 1, 100, "aabb"], [18, 1, 110, "cc"], [18, 1, 115, "dd"], [18, 1, 120, "ee"], [20, 0, 1, ""], [20, 0, 2, ""],
    [9, 1, 0x1000000, "ff"], [9, 1, 0x1000001, "fe"],
  ]);
});

test("the extended timestamp may be there in what continues, or not", () => {
  for (const again of ["01000000", ""]) {
    const r = new ChunkReader();
    r.size = 4;
    const [m] = r.push(bytes(`04 ffffff 000008 09 01000000 01000000 aabbccdd c4 ${again} 11223344`));
    assert.deepEqual(plain(m), { type: 9, stream: 1, time: 0x1000000, body: "aabbccdd11223344" });
  }
});

test("Set Chunk Size and Abort Message are obeyed", () => {
  const r = new ChunkReader();
  r.push(bytes("02 000000 000004 01 00000000 00000004"));
  assert.equal(r.size, 4);
  r.push(bytes("05 000000 000006 14 00000000 01020304"));
  r.push(bytes("02 000000 000004 02 00000000 00000005"));
  assert.deepEqual(r.push(bytes("05 000000 000001 14 00000000 07")).map(plain), [{ type: 20, stream: 0, time: 0, body: "07" }]);
});

test("what is against the protocol is a ProtocolError", () => {
  for (const b of ["43 000000 000000 00", "c3", "83 000000", "02 000000 000004 01 00000000 00000000", "02 000000 000004 01 00000000 80000000",
    "03 000000 000100 14 00000000" + "00".repeat(128) + "03 000000 000100 14 00000000"]) {
    assert.throws(() => new ChunkReader().push(bytes(b)), ProtocolError, b);
  }
  const many = Array.from({ length: 65 }, (_, i) => bytes(`00 ${i.toString(16).padStart(2, "0")} 000000 000000 14 00000000`));
  assert.throws(() => new ChunkReader().push(join(many)), /too many chunk streams/);
});

test("a declared length costs nothing, and messages that are never complete are bounded", () => {
  const r = new ChunkReader();
  r.push(bytes("02 000000 000004 01 00000000 01000000")); // chunks of 16 MiB
  const before = process.memoryUsage().arrayBuffers;
  for (let id = 3; id < 60; id++) {
    const head = bytes("03 000000 ffffff 09 00000000 00");
    head[0] = id;
    const b = new ChunkReader();
    b.size = 0x7fffffff;
    b.push(head);
  }
  assert.ok(process.memoryUsage().arrayBuffers - before < 8 << 20);
  const piece = new Uint8Array(1 << 20);
  assert.throws(() => {
    const hostile = new ChunkReader();
    hostile.size = 1 << 20;
    for (let id = 3; id < 60; id++) {
      hostile.push(bytes(`${id.toString(16).padStart(2, "0")} 000000 ffffff 09 00000000`));
      hostile.push(piece);
    }
  }, /not complete/);
  // A whole chunk of 16 MiB in small pieces must not be copied with each of them.
  const slow = new ChunkReader();
  slow.size = 0x7fffffff;
  slow.push(bytes("03 000000 ffffff 09 00000000"));
  let got = [];
  for (let left = 0xffffff; left > 0; left -= 4096) got = slow.push(new Uint8Array(Math.min(4096, left)));
  assert.equal(got[0].body.length, 0xffffff);
});

test("by chance: what is cut comes again, in any pieces", () => {
  const r = random(3);
  for (let i = 0; i < 300; i++) {
    const size = r.pick([1, 2, 128, 1000, 65536]);
    const sent = Array.from({ length: 5 }, () => ({
      type: r.pick([8, 9, 18, 20]), stream: r.below(3), time: r.pick([0, 1, 0xfffffe, 0xffffff, 0x1000000, 0xffffffff]), body: r.bytes(r.below(size === 1 ? 50 : 3000)),
    }));
    const all = join(sent.map((m) => cut(m, 3 + r.below(60), size)));
    const reader = new ChunkReader();
    reader.size = size;
    const got = [];
    for (let at = 0; at < all.length;) {
      const n = 1 + r.below(r.pick([1, 20, 5000]));
      got.push(...reader.push(all.subarray(at, at + n)));
      at += n;
    }
    assert.deepEqual(got.map(plain), sent.map(plain), `round ${i}`);
  }
});

test("by chance: garbage is a ProtocolError or messages", () => {
  const r = random(4);
  for (let i = 0; i < 5000; i++) {
    const good = join(Array.from({ length: 3 }, () => cut({ type: r.below(25), stream: 1, time: r.below(1e6), body: r.bytes(r.below(400)) }, 3 + r.below(3), 128)));
    const b = r.below(4) === 0 ? r.bytes(100) : spoil(r, good);
    const reader = new ChunkReader();
    try {
      for (let at = 0; at < b.length; at += 7) reader.push(b.subarray(at, at + 7));
    } catch (e) {
      if (!(e instanceof ProtocolError)) assert.fail(`${Buffer.from(b).toString("hex")}: ${e.stack}`);
    }
  }
});
