var __defProp = Object.defineProperty;
var __export = (target, all) => {
  for (var name in all)
    __defProp(target, name, { get: all[name], enumerable: true });
};

// src/value.ts
var TypedObject = class {
  constructor(className, members, traits) {
    this.className = className;
    this.members = members;
    this.traits = traits;
  }
};
var ECMAArray = class {
  constructor(dense, members) {
    this.dense = dense;
    this.members = members;
  }
};
var Vector = class {
  constructor(type, items, fixed = false) {
    this.type = type;
    this.items = items;
    this.fixed = fixed;
  }
};
var XML = class {
  constructor(text, legacy = false) {
    this.text = text;
    this.legacy = legacy;
  }
  toString() {
    return this.text;
  }
};
var Externalizable = class {
  constructor(className, members) {
    this.className = className;
    this.members = members;
  }
};
var arrayCollection = "flex.messaging.io.ArrayCollection";
var ArrayCollection = class extends Externalizable {
  constructor(source = [], className = arrayCollection) {
    super(className, { source });
  }
  get source() {
    return Array.isArray(this.members.source) ? this.members.source : [];
  }
  get length() {
    return this.source.length;
  }
  [Symbol.iterator]() {
    return this.source[Symbol.iterator]();
  }
};
var AMFError = class extends Error {
  constructor(message) {
    super(message);
    this.name = "AMFError";
  }
};
var limits = { depth: 128, nodes: 1e5, bytes: (16 << 20) - 1 };

// src/bytes.ts
var utf8 = new TextEncoder();
var fromUTF8 = new TextDecoder("utf-8", { ignoreBOM: true });
var Writer = class {
  b = new Uint8Array(256);
  v = new DataView(this.b.buffer);
  n = 0;
  room(n) {
    const at = this.n;
    if (at + n > this.b.length) {
      const b = new Uint8Array(Math.max(2 * this.b.length, at + n));
      b.set(this.b);
      this.b = b;
      this.v = new DataView(b.buffer);
    }
    this.n += n;
    return at;
  }
  // room may move the buffer: it is asked before the buffer is.
  u8(x) {
    const at = this.room(1);
    this.b[at] = x;
    return this;
  }
  u16(x) {
    const at = this.room(2);
    this.v.setUint16(at, x);
    return this;
  }
  u24(x) {
    return this.u8(x >>> 16 & 255).u16(x & 65535);
  }
  u32(x) {
    const at = this.room(4);
    this.v.setUint32(at, x >>> 0);
    return this;
  }
  u32le(x) {
    const at = this.room(4);
    this.v.setUint32(at, x >>> 0, true);
    return this;
  }
  f64(x) {
    const at = this.room(8);
    this.v.setFloat64(at, x);
    return this;
  }
  bytes(x) {
    const at = this.room(x.length);
    this.b.set(x, at);
    return this;
  }
  /** UTF-8 with its length in two bytes. */
  text(s) {
    const b = s.length > 65535 ? void 0 : utf8.encode(s);
    if (!b || b.length > 65535) throw new AMFError("a name is longer than 65535 bytes");
    return this.u16(b.length).bytes(b);
  }
  get length() {
    return this.n;
  }
  done() {
    return this.b.slice(0, this.n);
  }
};
var Reader = class {
  constructor(b) {
    this.b = b;
    this.v = new DataView(b.buffer, b.byteOffset, b.byteLength);
  }
  v;
  at = 0;
  nodes = limits.nodes;
  take(n) {
    const at = this.at;
    if (n > this.left) throw new AMFError(`the value ends at byte ${this.b.length}, too early`);
    this.at += n;
    return at;
  }
  get more() {
    return this.at < this.b.length;
  }
  get left() {
    return this.b.length - this.at;
  }
  u8() {
    return this.b[this.take(1)];
  }
  u16() {
    return this.v.getUint16(this.take(2));
  }
  u24() {
    return this.u8() << 16 | this.u16();
  }
  u32() {
    return this.v.getUint32(this.take(4));
  }
  i32() {
    return this.v.getInt32(this.take(4));
  }
  f64() {
    return this.v.getFloat64(this.take(8));
  }
  bytes(n) {
    const at = this.take(n);
    return this.b.subarray(at, at + n);
  }
  utf8(n) {
    return fromUTF8.decode(this.bytes(n));
  }
  text() {
    return this.utf8(this.u16());
  }
  /** Pays for a value. @internal */
  enter(depth) {
    if (depth > limits.depth) throw new AMFError("a value is nested too deep");
    if (--this.nodes < 0) throw new AMFError(`there are more than ${limits.nodes} values`);
  }
};
function checkCount(n, left, what) {
  if (n > left) throw new AMFError(`${n} ${what} in ${left} bytes`);
}

// src/flex.ts
var single = {
  "flex.messaging.io.ArrayCollection": "source",
  "flex.messaging.io.ArrayList": "source",
  "flex.messaging.io.ObjectProxy": "object"
};
var abstract = [["body", "clientId", "destination", "headers", "messageId", "timestamp", "timeToLive"], ["clientIdBytes", "messageIdBytes"]];
var async = [["correlationId", "correlationIdBytes"]];
var sections = {
  DSA: [abstract, async],
  DSK: [abstract, async, []],
  DSC: [abstract, async, [["operation"]]]
};
var long = { DSA: "AsyncMessageExt", DSK: "AcknowledgeMessageExt", DSC: "CommandMessageExt" };
for (const [short, name] of Object.entries(long)) sections[`flex.messaging.messages.${name}`] = sections[short];
var maxFlagBytes = 8;
var externalizableClasses = [...Object.keys(single), ...Object.keys(sections)];
var unknown = (className) => new AMFError(`the body of the class ${JSON.stringify(className.slice(0, 64))} is not understood here`);
var flagName = (all, s, octet, bit) => all[s][octet]?.[bit] ?? `flag${s}.${octet}.${bit}`;
function readExternal(d, className, depth) {
  const members = /* @__PURE__ */ Object.create(null);
  const known = Object.hasOwn(single, className) ? single[className] : void 0;
  const v = known === "source" ? new ArrayCollection([], className) : new Externalizable(className, members);
  d.keep(v, 10);
  if (known) {
    v.members[known] = d.value3(depth + 1);
    return v;
  }
  if (!Object.hasOwn(sections, className)) throw unknown(className);
  const all = sections[className];
  for (let s = 0; s < all.length; s++) {
    const flags = [];
    do {
      if (flags.length >= maxFlagBytes) throw new AMFError(`more than ${maxFlagBytes} bytes of flags`);
      flags.push(d.u8());
    } while (flags[flags.length - 1] >= 128);
    flags.forEach((f, octet) => {
      for (let bit = 0; bit < 7; bit++) if (f & 1 << bit) members[flagName(all, s, octet, bit)] = d.value3(depth + 1);
    });
  }
  return v;
}
function writeExternal(e, x, depth) {
  const known = Object.hasOwn(single, x.className) ? single[x.className] : void 0;
  if (known) {
    const other = Object.keys(x.members).find((k) => k !== known);
    if (other !== void 0) throw new AMFError(`${x.className} has the member ${known} only, not ${other}`);
    e.value3(x.members[known], depth + 1);
    return;
  }
  if (!Object.hasOwn(sections, x.className)) throw unknown(x.className);
  const all = sections[x.className];
  const left = new Set(Object.keys(x.members));
  const plan = all.map((_, s) => {
    const octets = [];
    for (let octet = 0; octet < maxFlagBytes; octet++) {
      octets.push([]);
      for (let bit = 0; bit < 7; bit++) {
        const name = flagName(all, s, octet, bit);
        octets[octet][bit] = left.delete(name) ? name : "";
      }
    }
    return octets;
  });
  for (const name of left) throw new AMFError(`${x.className} has no member ${name}`);
  for (const octets of plan) {
    let size = maxFlagBytes;
    while (size > 1 && octets[size - 1].every((n) => n === "")) size--;
    for (let i = 0; i < size; i++) e.u8(octets[i].reduce((f, n, bit) => f | (n === "" ? 0 : 1 << bit), i + 1 < size ? 128 : 0));
    for (const name of octets.flat()) if (name !== "") e.value3(x.members[name], depth + 1);
  }
}

