// AMF0 and AMF3: bytes and values from the specifications, what is refused, and what chance makes of them.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as p from "../dist/penstock.js";
import { random, spoil, value } from "./random.js";

const { AMFError, ArrayCollection, ECMAArray, Externalizable, TypedObject, Vector, XML, decodeAMF0, decodeAMF3, encodeAMF0, encodeAMF3 } = p;
const hex = (b) => Buffer.from(b).toString("hex");
const bytes = (s) => Uint8Array.from(Buffer.from(s.replaceAll(" ", ""), "hex"));
const object = (members) => Object.assign(Object.create(null), members);

const rows0 = [
  ["00 3ff8000000000000", 1.5],
  ["00 8000000000000000", -0],
  ["01 01", true],
  ["02 0003 61c3a4", "aä"],
  ["02 0003 efbbbf", "\ufeff"],
  ["03 0001 61 05 0000 09", object({ a: null })],
  ["03 0000 06 0000 09", object({ "": undefined })],
  ["03 0009 5f5f70726f746f5f5f 01 00 0000 09", object(JSON.parse('{"__proto__": false}'))],
  ["05", null],
  ["06", undefined],
  ["0a 00000002 05 06", [null, undefined]],
  ["0b 426d1a94a2000000 0000", new Date(1e12)],
  ["0f 00000004 3c612f3e", new XML("<a/>", true)],
  ["10 0001 43 0001 78 01 01 0000 09", new TypedObject("C", object({ x: true }))],
  ["11 0c 05 0102", Uint8Array.of(1, 2)],
  ["11 0b 09 3c612f3e", new XML("<a/>")],
];
const rows3 = [
  ["00", undefined], ["01", null], ["02", false], ["03", true],
  ["04 00", 0], ["04 7f", 127], ["04 8100", 128], ["04 ff7f", 16383], ["04 818000", 16384], ["04 ffff7f", 2097151],
  ["04 80c08000", 2097152], ["04 bfffffff", 268435455], ["04 c0808000", -268435456], ["04 ffffffff", -1],
  ["05 41b0000000000000", 268435456], ["05 8000000000000000", -0],
  ["06 01", ""], ["06 07 c3a461", "äa"],
  ["08 01 426d1a94a2000000", new Date(1e12)],
  ["09 05 01 04 01 04 02", [1, 2]],
  ["09 03 03 61 02 01 03", new ECMAArray([true], object({ a: false }))],
  ["09 05 01 06 03 61 06 00", ["a", "a"]],
  ["0a 0b 01 03 61 04 01 01", object({ a: 1 })],
  ["0a 23 03 43 03 61 03 62 04 01 04 02", new TypedObject("C", object({ a: 1, b: 2 }), { sealed: ["a", "b"], dynamic: false })],
  ["09 05 01 0a 13 03 43 03 61 04 01 0a 01 04 02", [1, 2].map((a) => new TypedObject("C", object({ a }), { sealed: ["a"], dynamic: false }))],
  ["0c 07 010203", Uint8Array.of(1, 2, 3)],
  ["0d 03 00 ffffffff", Int32Array.of(-1)],
  ["0e 03 00 ffffffff", Uint32Array.of(2 ** 32 - 1)],
  ["0f 03 00 3ff8000000000000", Float64Array.of(1.5)],
  ["10 03 01 03 43 01", new Vector("C", [null], true)],
  ["11 03 00 06 03 6b 04 01", new Map([["k", 1]])],
  ["0a 07 43 666c65782e6d6573736167696e672e696f2e4172726179436f6c6c656374696f6e 09 03 01 04 05", new ArrayCollection([5])],
  ["0a 07 07 44534b 01 04 05 00 00",
    new Externalizable("DSK", object({ body: 5 }))],
];

for (const [name, rows, decode, encode] of [["AMF0", rows0, decodeAMF0, encodeAMF0], ["AMF3", rows3, decodeAMF3, encodeAMF3]]) {
  test(`${name} table`, () => {
    for (const [text, want] of rows) {
      const b = bytes(text);
      assert.deepStrictEqual(decode(b), [want], text);
      assert.equal(hex(encode(want)), hex(b), text);
      for (let n = 1; n < b.length; n++) assert.throws(() => decode(b.subarray(0, n)), AMFError, `${n} bytes of ${text}`);
    }
  });
}

