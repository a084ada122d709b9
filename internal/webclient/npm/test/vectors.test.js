// The vectors were recorded from other implementations' own test suites. They are no part of this repository; they are read where they
// lie, and the tests are skipped without them. Every record is accounted for: it agrees, or differs for a reason in a table here.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as p from "../dist/penstock.js";

const dir = process.env.PENSTOCK_VECTORS || join(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "../../../../../shared/vectors");
const skip = existsSync(dir) ? false : "no vectors";
const load = (file) => JSON.parse(readFileSync(join(dir, `${file}.json`), "utf8"));
const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));

// check compares what was decoded with what the other implementation read.
function check(w, v, way = "value") {
  const fail = () => assert.fail(`${way}: got ${JSON.stringify(v)} (${v?.constructor?.name}), want ${JSON.stringify(w)}`);
  switch (w.t) {
    case "py-object": case "ref": return; // another language's object, a pointer: the bytes must do
    case "null": if (v !== null) fail(); return;
    case "undefined": if (v !== undefined) fail(); return;
    case "bool": case "int": if (v !== w.v) fail(); return;
    case "double": if (!Object.is(v, Buffer.from(w.hex, "hex").readDoubleBE()) && !Number.isNaN(v)) fail(); return;
    case "string": if (w.len > 0 ? Buffer.byteLength(v) !== w.len : v !== w.v) fail(); return;
    case "xml": if (!(v instanceof p.XML) || v.text !== w.v) fail(); return;
    case "date": if (!(v instanceof Date) || Math.abs(v.getTime() - w.ms) >= 1) fail(); return;
    case "bytearray": if (!(v instanceof Uint8Array) || Buffer.from(v).toString("hex") !== w.hex) fail(); return;
    case "array": {
      const list = v instanceof p.ArrayCollection ? v.source : v; // the recorder looked through the collection
      if (!Array.isArray(list) || list.length !== w.v.length) fail();
      w.v.forEach((x, i) => check(x, list[i], `${way}[${i}]`));
      return;
    }
    case "object": case "ecma-array": case "typed-object": {
      let o = v instanceof p.Externalizable ? v.members.object : v; // and through the proxy
      if (o instanceof p.TypedObject) {
        if (w.t === "typed-object" && o.className !== w.class) fail();
        o = o.members;
      } else if (o instanceof p.ECMAArray) o = { ...o.members, ...Object.assign({}, o.dense) };
      else if (Array.isArray(o)) o = Object.assign({}, o);
      if (typeof o !== "object" || o === null || Object.keys(o).length !== w.v.length) fail();
      for (const [name, x] of w.v) {
        if (!(name in o)) fail();
        check(x, o[name], `${way}.${name}`);
      }
      return;
    }
  }
  fail();
}

const sequence = "a Python generator is one value there, its items are several here";
const zone = "PyAMF was told to shift dates by a time zone";
const nested = "written inside another value whose beginning was not recorded";
const ownClass = "a test's own externalizable class: the length of its body is not on the wire";
const differences = {
  "pyamf-amf0": {
    "DecoderTestCase.test_dynamic": ["PyAMF dropped a member that its class alias excludes", 1],
    "DecoderTestCase.test_timezone": [zone, 1],
    "EncoderTestCase.test_timezone": [zone, 1],
    "DecoderTestCase.test_unsupported": ["PyAMF reads null, this undefined", 1],
    "DecoderTestCase.test_xml_references": ["PyAMF counts XML documents among the values references count; AMF0 §2.9 does not", 1],
    "EncoderTestCase.test_generators": [sequence, 1],
  },
  "pyamf-amf3": {
    "ComplexEncodingTestCase.test_class_refs": [nested, 1],
    "DecoderTestCase.test_timezone": [zone, 1],
    "EncoderTestCase.test_timezone": [zone, 1],
    "EncoderTestCase.test_generator": [sequence, 1],
    "ObjectDecodingTestCase.test_external": [ownClass, 1],
    "ObjectEncodingTestCase.test_external": [ownClass, 1],
  },
};

function account(name, records, known, f) {
  const left = new Map(Object.entries(known).map(([test, [, n]]) => [test, n]));
  let agree = 0;
  for (const r of records) {
    try {
      f(r);
      agree++;
    } catch (e) {
      const n = left.get(r.test) ?? 0;
      left.set(r.test, n - 1);
      if (n <= 0) assert.fail(`${name}, ${r.test}, ${r.kind} ${r.hex ?? r.observed}: ${e.message}`);
    }
  }
  for (const [test, n] of left) assert.equal(n, 0, `${test}: ${n} records that should differ agree`);
  return agree;
}

for (const file of Object.keys(differences)) {
  test(file, { skip }, (t) => {
    const { vectors, count } = load(file);
    assert.equal(vectors.length, count);
    let of, decoders;
    const agree = account(file, vectors, differences[file], (r) => {
      let b = bytes(r.hex ?? r.observed ?? "");
      if (r.head) { // a long text, abbreviated
        const head = bytes(r.head);
        b = new Uint8Array(r.len).fill(parseInt(r.tailRepeat, 16));
        b.set(head);
      }
      const amf3 = r.amf === 3 && r.test !== "ArrayCollectionTestCase.test_encode_amf0"; // AMF0 as its name says
      // Some records go on with the reference tables of those before.
      if (of !== r.test) { of = r.test; decoders = {}; }
      const side = r.kind[0], d = new p.internals.Decoder(b), before = decoders[side];
      decoders[side] = d;
      if (before && !r.clear) { d.tables = before.tables; d.seen = before.seen; d.fresh = before.fresh; }
      const got = [];
      while (d.more) got.push(amf3 ? d.value3() : d.value());
      const want = r.values ?? [r.value];
      assert.equal(got.length, want.length, "values");
      want.forEach((w, i) => check(w, got[i]));
      // What it has read, it writes so that it is read again.
      const again = amf3 ? p.decodeAMF3(p.encodeAMF3(...got)) : p.decodeAMF0(p.encodeAMF0(...got));
      assert.deepStrictEqual(again, got, "written and read again");
    });
    t.diagnostic(`${count} records: ${agree} agree, ${count - agree} differ for known reasons`);
  });
}

test("commands of RTMPy", { skip }, () => {
  const records = load("rtmpy").vectors.filter((r) => r.message === "Invoke" || r.message === "Notify");
  assert.equal(records.length, 12);
  account("rtmpy", records, {}, (r) => {
    const got = p.decodeAMF0(bytes(r.hex));
    const want = [r.attrs.name, ...(r.attrs.id ? [r.attrs.id] : []), ...r.attrs.argv.v];
    assert.equal(got.length, want.length);
    want.forEach((w, i) => check(w, got[i]));
    assert.equal(Buffer.from(p.encodeAMF0(...got)).toString("hex"), r.hex);
  });
});