// src/amf3.ts
var Tables = class {
  strings = [];
  objects = [];
  marks = [];
  // of the objects
  shapes = [];
  carried = 0;
  // objects of earlier values in the message
  get empty() {
    return this.strings.length + this.objects.length + this.shapes.length === 0;
  }
};
var Decoder3 = class extends Reader {
  tables = new Tables();
  /** Starts the reference tables afresh. */
  forget() {
    this.tables = new Tables();
  }
  /** Gives a value its place in the table of objects, which comes before its members are read: they may refer to it. */
  keep(v, mark) {
    this.tables.objects.push(v);
    this.tables.marks.push(mark);
    return v;
  }
  value3(depth = 0) {
    this.enter(depth);
    const mark = this.u8();
    switch (mark) {
      case 0 /* Undefined */:
        return void 0;
      case 1 /* Null */:
        return null;
      case 2 /* False */:
        return false;
      case 3 /* True */:
        return true;
      case 4 /* Integer */:
        return this.u29() << 3 >> 3;
      case 5 /* Double */:
        return this.f64();
      case 6 /* String */:
        return this.string3();
    }
    if (mark > 17 /* Dictionary */) throw new AMFError(`marker ${mark} at byte ${this.at - 1} is none of AMF3`);
    const head = this.u29();
    if ((head & 1) === 0) return this.reference(mark, head >>> 1);
    const n = head >>> 1;
    switch (mark) {
      case 7 /* XMLDocument */:
      case 11 /* XML */:
        return this.keep(new XML(this.utf8(n), mark === 7 /* XMLDocument */), mark);
      case 8 /* Date */:
        return this.keep(new Date(this.f64()), mark);
      case 9 /* Array */:
        return this.array(n, depth);
      case 10 /* Object */:
        return this.object(head, depth);
      case 12 /* ByteArray */:
        return this.keep(this.bytes(n).slice(), mark);
      case 17 /* Dictionary */:
        return this.dictionary(n, depth);
      case 16 /* VectorObject */:
        return this.vectorObject(n, depth);
    }
    return this.vector(mark, n);
  }
  // The fourth byte has eight bits of the value, the others seven (§1.3.1).
  u29() {
    let u = 0;
    for (let i = 0; i < 3; i++) {
      const b = this.u8();
      u = u << 7 | b & 127;
      if (b < 128) return u;
    }
    return u << 8 | this.u8();
  }
  string3() {
    const head = this.u29();
    if ((head & 1) === 0) {
      if (head >>> 1 >= this.tables.strings.length) throw new AMFError(`reference ${head >>> 1} to no string`);
      return this.tables.strings[head >>> 1];
    }
    if (head === 1) return "";
    const s = this.utf8(head >>> 1);
    this.tables.strings.push(s);
    return s;
  }
  reference(mark, i) {
    const t = this.tables;
    if (i >= t.objects.length || i < t.carried && t.marks[i] !== mark) throw new AMFError(`reference ${i} to nothing`);
    return t.objects[i];
  }
  elements(list, n, depth) {
    checkCount(n, this.left, "elements");
    for (let i = 0; i < n; i++) list.push(this.value3(depth + 1));
  }
  members(o, depth, key = this.string3()) {
    for (; key !== ""; key = this.string3()) o[key] = this.value3(depth + 1);
  }
  array(n, depth) {
    checkCount(n, this.left, "elements");
    const key = this.string3();
    if (key === "") {
      const list = this.keep([], 9 /* Array */);
      this.elements(list, n, depth);
      return list;
    }
    const a = this.keep(new ECMAArray([], /* @__PURE__ */ Object.create(null)), 9 /* Array */);
    this.members(a.members, depth, key);
    this.elements(a.dense, n, depth);
    return a;
  }
  shape(head) {
    const t = this.tables;
    if ((head & 2) === 0) {
      if (head >>> 2 >= t.shapes.length) throw new AMFError(`reference ${head >>> 2} to no class`);
      return t.shapes[head >>> 2];
    }
    const external = (head & 4) !== 0, count = external ? 0 : head >>> 4;
    const className = this.string3();
    checkCount(count, this.left, "members");
    const sealed = [];
    for (let i = 0; i < count; i++) sealed.push(this.string3());
    const s = { className, external, dynamic: (head & 8) !== 0, sealed };
    t.shapes.push(s);
    return s;
  }
  object(head, depth) {
    const shape = this.shape(head);
    if (shape.external) return readExternal(this, shape.className, depth);
    const members = /* @__PURE__ */ Object.create(null);
    const { className, sealed, dynamic } = shape;
    const traits = sealed.length === 0 && dynamic ? void 0 : { sealed, dynamic };
    const o = this.keep(className === "" ? members : new TypedObject(className, members, traits), 10 /* Object */);
    for (const key of sealed) members[key] = this.value3(depth + 1);
    if (dynamic) this.members(members, depth);
    return o;
  }
  dictionary(n, depth) {
    const map = this.keep(/* @__PURE__ */ new Map(), 17 /* Dictionary */);
    this.u8();
    checkCount(2 * n, this.left, "keys and values");
    for (let i = 0; i < n; i++) {
      const key = this.value3(depth + 1);
      map.set(key, this.value3(depth + 1));
    }
    return map;
  }
  vectorObject(n, depth) {
    const fixed = this.u8() !== 0;
    const v = this.keep(new Vector(this.string3(), [], fixed), 16 /* VectorObject */);
    this.elements(v.items, n, depth);
    return v;
  }
  vector(mark, n) {
    this.u8();
    const size = mark === 15 /* VectorDouble */ ? 8 : 4;
    checkCount(n * size, this.left, "bytes of numbers");
    const v = mark === 15 /* VectorDouble */ ? new Float64Array(n) : mark === 13 /* VectorInt */ ? new Int32Array(n) : new Uint32Array(n);
    for (let i = 0; i < n; i++) v[i] = size === 8 ? this.f64() : this.u32();
    return this.keep(v, mark);
  }
};
var Encoder3 = class extends Writer {
  begun = 0;
  // AMF3 values
  w = { objects: /* @__PURE__ */ new Map(), strings: /* @__PURE__ */ new Map(), shapes: /* @__PURE__ */ new Map(), next: 0 };
  plain = false;
  nodes = 0;
  open = /* @__PURE__ */ new Set();
  // values that are being written
  /** Pays for a value. */
  spend(depth) {
    if (depth > limits.depth) throw new AMFError("a value is nested too deep");
    if (++this.nodes > limits.nodes) throw new AMFError(`there are more than ${limits.nodes} values`);
    if (this.length > limits.bytes) throw new AMFError("the values are longer than a message can be");
  }
  /** The UTF-8 of a text that a message may hold. */
  encoded(s) {
    if (s.length > limits.bytes) throw new AMFError("a text is longer than a message can be");
    return utf8.encode(s);
  }
  /**
   * Writes a value with reference tables of its own. Readers disagree on whether the tables live as long as the message, so only the first
   * AMF3 value of one has references; another that contains itself cannot be written.
   */
  top3(v, depth = 0) {
    this.plain = this.begun++ > 0;
    this.w = { objects: /* @__PURE__ */ new Map(), strings: /* @__PURE__ */ new Map(), shapes: /* @__PURE__ */ new Map(), next: 0 };
    this.value3(v, depth);
  }
  value3(v, depth) {
    this.spend(depth);
    switch (typeof v) {
      case "undefined":
        this.u8(0 /* Undefined */);
        return;
      case "boolean":
        this.u8(v ? 3 /* True */ : 2 /* False */);
        return;
      case "number":
        if (Number.isInteger(v) && v >= -(2 ** 28) && v < 2 ** 28 && !Object.is(v, -0)) this.u8(4 /* Integer */).u29(v & 536870911);
        else this.u8(5 /* Double */).f64(v);
        return;
      case "string":
        this.u8(6 /* String */).string3(v);
        return;
      case "object":
        break;
      default:
        throw new AMFError(`a ${typeof v} cannot be sent`);
    }
    if (v === null) {
      this.u8(1 /* Null */);
      return;
    }
    const mark = markOf(v);
    this.u8(mark);
    const known = this.w.objects.get(v);
    if (known !== void 0) {
      this.u29(known << 1);
      return;
    }
    if (this.open.has(v)) throw new AMFError("a value contains itself");
    if (!this.plain) this.w.objects.set(v, this.w.next);
    this.w.next++;
    this.open.add(v);
    this.body(v, mark, depth);
    this.open.delete(v);
  }
  u29(u) {
    if (u < 128) return this.u8(u);
    if (u < 16384) return this.u8(u >>> 7 | 128).u8(u & 127);
    if (u < 2097152) return this.u8(u >>> 14 | 128).u8(u >>> 7 & 127 | 128).u8(u & 127);
    return this.u8(u >>> 22 | 128).u8(u >>> 15 & 127 | 128).u8(u >>> 8 & 127 | 128).u8(u & 255);
  }
  // count writes a count or length, with the bit that says it is no reference.
  count(n) {
    if (n > limits.bytes) throw new AMFError("a value is longer than a message can be");
    return this.u29(n << 1 | 1);
  }
  string3(s) {
    if (s !== "" && !this.plain) {
      const known = this.w.strings.get(s);
      if (known !== void 0) {
        this.u29(known << 1);
        return;
      }
      this.w.strings.set(s, this.w.strings.size);
    }
    const b = this.encoded(s);
    this.count(b.length).bytes(b);
  }
  body(v, mark, depth) {
    if (v instanceof Date) this.u8(1).f64(v.getTime());
    else if (v instanceof XML) {
      const b = this.encoded(v.text);
      this.count(b.length).bytes(b);
    } else if (v instanceof Uint8Array) this.count(v.length).bytes(v);
    else if (v instanceof Map) {
      this.count(v.size).u8(0);
      for (const [key, value] of v) {
        this.value3(key, depth + 1);
        this.value3(value, depth + 1);
      }
    } else if (v instanceof Vector) {
      this.count(v.items.length).u8(v.fixed ? 1 : 0).string3(v.type);
      this.elements(v.items, depth);
    } else if (v instanceof Float64Array || v instanceof Int32Array || v instanceof Uint32Array) {
      this.count(v.length).u8(0);
      for (const x of v) {
        if (mark === 15 /* VectorDouble */) this.f64(x);
        else this.u32(x);
      }
    } else if (Array.isArray(v)) {
      this.count(v.length).string3("");
      this.elements(v, depth);
    } else if (v instanceof ECMAArray) {
      this.count(v.dense.length);
      this.dynamic(v.members, Object.keys(v.members), depth);
      this.elements(v.dense, depth);
    } else this.object(v, depth);
  }
  elements(list, depth) {
    for (let i = 0; i < list.length; i++) this.value3(list[i], depth + 1);
  }
  dynamic(members, names, depth) {
    for (const key of names) {
      if (typeof members[key] === "function") continue;
      if (key === "") throw new AMFError("AMF3 has no members without a name");
      this.string3(key);
      this.value3(members[key], depth + 1);
    }
    this.string3("");
  }
  object(v, depth) {
    if (v instanceof Externalizable) {
      this.shape(v.className, true, { sealed: [], dynamic: false });
      writeExternal(this, v, depth);
      return;
    }
    const typed = v instanceof TypedObject;
    const members = typed ? v.members : v;
    const traits = (typed ? v.traits : void 0) ?? { sealed: [], dynamic: true };
    this.shape(typed ? v.className : "", false, traits);
    for (const key of traits.sealed) this.value3(members[key], depth + 1);
    if (!traits.dynamic) return;
    const sealed = new Set(traits.sealed);
    this.dynamic(members, Object.keys(members).filter((k) => !sealed.has(k)), depth);
  }
  shape(className, external, t) {
    const key = JSON.stringify([className, external, t.dynamic, t.sealed]);
    if (!this.plain) {
      const known = this.w.shapes.get(key);
      if (known !== void 0) {
        this.u29(known << 2 | 1);
        return;
      }
      this.w.shapes.set(key, this.w.shapes.size);
    }
    this.u29(t.sealed.length << 4 | (t.dynamic ? 8 : 0) | (external ? 4 : 0) | 3);
    this.string3(className);
    for (const name of t.sealed) this.string3(name);
  }
};
function markOf(v) {
  if (v instanceof Date) return 8 /* Date */;
  if (v instanceof XML) return v.legacy ? 7 /* XMLDocument */ : 11 /* XML */;
  if (Array.isArray(v) || v instanceof ECMAArray) return 9 /* Array */;
  if (v instanceof Uint8Array) return 12 /* ByteArray */;
  if (v instanceof Int32Array) return 13 /* VectorInt */;
  if (v instanceof Uint32Array) return 14 /* VectorUint */;
  if (v instanceof Float64Array) return 15 /* VectorDouble */;
  if (v instanceof Vector) return 16 /* VectorObject */;
  if (v instanceof Map) return 17 /* Dictionary */;
  if (ArrayBuffer.isView(v) || v instanceof ArrayBuffer) throw new AMFError("of binary values a Uint8Array can be sent, or a vector of numbers");
  return 10 /* Object */;
}
function encodeAMF3(...values) {
  const w = new Encoder3();
  for (const v of values) w.top3(v);
  return w.done();
}
function decodeAMF3(b) {
  const r = new Decoder3(b);
  const values = [];
  while (r.more) values.push(r.value3());
  return values;
}