test("read only", () => {
  assert.deepStrictEqual(decodeAMF0(bytes("08 ffffffff 0001 61 05 0000 09")), [object({ a: null })], "a count is a hint");
  assert.deepStrictEqual(decodeAMF0(bytes("0d")), [undefined], "unsupported");
  assert.deepStrictEqual(decodeAMF0(bytes("0c 00000001 61")), ["a"]);
  assert.ok(Number.isNaN(decodeAMF3(encodeAMF3(new Date(NaN)))[0].getTime()));
  const [two] = decodeAMF0(bytes("0a 00000002 03 0000 09 07 0001"));
  assert.equal(two[0], two[1], "a reference is the same object");
  const [own] = decodeAMF0(bytes("03 0001 61 07 0000 0000 09"));
  assert.equal(own.a, own);
  const [[d, e]] = decodeAMF3(bytes("09 05 01 08 01 0000000000000000 08 02"));
  assert.equal(d, e, "dates have references too");
  const [[c, same]] = decodeAMF3(bytes("09 05 01 0a 07 43 666c65782e6d6573736167696e672e696f2e4172726179436f6c6c656374696f6e 09 01 01 0a 02"));
  assert.equal(c, same);
  assert.deepEqual([...c], []);
});

test("tables of AMF3 go on behind the next switch, or begin afresh", () => {
  assert.deepStrictEqual(decodeAMF0(bytes("11 06 03 61 11 06 00")), ["a", "a"]);
  assert.deepStrictEqual(decodeAMF0(bytes("11 06 03 61 11 09 05 01 06 03 62 06 02")), ["a", ["b", "b"]], "carried on: 2 is the second string");
  const [, own] = decodeAMF0(bytes("11 09 01 01 11 0a 0b 01 03 61 0a 00 01"));
  assert.equal(own.a, own, "0 is no object in the first table, so that it is the first of a fresh one");
});

test("identity and cycles are kept", () => {
  const shared = { n: 1 }, ring = { list: [shared, shared], when: new Date(5) };
  ring.self = ring;
  const [three] = decodeAMF3(encodeAMF3(ring));
  assert.equal(three.self, three);
  assert.equal(three.list[0], three.list[1]);
  const [zero] = decodeAMF0(encodeAMF0(ring));
  assert.equal(zero.self, zero);
  assert.deepEqual(zero.list[0], zero.list[1]);
  const [key] = decodeAMF3(encodeAMF3(new Map([[shared, shared]])));
  assert.equal([...key.keys()][0], [...key.values()][0]);
  assert.throws(() => encodeAMF3(1, ring), AMFError, "only the first AMF3 value of a message has references");
});

test("what cannot be written is an AMFError", () => {
  let deep = [];
  for (let i = 0; i < 200; i++) deep = [deep];
  const many = new Array(200000).fill(null);
  const dag = Array.from({ length: 40 }).reduce((x) => [x, x], []);
  for (const v of [1n, () => 1, Symbol("x"), new Float32Array(1), new ArrayBuffer(1), new DataView(new ArrayBuffer(1)), deep, many,
    { [`k${"x".repeat(70000)}`]: 1 }, new Externalizable("my.Own", {}), new ArrayCollection([], "flex.messaging.io.Nothing"),
    new Externalizable("DSA", { nothing: 1 }), new Externalizable("flex.messaging.io.ObjectProxy", { other: 1 }), "x".repeat(17 << 20)]) {
    assert.throws(() => encodeAMF0(v), AMFError);
    if (!(typeof v === "object" && Object.keys(v).some((k) => k.length > 65535))) assert.throws(() => encodeAMF3(v), AMFError); // AMF3 has long names
  }
  assert.throws(() => encodeAMF0(dag), AMFError, "each level twice the one before");
  assert.ok(encodeAMF3(dag).length < 300, "which AMF3 says by reference");
  assert.throws(() => encodeAMF3({ "": 1 }), AMFError);
  assert.deepStrictEqual(decodeAMF0(encodeAMF0({ f() {}, a: [, 1] })), [object({ a: [undefined, 1] })], "methods are left out");
});