// src/amf0.ts
var maxReferences = 1 << 16;
var Decoder = class extends Decoder3 {
  seen = [];
  // what references count (§2.9)
  fresh = false;
  // the peer begins the tables of AMF3 afresh with each value
  value(depth = 0) {
    this.enter(depth);
    const mark = this.u8();
    switch (mark) {
      case 0 /* Number */:
        return this.f64();
      case 1 /* Boolean */:
        return this.u8() !== 0;
      case 2 /* String */:
        return this.text();
      case 5 /* Null */:
        return null;
      case 6 /* Undefined */:
      case 13 /* Unsupported */:
        return void 0;
      case 11 /* Date */: {
        const ms = this.f64();
        this.u16();
        return new Date(ms);
      }
      case 12 /* LongString */:
        return this.utf8(this.u32());
      case 15 /* XML */:
        return new XML(this.utf8(this.u32()), true);
      case 17 /* AMF3 */:
        return this.switched(depth);
      case 7 /* Reference */: {
        const i = this.u16();
        if (i >= this.seen.length) throw new AMFError(`reference ${i} to nothing`);
        return this.seen[i];
      }
      case 8 /* ECMAArray */:
        this.u32();
        return this.plainObject(depth);
      // the count is a hint
      case 3 /* Object */:
        return this.plainObject(depth);
      case 16 /* TypedObject */: {
        const o = new TypedObject(this.text(), /* @__PURE__ */ Object.create(null));
        this.seen.push(o);
        this.read(o.members, depth);
        return o;
      }
      case 10 /* Array */: {
        const n = this.u32();
        checkCount(n, this.left, "elements");
        const list = [];
        this.seen.push(list);
        for (let i = 0; i < n; i++) list.push(this.value(depth + 1));
        return list;
      }
    }
    throw new AMFError(`marker ${mark} at byte ${this.at - 1} is none of AMF0`);
  }
  plainObject(depth) {
    const o = /* @__PURE__ */ Object.create(null);
    this.seen.push(o);
    this.read(o, depth);
    return o;
  }
  read(o, depth) {
    for (; ; ) {
      const key = this.text();
      if (key === "" && this.b[this.at] === 9 /* End */) {
        this.at++;
        return;
      }
      o[key] = this.value(depth + 1);
    }
  }
  // switched reads an AMF3 value. Peers disagree on whether the tables live on from one such value to the next in the same message. They
  // do here until a value cannot be read that way, and is read again with fresh tables: then they are fresh for all that follow.
  switched(depth) {
    if (this.fresh) this.forget();
    if (this.tables.empty) return this.value3(depth);
    const { at, nodes } = this;
    this.tables.carried = this.tables.objects.length;
    try {
      return this.value3(depth);
    } catch (e) {
      if (!(e instanceof AMFError)) throw e;
      this.at = at;
      this.nodes = nodes;
      this.fresh = true;
      this.forget();
      try {
        return this.value3(depth);
      } catch {
        throw e;
      }
    }
  }
};
var Encoder = class extends Encoder3 {
  /** avmplus: every object, array and date is written in AMF3, as Flash does on connections with objectEncoding 3. */
  constructor(avmplus = false) {
    super();
    this.avmplus = avmplus;
  }
  containers = /* @__PURE__ */ new Map();
  // those that are being written, with what a reference to them says
  next = 0;
  value(v, depth = 0) {
    this.spend(depth);
    switch (typeof v) {
      case "undefined":
        this.u8(6 /* Undefined */);
        return;
      case "boolean":
        this.u8(1 /* Boolean */).u8(v ? 1 : 0);
        return;
      case "number":
        this.u8(0 /* Number */).f64(v);
        return;
      case "string":
        this.string(v);
        return;
      case "object":
        break;
      default:
        throw new AMFError(`a ${typeof v} cannot be sent`);
    }
    if (v === null) {
      this.u8(5 /* Null */);
      return;
    }
    const mark = markOf(v);
    if (this.avmplus || mark > 10 /* Object */ || v instanceof Externalizable) {
      this.u8(17 /* AMF3 */);
      this.top3(v, depth);
    } else if (v instanceof Date) this.u8(11 /* Date */).f64(v.getTime()).u16(0);
    else if (v instanceof XML) {
      const b = this.encoded(v.text);
      this.u8(15 /* XML */).u32(b.length).bytes(b);
    } else this.container(v, depth);
  }
  string(s) {
    const b = this.encoded(s);
    if (b.length <= 65535) this.u8(2 /* String */).u16(b.length);
    else this.u8(12 /* LongString */).u32(b.length);
    this.bytes(b);
  }
  // A reference stands only where a value contains itself; whatever else is met again is written again.
  container(v, depth) {
    const known = this.containers.get(v);
    if (known !== void 0) {
      if (known >= maxReferences) throw new AMFError("a value contains itself, and is too far away for a reference");
      this.u8(7 /* Reference */).u16(known);
      return;
    }
    this.containers.set(v, this.next++);
    if (Array.isArray(v)) {
      this.u8(10 /* Array */).u32(v.length);
      for (let i = 0; i < v.length; i++) this.value(v[i], depth + 1);
    } else if (v instanceof ECMAArray) {
      this.u8(8 /* ECMAArray */).u32(v.dense.length + Object.keys(v.members).length);
      v.dense.forEach((x, i) => {
        this.text(String(i)).value(x, depth + 1);
      });
      this.members(v.members, depth);
    } else if (v instanceof TypedObject) {
      this.u8(16 /* TypedObject */).text(v.className);
      this.members(v.members, depth);
    } else {
      this.u8(3 /* Object */);
      this.members(v, depth);
    }
    this.containers.delete(v);
  }
  members(members, depth) {
    for (const key of Object.keys(members)) {
      if (typeof members[key] === "function") continue;
      this.text(key).value(members[key], depth + 1);
    }
    this.u16(0).u8(9 /* End */);
  }
};
function encodeAMF0(...values) {
  return encode(false, values);
}
function encode(avmplus, values) {
  const w = new Encoder(avmplus);
  for (const v of values) w.value(v);
  return w.done();
}
function decodeAMF0(b) {
  const r = new Decoder(b);
  const values = [];
  while (r.more) values.push(r.value());
  return values;
}

// src/chunk.ts
var ProtocolError = class extends Error {
  constructor(message) {
    super(message);
    this.name = "ProtocolError";
  }
};
var maxChunkStreams = 64;
var maxBuffered = 32 << 20;
var maxHeader = 3 + 11 + 4;
var ChunkReader = class {
  size = 128;
  head = new Uint8Array(0);
  // the beginning of a header
  streams = /* @__PURE__ */ new Map();
  current;
  // a chunk of which is being read
  left = 0;
  // bytes of that chunk
  buffered = 0;
  /** Takes bytes and returns the messages that are complete. A message may share memory with them. */
  push(bytes) {
    const done = [];
    let at = 0;
    for (; ; ) {
      if (this.current) {
        const n2 = Math.min(this.left, bytes.length - at);
        const m = this.payload(this.current, bytes.subarray(at, at + n2));
        at += n2;
        if (m) done.push(m);
        if (this.current) return done;
      }
      if (at >= bytes.length) return done;
      const before = this.head.length;
      const head = new Uint8Array(Math.min(maxHeader, before + bytes.length - at));
      head.set(this.head);
      head.set(bytes.subarray(at, at + head.length - before), before);
      const n = this.header(head);
      if (n === 0) {
        this.head = head;
        return done;
      }
      this.head = new Uint8Array(0);
      at += n - before;
    }
  }
  // header reads a chunk's header and returns its length, 0 when it is not whole yet.
  header(b) {
    const v = new DataView(b.buffer, b.byteOffset, b.byteLength);
    const format = b[0] >> 6;
    let id = b[0] & 63;
    let at = id === 0 ? 2 : id === 1 ? 3 : 1;
    const size = [11, 7, 3, 0][format];
    if (b.length < at + size) return 0;
    if (id === 0) id = 64 + b[1];
    else if (id === 1) id = 64 + b[1] + 256 * b[2];
    const s = this.stream(id, format);
    const fresh = s.got === 0;
    let field = format < 3 ? b[at] << 16 | v.getUint16(at + 1) : 0;
    let { length, type, stream } = s;
    if (format < 2) {
      length = b[at + 3] << 16 | v.getUint16(at + 4);
      type = b[at + 6];
    }
    if (format === 0) stream = v.getUint32(at + 7, true);
    at += size;
    let extended = -1;
    if (format < 3 ? field === 16777215 : s.extended >= 0) {
      if (b.length < at + 4) return 0;
      const value = v.getUint32(at);
      if (format < 3) {
        extended = field = value;
        at += 4;
      } else if (value === s.extended) {
        extended = value;
        at += 4;
      } else extended = s.extended;
    }
    this.streams.set(id, s);
    if (fresh) {
      if (format === 3) field = s.delta;
      s.time = format === 0 ? field : s.time + field >>> 0;
      s.delta = field;
      Object.assign(s, { length, type, stream, extended });
    }
    this.current = s;
    this.left = Math.min(this.size, s.length - s.got);
    return at;
  }
  stream(id, format) {
    const s = this.streams.get(id);
    if (s) {
      if (s.got > 0 && format !== 3) throw new ProtocolError(`a new header within a message of chunk stream ${id}`);
      return s;
    }
    if (format !== 0) throw new ProtocolError(`chunk stream ${id} begins without a whole header`);
    if (this.streams.size >= maxChunkStreams) throw new ProtocolError("too many chunk streams");
    return { type: 0, stream: 0, time: 0, length: 0, delta: 0, extended: -1, body: new Uint8Array(0), got: 0 };
  }
  // payload takes bytes of the current chunk, and returns the message that they complete.
  payload(s, bytes) {
    this.left -= bytes.length;
    if (this.left === 0) this.current = void 0;
    let body = bytes;
    if (s.got > 0 || bytes.length < s.length) {
      this.buffered += bytes.length;
      if (this.buffered > maxBuffered) throw new ProtocolError("too many messages that are not complete");
      if (s.got + bytes.length > s.body.length) {
        const more = new Uint8Array(Math.min(s.length, Math.max(2 * s.body.length, s.got + bytes.length)));
        more.set(s.body.subarray(0, s.got));
        s.body = more;
      }
      s.body.set(bytes, s.got);
      s.got += bytes.length;
      if (s.got < s.length) return void 0;
      body = s.body.subarray(0, s.length);
      this.drop(s);
    }
    const m = { type: s.type, stream: s.stream, time: s.time, body };
    if (body.length >= 4 && m.type < 3) this.obey(m.type, new DataView(body.buffer, body.byteOffset).getUint32(0));
    return m;
  }
  drop(s) {
    this.buffered -= s.got;
    s.got = 0;
    s.body = new Uint8Array(0);
  }
  // obey does what Set Chunk Size and Abort Message say, which holds from the next chunk on.
  obey(type, value) {
    if (type === 1) {
      this.size = value & 2147483647;
      if (this.size === 0) throw new ProtocolError("a chunk size of 0");
    } else if (type === 2) {
      const s = this.streams.get(value);
      if (s) this.drop(s);
    }
  }
};
function cut(m, csid, size) {
  const w = new Writer();
  const long2 = m.time >= 16777215;
  w.u8(csid).u24(long2 ? 16777215 : m.time).u24(m.body.length).u8(m.type).u32le(m.stream);
  if (long2) w.u32(m.time);
  for (let at = 0; at < m.body.length || at === 0; at += size) {
    if (at > 0) {
      w.u8(192 | csid);
      if (long2) w.u32(m.time);
    }
    w.bytes(m.body.subarray(at, at + size));
  }
  return w.done();
}