test("declared lengths are believed only when the bytes are there", () => {
  const hostile0 = ["0a ffffffff", "0c ffffffff", "02 ffff", "0f fffffffe", "07 0000", "08 00000000", "03 ffff", "0a 00000005 05 05", "0e", "04", "09", "12", "ff", "11", "11 12"];
  const hostile3 = ["06 ffffffff", "0c ffffffff", "09 ffffffff 01", "0d ffffffff 00", "0f ffffffff 00", "10 ffffffff 00 01", "11 ffffffff 00",
    "0a fffffff3 01", "0a 02", "0a 01", "06 02", "08 02", "0a 07 03 41", "12", "ff", "0a 07 07 44534b ff ff ff ff ff ff ff ff ff"];
  for (const b of hostile0) assert.throws(() => decodeAMF0(bytes(b)), AMFError, b);
  for (const b of hostile3) assert.throws(() => decodeAMF3(bytes(b)), AMFError, b);
  assert.throws(() => decodeAMF0(bytes("0a ffffffff 05")), /4294967295 elements in 1 bytes/, "at once");
  const nested = (s, n) => bytes(s.repeat(n));
  assert.throws(() => decodeAMF0(nested("0a00000001", 100000)), /too deep/);
  assert.throws(() => decodeAMF3(nested("090301", 100000)), /too deep/);
  const nulls = new Uint8Array(1 << 20).fill(5);
  nulls.set(bytes("0a 000ffff0"));
  assert.throws(() => decodeAMF0(nulls), /more than 100000 values/);
});

test("by chance: what is written is read again", () => {
  const r = random(1);
  for (let i = 0; i < 3000; i++) {
    const v = value(p, r, 4);
    assert.deepStrictEqual(decodeAMF3(encodeAMF3(v)), [strip(v)], `value ${i}`);
    const v0 = value(p, r, 4, true);
    assert.deepStrictEqual(decodeAMF0(encodeAMF0(v0)), [strip(v0)], `value ${i} of AMF0`);
    const e = new p.internals.Encoder(true);
    e.value(v);
    e.value(v0);
    assert.deepStrictEqual(decodeAMF0(e.done()), [strip(v), strip(v0)], `value ${i} behind the switch`);
  }
});

test("by chance: garbage ends with an AMFError or a value, soon", () => {
  const r = random(2);
  for (let i = 0; i < 20000; i++) {
    const b = r.below(3) === 0 ? r.bytes(r.below(60)) : spoil(r, r.below(2) ? encodeAMF3(value(p, r, 3)) : encodeAMF0(value(p, r, 3)));
    for (const decode of [decodeAMF0, decodeAMF3]) {
      try {
        decode(b);
      } catch (e) {
        if (!(e instanceof AMFError)) assert.fail(`${decode.name} of ${hex(b)}: ${e.stack}`);
      }
    }
  }
});

// strip is a value as it comes back: its objects have no prototype.
function strip(v) {
  if (Array.isArray(v)) return v.map(strip);
  if (v instanceof Map) return new Map([...v].map(([k, x]) => [strip(k), strip(x)]));
  if (v instanceof Vector) return new Vector(v.type, strip(v.items), v.fixed);
  if (v instanceof ECMAArray) return new ECMAArray(strip(v.dense), members(v));
  if (v instanceof ArrayCollection) return new ArrayCollection(strip(v.source), v.className);
  if (v instanceof Externalizable) return new Externalizable(v.className, members(v));
  if (v instanceof TypedObject) return new TypedObject(v.className, members(v), v.traits);
  if (v === null || typeof v !== "object" || v instanceof Date || v instanceof XML || ArrayBuffer.isView(v)) return v;
  return members({ members: v });
}
function members(v) { return object(Object.fromEntries(Object.keys(v.members).map((k) => [k, strip(v.members[k])]))); }