// src/mp4.ts
var mp4_exports = {};
__export(mp4_exports, {
  audioCodec: () => audioCodec,
  audioInit: () => audioInit,
  concat: () => concat,
  fragment: () => fragment,
  sampleRate: () => sampleRate,
  videoCodec: () => videoCodec,
  videoInit: () => videoInit
});
var ascii = (s) => Uint8Array.from(s, (c) => c.charCodeAt(0));
function box(type, ...parts) {
  const bodies = parts.map((p) => p instanceof Writer ? p.done() : p);
  const w = new Writer().u32(8 + bodies.reduce((n, b) => n + b.length, 0)).bytes(ascii(type));
  for (const b of bodies) w.bytes(b);
  return w.done();
}
var words = (...n) => {
  const w = new Writer();
  n.forEach((x) => w.u32(x));
  return w;
};
var full = (type, versionAndFlags, ...parts) => box(type, words(versionAndFlags), ...parts);
var matrix = words(65536, 0, 0, 0, 65536, 0, 0, 0, 1073741824).done();
var timescale = 1e3;
function init(handler, mediaHeader, sample, width, height, audio) {
  const empty = [full("stts", 0, words(0)), full("stsc", 0, words(0)), full("stsz", 0, words(0, 0)), full("stco", 0, words(0))];
  return concat([
    box("ftyp", ascii("iso5"), words(512), ascii("iso5iso6mp41")),
    box(
      "moov",
      full("mvhd", 0, words(0, 0, timescale, 0, 65536), new Writer().u16(256).u16(0), words(0, 0), matrix, words(0, 0, 0, 0, 0, 0, 2)),
      box(
        "trak",
        full("tkhd", 7, words(0, 0, 1, 0, 0, 0, 0), new Writer().u16(0).u16(0).u16(audio ? 256 : 0).u16(0), matrix, words(width << 16, height << 16)),
        box(
          "mdia",
          full("mdhd", 0, words(0, 0, timescale, 0), new Writer().u16(21956).u16(0)),
          full("hdlr", 0, words(0), ascii(handler), words(0, 0, 0), ascii("penstock\0")),
          box(
            "minf",
            mediaHeader,
            box("dinf", full("dref", 0, words(1), full("url ", 1))),
            box("stbl", full("stsd", 0, words(1), sample), ...empty)
          )
        )
      ),
      box("mvex", full("trex", 0, words(1, 1, 0, 0, 0)))
    )
  ]);
}
function concat(parts) {
  const w = new Writer();
  parts.forEach((p) => w.bytes(p));
  return w.done();
}
function videoInit(avcC, width, height) {
  const w = new Writer().u32(0).u16(0).u16(1).u32(0).u32(0).u32(0).u32(0).u16(width).u16(height).u32(4718592).u32(4718592).u32(0).u16(1);
  w.bytes(new Uint8Array(32)).u16(24).u16(65535);
  return init("vide", full("vmhd", 1, words(0, 0)), box("avc1", w, box("avcC", avcC)), width, height, false);
}
function audioInit(config) {
  const descriptor = (tag, body) => new Writer().u8(tag).u8(body.length).bytes(body).done();
  const decoder = concat([new Writer().u8(64).u8(21).u24(0).u32(0).u32(0).done(), descriptor(5, config)]);
  const es = descriptor(3, concat([new Writer().u16(1).u8(0).done(), descriptor(4, decoder), descriptor(6, Uint8Array.of(2))]));
  const w = new Writer().u32(0).u16(0).u16(1).u32(0).u32(0).u16(channels(config)).u16(16).u32(0).u32(sampleRate(config) << 16 >>> 0);
  return init("soun", full("smhd", 0, words(0)), box("mp4a", w, full("esds", 0, es)), 0, 0, true);
}
function fragment(sequence, samples) {
  const trun = (offset) => {
    const w = words(samples.length, offset);
    for (const s of samples) w.u32(s.duration).u32(s.body.length).u32(s.key ? 33554432 : 16842752).u32(s.offset);
    return full("trun", 16781057, w);
  };
  const time = new Writer().u32(Math.floor(samples[0].time / 2 ** 32)).u32(samples[0].time % 2 ** 32);
  const moof = (offset) => box(
    "moof",
    full("mfhd", 0, words(sequence)),
    box("traf", full("tfhd", 131072, words(1)), full("tfdt", 16777216, time), trun(offset))
  );
  return concat([moof(moof(0).length + 8), box("mdat", ...samples.map((s) => s.body))]);
}
var videoCodec = (avcC) => `avc1.${[1, 2, 3].map((i) => avcC[i].toString(16).padStart(2, "0")).join("")}`;
var audioCodec = (config) => `mp4a.40.${config[0] >> 3}`;
var rates = [96e3, 88200, 64e3, 48e3, 44100, 32e3, 24e3, 22050, 16e3, 12e3, 11025, 8e3, 7350];
var sampleRate = (c) => rates[(c[0] & 7) << 1 | c[1] >> 7] ?? 44100;
var channels = (c) => c[1] >> 3 & 15 || 2;

// src/events.ts
var NetStatusError = class extends Error {
  constructor(info2) {
    super(`${info2.code}: ${info2.description}`);
    this.info = info2;
    this.name = "NetStatusError";
  }
  get code() {
    return this.info.code;
  }
};
function info(code, description, level = "error") {
  return { level, code, description };
}
function informationOf(v) {
  if (typeof v !== "object" || v === null || typeof v.code !== "string") return void 0;
  const o = v;
  return { ...o, level: String(o.level ?? "error"), code: String(o.code), description: String(o.description ?? "") };
}
var Emitter = class extends EventTarget {
  addEventListener(type, listener, options) {
    super.addEventListener(type, listener, options);
  }
  removeEventListener(type, listener, options) {
    super.removeEventListener(type, listener, options);
  }
  /** @internal */
  emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
};
function callOwn(client, m) {
  if (!Object.hasOwn(client, m.name) || typeof client[m.name] !== "function") return;
  try {
    void Promise.resolve(client[m.name](...m.args)).catch((e) => console.error(e));
  } catch (e) {
    console.error(e);
  }
}

// src/mediasink.ts
var behind = 3;
var kept = 30;
var maxQueue = 32 << 20;
var Track = class {
  constructor(failed) {
    this.failed = failed;
  }
  queue = [];
  queued = 0;
  held;
  // waits for the next one, which says how long it is
  sequence = 0;
  buffer;
  config;
  push(data) {
    if (this.queued + data.length > maxQueue) {
      this.failed("The media element takes nothing.");
      return;
    }
    this.queue.push(data);
    this.queued += data.length;
    this.flush();
  }
  flush() {
    const b = this.buffer;
    if (!b || b.updating || this.queue.length === 0) return;
    const total = new Uint8Array(this.queued);
    let at = 0;
    for (const x of this.queue) {
      total.set(x, at);
      at += x.length;
    }
    try {
      b.appendBuffer(total);
    } catch (e) {
      if (e.name === "QuotaExceededError") return;
      this.failed(`The browser refused what was published: ${e.message}`);
    }
    this.queue = [];
    this.queued = 0;
  }
  /** Takes a sample; the one before goes out. */
  sample(s) {
    const h = this.held;
    this.held = s;
    if (!h) return;
    h.duration = Math.min(Math.max(s.time - h.time, 1), 1e3);
    this.push(fragment(++this.sequence, [h]));
  }
  gap() {
    this.held = void 0;
  }
};
var MediaSink = class {
  constructor(element, tell) {
    this.element = element;
    this.tell = tell;
    this.url = URL.createObjectURL(this.source);
    element.src = this.url;
    this.source.addEventListener("sourceopen", () => this.open());
    this.timer = setInterval(() => this.tend(), 500);
    const on = (type, code) => element.addEventListener(type, () => tell(info(code, "", "status")), { signal: this.listening.signal });
    on("waiting", "NetStream.Buffer.Empty");
    on("playing", "NetStream.Buffer.Full");
    on("resize", "NetStream.Video.DimensionChange");
    element.addEventListener(
      "error",
      () => this.fail("NetStream.Play.Failed", element.error?.message || "The media element failed."),
      { signal: this.listening.signal }
    );
  }
  source = new MediaSource();
  tracks = {};
  url;
  first;
  // RTMP time that is 0 in the element
  waitForKey = true;
  timer;
  failed = /* @__PURE__ */ new Set();
  // what has been said
  listening = new AbortController();
  // fail says why something cannot be shown, once.
  fail(code, why) {
    if (this.failed.has(why) || this.failed.size >= 100) return;
    this.failed.add(why);
    this.tell(info(code, why));
  }
  open() {
    URL.revokeObjectURL(this.url);
    for (const [kind, t] of Object.entries(this.tracks)) this.begin(kind, t);
  }
  begin(kind, t) {
    if (t.buffer || !t.config || this.source.readyState !== "open") return;
    const type = kind === "video" ? `video/mp4; codecs="${videoCodec(t.config)}"` : `audio/mp4; codecs="${audioCodec(t.config)}"`;
    if (!MediaSource.isTypeSupported(type)) {
      this.fail("NetStream.Play.NoSupportedTrackFound", `This browser cannot play ${type}.`);
      return;
    }
    t.buffer = this.source.addSourceBuffer(type);
    t.buffer.addEventListener("updateend", () => t.flush());
    t.flush();
  }
  track(kind, config, header) {
    const t = this.tracks[kind] ??= new Track((why) => this.fail("NetStream.Play.Failed", why));
    if (t.config && t.config.length === config.length && t.config.every((x, i) => x === config[i])) return;
    t.config = config.slice();
    t.push(header);
    this.begin(kind, t);
  }
  // time in the element. All tracks count from the first thing that can be shown.
  time(rtmp) {
    this.first ??= rtmp;
    return rtmp - this.first >>> 0;
  }
  /** Takes a message of the publisher, which may be anything. */
  take(m, meta) {
    try {
      if (m.type === 9) this.video(m.body, m.time, meta);
      else this.audio(m.body, m.time);
    } catch (e) {
      this.fail("NetStream.Play.Failed", `What is published cannot be shown: ${e.message}`);
    }
  }
  video(b, rtmp, meta) {
    if (b.length < 2 || (b[0] & 240) === 80) return;
    if (b[0] & 128 || (b[0] & 15) !== 7) {
      this.fail("NetStream.Play.NoSupportedTrackFound", "The picture is not H.264.");
      return;
    }
    if (b[1] === 0) {
      if (b.length < 5 + 7) throw new Error("the decoder configuration of H.264 is too short");
      this.track("video", b.subarray(5), videoInit(b.subarray(5), Number(meta.width) || 640, Number(meta.height) || 360));
      return;
    }
    const t = this.tracks.video;
    const key = b[0] >> 4 === 1;
    if (!t || b.length < 5 || b[1] !== 1 || this.waitForKey && !key) return;
    this.waitForKey = false;
    const offset = (b[2] << 16 | b[3] << 8 | b[4]) << 8 >> 8;
    t.sample({ time: this.time(rtmp), duration: 0, offset, key, body: b.slice(5) });
  }
  audio(b, rtmp) {
    if (b.length < 2) return;
    if (b[0] >> 4 !== 10) {
      this.fail("NetStream.Play.NoSupportedTrackFound", "The sound is not AAC.");
      return;
    }
    if (b[1] === 0) {
      if (b.length < 2 + 2 || b.length > 2 + 64) throw new Error(`the decoder configuration of AAC has ${b.length - 2} bytes`);
      this.track("audio", b.subarray(2), audioInit(b.subarray(2)));
      return;
    }
    if (this.tracks.video && this.waitForKey) return;
    this.tracks.audio?.sample({ time: this.time(rtmp), duration: 0, offset: 0, key: true, body: b.slice(2) });
  }
  /** The publisher has left: what comes next begins with a key frame. */
  gap() {
    this.waitForKey = true;
    for (const t of Object.values(this.tracks)) t.gap();
  }
  // tend keeps the element near the live end, and what has been seen short.
  tend() {
    const ranges = this.element.buffered;
    if (ranges.length === 0) return;
    const end = ranges.end(ranges.length - 1), start = ranges.start(ranges.length - 1), now = this.element.currentTime;
    if (now < start || end - now > behind) this.element.currentTime = Math.max(start, end - 0.5);
    for (const t of Object.values(this.tracks)) {
      const b = t.buffer;
      if (b && !b.updating && b.buffered.length > 0 && now - b.buffered.start(0) > 2 * kept) b.remove(0, now - kept);
    }
  }
  close() {
    clearInterval(this.timer);
    this.listening.abort();
    if (this.source.readyState === "open") {
      for (const t of Object.values(this.tracks)) {
        try {
          t.buffer?.abort();
        } catch {
        }
      }
      try {
        this.source.endOfStream();
      } catch {
      }
    }
  }
};

// src/stream.ts
var NetStream = class extends Emitter {
  /** @internal */
  constructor(nc, id) {
    super();
    this.nc = nc;
    this.id = id;
  }
  /** The last onMetaData. */
  metadata = {};
  /** Methods that data messages call, beside the event "data". */
  client = {};
  wait;
  sink;
  begun = performance.now();
  /** Plays a live stream. The promise is the information object of NetStream.Play.Start; while nobody publishes it waits. */
  play(name) {
    return this.ask("NetStream.Play.Start", "play", name, -1e3);
  }
  /** Stops what is played for a while. The promise is the information object of NetStream.Pause.Notify. */
  pause() {
    return this.ask("NetStream.Pause.Notify", "pause", true, 0);
  }
  /** Goes on with what is played, at its live end. The promise is the information object of NetStream.Unpause.Notify. */
  resume() {
    return this.ask("NetStream.Unpause.Notify", "pause", false, 0);
  }
  /** Whether the server sends sound. */
  receiveAudio(on) {
    this.nc.invoke(this.id, "receiveAudio", 0, null, on);
  }
  /** Whether the server sends pictures. */
  receiveVideo(on) {
    this.nc.invoke(this.id, "receiveVideo", 0, null, on);
  }
  /** Publishes data messages under a name (see send). The promise is the information object of NetStream.Publish.Start. */
  publish(name) {
    this.begun = performance.now();
    return this.ask("NetStream.Publish.Start", "publish", name, "live");
  }
  /** Sends a data message to every player of the stream that is published. */
  send(name, ...args) {
    this.nc.send(18, this.id, encode(false, [name, ...args]), Math.round(performance.now() - this.begun));
  }
  /** Sends a data message that also whoever plays later gets first, such as onMetaData; another of its name replaces it. */
  setDataFrame(name, value) {
    this.send("@setDataFrame", name, value);
  }
  /** Takes such a message back. */
  clearDataFrame(name) {
    this.send("@clearDataFrame", name);
  }
  /** Shows what is played in a media element: H.264 and AAC. Call it before play. */
  attach(element) {
    this.sink?.close();
    this.sink = new MediaSink(element, (said) => this.status(said));
  }
  /** Ends what is played or published, and the stream. */
  close() {
    if (this.nc.connected) this.nc.invoke(0, "deleteStream", 0, null, this.id);
    this.nc.forget(this);
    this.ended();
  }
  ask(good, command, ...args) {
    const failed = (why) => new NetStatusError(info("NetStream.Failed", why));
    if (!this.nc.connected) return Promise.reject(failed("There is no connection."));
    this.wait?.reject(failed(`${command} was called before the answer.`));
    const answer = new Promise((resolve, reject) => {
      this.wait = { good, resolve, reject };
    });
    this.nc.invoke(this.id, command, 0, null, ...args);
    return answer;
  }
  /** @internal */
  status(said) {
    const w = this.wait;
    if (w && (said.code === w.good || said.level === "error")) {
      this.wait = void 0;
      if (said.level === "error") w.reject(new NetStatusError(said));
      else w.resolve(said);
    }
    if (said.code === "NetStream.Play.UnpublishNotify") this.sink?.gap();
    this.emit("netstatus", said);
  }
  /** @internal */
  data(body) {
    const r = new Decoder(body);
    const values = [];
    while (r.more) values.push(r.value());
    let [name, ...args] = values;
    if (name === "onStatus") {
      const said = args[0];
      this.status({ ...info(String(said?.code ?? ""), String(said?.description ?? ""), String(said?.level ?? "status")) });
      return;
    }
    if (name === "@setDataFrame") [name, ...args] = args;
    if (name === "onMetaData" && typeof args[0] === "object") this.metadata = args[0] ?? {};
    const m = { name: String(name), args };
    this.emit("data", m);
    callOwn(this.client, m);
  }
  /** @internal */
  media(m) {
    this.sink?.take(m, this.metadata);
  }
  /** @internal */
  ended() {
    this.sink?.close();
    this.sink = void 0;
    const w = this.wait;
    this.wait = void 0;
    w?.reject(new NetStatusError(info("NetStream.Failed", "The connection ended before the answer.")));
  }
};

// src/sharedobject.ts
var persistentFlag = 2;
var SharedObject = class extends Emitter {
  // slots with changes of ours that are not answered yet
  /** @internal */
  constructor(nc, name, persistent, released) {
    super();
    this.nc = nc;
    this.name = name;
    this.persistent = persistent;
    this.released = released;
  }
  /** The slots. Read it; write with set and remove. */
  data = /* @__PURE__ */ new Map();
  /** Methods that send calls at every client, beside the event "message". */
  client = {};
  /** Whether the server's first answer is there, and the connection as well. */
  ready = false;
  version = 0;
  waits = /* @__PURE__ */ new Set();
  /** Sets a slot. It is in data at once; "success" confirms it, or "reject" replaces it with what the server has. */
  set(name, value) {
    this.request(3 /* RequestChange */, (w) => w.text(name).value(value));
    this.data.set(name, value);
    this.waits.add(name);
  }
  /** Removes a slot. It is gone at once; "delete" confirms it, or "reject" brings it back. */
  remove(name) {
    this.request(10 /* RequestRemove */, (w) => w.text(name));
    this.data.delete(name);
    this.waits.add(name);
  }
  /** Removes all slots. They are gone at once; "clear" confirms it. */
  clear() {
    this.request(14 /* RequestClear */, () => {
    });
    this.data.clear();
  }
  /** Sends a message to every client of the object, this one included. */
  send(name, ...args) {
    this.request(6 /* Send */, (w) => [name, ...args].forEach((v) => w.value(v)));
  }
  /** Gives the object back: no more events come. */
  close() {
    this.request(2 /* Release */, () => {
    });
    this.ended();
    this.released();
  }
  /** @internal */
  use() {
    this.request(1 /* Use */, () => {
    });
  }
  /** @internal */
  ended() {
    this.ready = false;
  }
  request(event, body) {
    const data = new Encoder(this.nc.amf3);
    body(data);
    const w = new Writer();
    if (this.nc.amf3) w.u8(0);
    w.text(this.name).u32(this.version).u32(this.persistent ? persistentFlag : 0).u32(0);
    w.u8(event).u32(data.length).bytes(data.done());
    this.nc.send(this.nc.amf3 ? 16 : 19, 0, w.done());
  }
  /** Takes what follows the name in a message; all3: its values are AMF3 without a switch. @internal */
  take(r, all3) {
    this.version = r.u32() || this.version;
    r.u32();
    r.u32();
    const changes = [];
    while (r.more) {
      const event = r.u8();
      const body = new Decoder(r.bytes(r.u32()));
      try {
        this.apply(event, body, () => all3 ? body.value3() : body.value(), changes);
      } catch (e) {
        if (!(e instanceof AMFError)) throw e;
        this.emit("netstatus", info("NetConnection.Call.BadVersion", `An event of ${this.name} could not be read: ${e.message}.`));
      }
    }
    if (changes.length > 0) this.emit("sync", changes);
  }
  apply(event, r, value, changes) {
    const each = (f) => {
      while (r.more) {
        const name = r.text(), oldValue = this.data.get(name), code = f(name);
        changes.push(code === "success" ? { code, name } : { code, name, oldValue });
      }
    };
    switch (event) {
      case 11 /* UseSuccess */:
        this.ready = true;
        return;
      case 8 /* Clear */:
        this.data.clear();
        this.waits.clear();
        changes.push({ code: "clear" });
        return;
      case 4 /* Change */:
        return each((name) => {
          this.data.set(name, value());
          return this.waits.delete(name) ? "reject" : "change";
        });
      case 13 /* ChangeEcho */:
        return each((name) => {
          this.data.set(name, value());
          this.waits.delete(name);
          return "success";
        });
      case 5 /* Success */:
        return each((name) => {
          this.waits.delete(name);
          return "success";
        });
      case 9 /* Remove */:
        return each((name) => {
          this.waits.delete(name);
          this.data.delete(name);
          return "delete";
        });
      case 7 /* Status */: {
        const code = r.text();
        this.emit("netstatus", info(code, "", r.more ? r.text() : "error"));
        return;
      }
      case 6 /* Send */: {
        const name = String(value()), args = [];
        while (r.more) args.push(value());
        const m = { name, args };
        this.emit("message", m);
        callOwn(this.client, m);
        return;
      }
    }
  }
};

// src/connection.ts
var handshakeBytes = 1536;
var ourChunkSize = 65536;
var window = 25e5;
var mayReconnect = 1;
var closeWords = {
  1e3: "The server ended the connection.",
  1001: "The server is going away.",
  1006: "The connection was lost.",
  1009: "The server took a message of this side for too long."
};
var NetConnection = class extends Emitter {
  constructor(options = {}) {
    super();
    this.options = options;
    this.amf3 = options.objectEncoding === 3;
  }
  /** Methods that the server may call: own members only. */
  client = {};
  /** Whether messages to the server are AMF3's. @internal */
  amf3;
  ws;
  reader = new ChunkReader();
  shaken = new Uint8Array(0);
  // what has come of S0, S1 and S2; null when they are done
  sendSize = 128;
  transaction = 1;
  waiting = /* @__PURE__ */ new Map();
  streams = /* @__PURE__ */ new Map();
  objects = /* @__PURE__ */ new Map();
  received = 0;
  acknowledged = 0;
  window = window;
  state = "idle";
  told;
  command = new Uint8Array(0);
  // connect, until it is sent
  watch;
  quiet = false;
  // nothing has come since the last look
  networks = new AbortController();
  get connected() {
    return this.state === "connected";
  }
  /**
   * Connects to an application, "chat" or "chat/lobby", with arguments for it. The promise is the information object of
   * NetConnection.Connect.Success, or is rejected with a NetStatusError: what the server refused with, or
   * NetConnection.Connect.Failed.
   */
  async connect(application, ...args) {
    if (this.state !== "idle") throw new NetStatusError(info("NetConnection.Connect.Failed", "A NetConnection connects once; make another."));
    const page = globalThis.location;
    let ws;
    try {
      const endpoint = new URL(this.options.endpoint ?? "/rtmp", page?.href);
      endpoint.protocol = endpoint.protocol.replace("http", "ws");
      this.command = encode(false, ["connect", 1, {
        app: application,
        flashVer: "WEB 1,0,0,0 (Penstock)",
        tcUrl: `rtmp://${endpoint.host}/${application}`,
        fpad: false,
        capabilities: 239,
        audioCodecs: 3575,
        videoCodecs: 252,
        videoFunction: 1,
        objectEncoding: this.amf3 ? 3 : 0,
        ...page ? { pageUrl: page.href } : {},
        ...this.options.reconnect ? { capsEx: mayReconnect } : {},
        ...this.options.properties
      }, ...args]);
      ws = this.ws = new WebSocket(endpoint, "rtmp");
    } catch (e) {
      if (e instanceof AMFError) throw e;
      throw new NetStatusError(info("NetConnection.Connect.Failed", `There is no connecting to that address: ${e.message}`));
    }
    this.state = "connecting";
    ws.binaryType = "arraybuffer";
    ws.onmessage = (e) => this.take(new Uint8Array(e.data));
    ws.onclose = (e) => this.end(this.closed(e));
    ws.onopen = () => {
      const c = new Uint8Array(1 + handshakeBytes);
      c[0] = 3;
      for (let i = 9; i < c.length; i++) c[i] = Math.random() * 256;
      ws.send(c);
    };
    try {
      const values = await this.expect(1, "NetConnection.Connect.Failed");
      this.state = "connected";
      this.control(5, window);
      this.control(1, ourChunkSize);
      this.sendSize = ourChunkSize;
      this.attend();
      const success = informationOf(values[1]) ?? info("NetConnection.Connect.Success", "", "status");
      this.say(success);
      return success;
    } catch (e) {
      this.told = e.info;
      this.say(this.told);
      this.close();
      throw e;
    }
  }
  /** Calls a method of the application. The promise is its result, or is rejected with a NetStatusError. */
  async call(method, ...args) {
    return (await this.ask(method, args))[1];
  }
  /** Calls a method without wanting an answer. */
  notify(method, ...args) {
    this.need();
    this.invoke(0, method, 0, null, ...args);
  }
  /** Makes a stream, to publish or to play. */
  async createStream() {
    const stream = new NetStream(this, Number((await this.ask("createStream", []))[1]));
    this.streams.set(stream.id, stream);
    return stream;
  }
  /** The remote shared object of that name, used from now on: the same one for the same name. */
  sharedObject(name, persistent = false) {
    this.need();
    let so = this.objects.get(name);
    if (!so) {
      so = new SharedObject(this, name, persistent, () => this.objects.delete(name));
      so.use();
      this.objects.set(name, so);
    }
    return so;
  }
  /** Ends the connection. */
  close() {
    this.end(info("NetConnection.Connect.Closed", "Closed by this side.", "status"));
  }
  need() {
    if (this.state !== "connected") throw new NetStatusError(info("NetConnection.Call.Failed", "There is no connection."));
  }
  ask(method, args) {
    this.need();
    const id = ++this.transaction;
    this.invoke(0, method, id, null, ...args);
    return this.expect(id, "NetConnection.Call.Failed");
  }
  expect(id, code) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.settle(id, (w) => w.reject(new NetStatusError(info(code, "No answer in time.")))),
        this.options.timeout ?? 1e4
      );
      this.waiting.set(id, { resolve, reject, timer });
    });
  }
  settle(id, f) {
    const w = this.waiting.get(id);
    if (!w) return;
    this.waiting.delete(id);
    clearTimeout(w.timer);
    f(w);
  }
  /** Sends a command: its name, transaction, object and arguments. @internal */
  invoke(stream, ...values) {
    const body = encode(this.amf3, values);
    if (!this.amf3) {
      this.send(20, stream, body);
      return;
    }
    const selected = new Uint8Array(1 + body.length);
    selected.set(body, 1);
    this.send(17, stream, selected);
  }
  /** @internal */
  send(type, stream, body, time = 0) {
    if (this.ws?.readyState !== WebSocket.OPEN) return;
    const csid = type < 7 ? 2 : stream === 0 ? 3 : 8;
    this.ws.send(cut({ type, stream, time, body }, csid, this.sendSize));
  }
  control(type, value) {
    const b = new Uint8Array(4);
    new DataView(b.buffer).setUint32(0, value);
    this.send(type, 0, b);
  }
  say(detail) {
    this.emit("netstatus", detail);
  }
  // attend notices a server that has gone without a word, and changes of this machine's network.
  attend() {
    const every = this.options.keepAlive ?? 25e3;
    if (every > 0) {
      let pinged = false;
      this.watch = setInterval(() => {
        if (this.quiet && pinged) {
          this.end(info("NetConnection.Connect.Closed", `Nothing came from the server for ${Math.round(2 * every / 1e3)} s.`, "status"));
          return;
        }
        if (pinged = this.quiet) this.ping(6 /* PingRequest */, performance.now());
        this.quiet = true;
      }, every);
    }
    const change = () => this.say(info(
      "NetConnection.Connect.NetworkChange",
      globalThis.navigator?.onLine === false ? "This machine has no network." : "This machine's network has changed.",
      "status"
    ));
    const network = globalThis.navigator?.connection;
    const { signal } = this.networks;
    for (const type of ["online", "offline"]) globalThis.addEventListener?.(type, change, { signal });
    network?.addEventListener?.("change", change, { signal });
  }
  ping(event, value) {
    const b = new Uint8Array(6);
    const v = new DataView(b.buffer);
    v.setUint16(0, event);
    v.setUint32(2, value);
    this.send(4, 0, b);
  }
  take(bytes) {
    this.quiet = false;
    try {
      if (this.shaken) {
        const all = new Uint8Array(this.shaken.length + bytes.length);
        all.set(this.shaken);
        all.set(bytes, this.shaken.length);
        if (all[0] !== 3) throw new ProtocolError(`its RTMP version is ${all[0]}`);
        if (all.length < 1 + 2 * handshakeBytes) {
          this.shaken = all;
          return;
        }
        this.shaken = null;
        this.ws.send(all.slice(1, 1 + handshakeBytes));
        this.send(20, 0, this.command);
        bytes = all.subarray(1 + 2 * handshakeBytes);
      }
      this.received += bytes.length;
      for (const m of this.reader.push(bytes)) {
        if (this.state === "closed") return;
        this.handle(m);
      }
      if (this.received - this.acknowledged >= this.window / 2) {
        this.acknowledged = this.received;
        this.control(3, this.received >>> 0);
      }
    } catch (e) {
      this.end(info("NetConnection.Connect.Closed", `The server could not be understood: ${e.message}.`, "status"));
    }
  }
  handle(m) {
    const v = new DataView(m.body.buffer, m.body.byteOffset, m.body.byteLength);
    switch (m.type) {
      case 4:
        if (m.body.length >= 6 && v.getUint16(0) === 6 /* PingRequest */) this.ping(7 /* PingResponse */, v.getUint32(2));
        return;
      case 5:
        if (m.body.length >= 4) this.window = Math.max(65536, v.getUint32(0));
        return;
      case 6:
        if (m.body.length >= 4) this.control(5, v.getUint32(0));
        return;
    }
    try {
      switch (m.type) {
        case 8:
        case 9:
          this.streams.get(m.stream)?.media(m);
          return;
        case 15:
        case 18:
          this.streams.get(m.stream)?.data(unselected(m, 15));
          return;
        case 16:
        case 19:
          this.shared(m);
          return;
        case 17:
        case 20:
          this.commanded(m);
          return;
      }
    } catch (e) {
      if (!(e instanceof AMFError)) throw e;
      const said = info("NetConnection.Call.BadVersion", `A message could not be read: ${e.message}.`);
      const stream = this.streams.get(m.stream);
      if (stream) stream.status(said);
      else this.say(said);
    }
  }
  shared(m) {
    const r = new Decoder(m.body);
    const all3 = m.type === 16 && r.u8() === 3;
    this.objects.get(r.text())?.take(r, all3);
  }
  commanded(m) {
    const r = new Decoder(unselected(m, 17));
    const values = [];
    while (r.more) values.push(r.value());
    const [name, transaction, object, ...args] = values;
    const id = Number(transaction);
    switch (name) {
      case "_result":
        this.settle(id, (w) => w.resolve([object, ...args]));
        return;
      case "_error": {
        const said = informationOf(args[0]) ?? informationOf(object) ?? info("NetConnection.Call.Failed", "");
        this.settle(id, (w) => w.reject(new NetStatusError(said)));
        return;
      }
      case "close":
        this.end(this.told ?? info("NetConnection.Connect.Closed", closeWords[1e3], "status"));
        return;
      case "onStatus": {
        const said = informationOf(args[0]);
        if (!said) return;
        const stream = m.stream !== 0 ? this.streams.get(m.stream) : void 0;
        if (stream) stream.status(said);
        else if (said.code === "NetConnection.Connect.Closed") this.told = said;
        else this.say(said);
        return;
      }
    }
    void this.called(String(name), id, args);
  }
  // called runs one of our methods on the server's behalf. Only own methods can be called.
  async called(name, id, args) {
    const f = Object.hasOwn(this.client, name) ? this.client[name] : void 0;
    const fail = (why) => this.invoke(0, "_error", id, null, info("NetConnection.Call.Failed", why));
    if (typeof f !== "function") {
      if (id !== 0) fail(`Method not found (${name}).`);
      return;
    }
    try {
      const result = await f.apply(this.client, args);
      if (id !== 0) this.invoke(0, "_result", id, null, result);
    } catch (e) {
      if (id !== 0) fail(String(e?.message ?? e));
      else console.error(e);
    }
  }
  closed(e) {
    const words2 = closeWords[e.code] ?? `The WebSocket ended with code ${e.code}.`;
    return { ...info("NetConnection.Connect.Closed", e.reason ? `${words2} ${e.reason}` : words2, "status"), closeCode: e.code };
  }
  end(closed) {
    if (this.state === "closed" || this.state === "idle") return;
    const before = this.state, opened = this.shaken === null;
    this.state = "closed";
    clearInterval(this.watch);
    this.networks.abort();
    for (const id of [...this.waiting.keys()]) {
      const lost = id !== 1 ? info("NetConnection.Call.Failed", "The connection ended before the answer.") : info("NetConnection.Connect.Failed", opened ? `There was no answer to connect. ${closed.description}` : `There is no RTMP over WebSocket to be had there, or not for pages of this origin. ${closed.description}`);
      this.settle(id, (w) => w.reject(new NetStatusError(lost)));
    }
    for (const s of this.streams.values()) s.ended();
    for (const so of this.objects.values()) so.ended();
    if (this.ws) {
      this.ws.onclose = this.ws.onmessage = this.ws.onopen = null;
      this.ws.close();
    }
    if (before === "connected") this.say(this.told?.code === closed.code ? { ...closed, ...this.told } : closed);
  }
  /** @internal */
  forget(s) {
    this.streams.delete(s.id);
  }
};
function unselected(m, type3) {
  return m.type === type3 && m.body.length > 0 && m.body[0] !== 2 ? m.body.subarray(1) : m.body;
}

// src/penstock.ts
var internals = { ChunkReader, Decoder, Encoder, cut, limits, mp4: mp4_exports };
export {
  AMFError,
  ArrayCollection,
  ECMAArray,
  Emitter,
  Externalizable,
  NetConnection,
  NetStatusError,
  NetStream,
  ProtocolError,
  SharedObject,
  TypedObject,
  Vector,
  XML,
  decodeAMF0,
  decodeAMF3,
  encodeAMF0,
  encodeAMF3,
  externalizableClasses,
  internals
};
