// AMF3 (Adobe, "Action Message Format -- AMF 3", 2013), both ways.
import { Reader, Writer, checkCount, utf8 } from "./bytes.js";
import { readExternal, writeExternal } from "./flex.js";
import { AMFError, ECMAArray, Externalizable, Members, Traits, TypedObject, Value, Vector, XML, limits } from "./value.js";

/** The type markers of AMF3 (§3.1). @internal */
export const enum Mark3 {
  Undefined, Null, False, True, Integer, Double, String, XMLDocument, Date, Array, Object, XML, ByteArray, VectorInt, VectorUint,
  VectorDouble, VectorObject, Dictionary,
}

interface Shape extends Traits { className: string; external: boolean; }

/** The three reference tables (§2.2). @internal */
class Tables {
  strings: string[] = [];
  objects: Value[] = [];
  marks: number[] = []; // of the objects
  shapes: Shape[] = [];
  carried = 0; // objects of earlier values in the message
  get empty(): boolean { return this.strings.length + this.objects.length + this.shapes.length === 0; }
}

/** @internal */
export class Decoder3 extends Reader {
  protected tables = new Tables();

  /** Starts the reference tables afresh. */
  protected forget(): void { this.tables = new Tables(); }

  /** Gives a value its place in the table of objects, which comes before its members are read: they may refer to it. */
  keep<T extends Value>(v: T, mark: number): T {
    this.tables.objects.push(v);
    this.tables.marks.push(mark);
    return v;
  }

  value3(depth = 0): Value {
    this.enter(depth);
    const mark = this.u8();
    switch (mark) {
      case Mark3.Undefined: return undefined;
      case Mark3.Null: return null;
      case Mark3.False: return false;
      case Mark3.True: return true;
      case Mark3.Integer: return (this.u29() << 3) >> 3;
      case Mark3.Double: return this.f64();
      case Mark3.String: return this.string3();
    }
    if (mark > Mark3.Dictionary) throw new AMFError(`marker ${mark} at byte ${this.at - 1} is none of AMF3`);
    const head = this.u29();
    if ((head & 1) === 0) return this.reference(mark, head >>> 1);
    const n = head >>> 1;
    switch (mark) {
      case Mark3.XMLDocument: case Mark3.XML: return this.keep(new XML(this.utf8(n), mark === Mark3.XMLDocument), mark);
      case Mark3.Date: return this.keep(new Date(this.f64()), mark);
      case Mark3.Array: return this.array(n, depth);
      case Mark3.Object: return this.object(head, depth);
      case Mark3.ByteArray: return this.keep(this.bytes(n).slice(), mark);
      case Mark3.Dictionary: return this.dictionary(n, depth);
      case Mark3.VectorObject: return this.vectorObject(n, depth);
    }
    return this.vector(mark, n);
  }

  // The fourth byte has eight bits of the value, the others seven (§1.3.1).
  private u29(): number {
    let u = 0;
    for (let i = 0; i < 3; i++) {
      const b = this.u8();
      u = (u << 7) | (b & 0x7f);
      if (b < 0x80) return u;
    }
    return (u << 8) | this.u8();
  }

  private string3(): string {
    const head = this.u29();
    if ((head & 1) === 0) {
      if (head >>> 1 >= this.tables.strings.length) throw new AMFError(`reference ${head >>> 1} to no string`);
      return this.tables.strings[head >>> 1];
    }
    if (head === 1) return ""; // never in the table
    const s = this.utf8(head >>> 1);
    this.tables.strings.push(s);
    return s;
  }

  private reference(mark: number, i: number): Value {
    const t = this.tables;
    if (i >= t.objects.length || (i < t.carried && t.marks[i] !== mark)) throw new AMFError(`reference ${i} to nothing`);
    return t.objects[i];
  }

  private elements(list: Value[], n: number, depth: number): void {
    checkCount(n, this.left, "elements");
    for (let i = 0; i < n; i++) list.push(this.value3(depth + 1));
  }

  private members(o: Members, depth: number, key = this.string3()): void {
    for (; key !== ""; key = this.string3()) o[key] = this.value3(depth + 1);
  }

  private array(n: number, depth: number): Value {
    checkCount(n, this.left, "elements");
    const key = this.string3();
    if (key === "") {
      const list = this.keep<Value[]>([], Mark3.Array);
      this.elements(list, n, depth);
      return list;
    }
    const a = this.keep(new ECMAArray([], Object.create(null)), Mark3.Array);
    this.members(a.members, depth, key);
    this.elements(a.dense, n, depth);
    return a;
  }

  private shape(head: number): Shape {
    const t = this.tables;
    if ((head & 2) === 0) {
      if (head >>> 2 >= t.shapes.length) throw new AMFError(`reference ${head >>> 2} to no class`);
      return t.shapes[head >>> 2];
    }
    const external = (head & 4) !== 0, count = external ? 0 : head >>> 4;
    const className = this.string3();
    checkCount(count, this.left, "members");
    const sealed: string[] = [];
    for (let i = 0; i < count; i++) sealed.push(this.string3());
    const s: Shape = { className, external, dynamic: (head & 8) !== 0, sealed };
    t.shapes.push(s);
    return s;
  }

  private object(head: number, depth: number): Value {
    const shape = this.shape(head);
    if (shape.external) return readExternal(this, shape.className, depth);
    const members: Members = Object.create(null);
    const { className, sealed, dynamic } = shape;
    const traits = sealed.length === 0 && dynamic ? undefined : { sealed, dynamic };
    const o = this.keep(className === "" ? members : new TypedObject(className, members, traits), Mark3.Object);
    for (const key of sealed) members[key] = this.value3(depth + 1);
    if (dynamic) this.members(members, depth);
    return o;
  }

  private dictionary(n: number, depth: number): Value {
    const map = this.keep(new Map<Value, Value>(), Mark3.Dictionary);
    this.u8(); // whether its keys are weak
    checkCount(2 * n, this.left, "keys and values");
    for (let i = 0; i < n; i++) {
      const key = this.value3(depth + 1);
      map.set(key, this.value3(depth + 1));
    }
    return map;
  }

  private vectorObject(n: number, depth: number): Value {
    const fixed = this.u8() !== 0;
    // Its place in the table is before those of its elements, which come after its type.
    const v = this.keep(new Vector(this.string3(), [], fixed), Mark3.VectorObject);
    this.elements(v.items, n, depth);
    return v;
  }

  private vector(mark: number, n: number): Value {
    this.u8(); // whether its length is fixed
    const size = mark === Mark3.VectorDouble ? 8 : 4;
    checkCount(n * size, this.left, "bytes of numbers");
    const v = mark === Mark3.VectorDouble ? new Float64Array(n) : mark === Mark3.VectorInt ? new Int32Array(n) : new Uint32Array(n);
    for (let i = 0; i < n; i++) v[i] = size === 8 ? this.f64() : this.u32();
    return this.keep<Value>(v, mark);
  }
}

/** What is written of an AMF3 value so far. @internal */
interface Written { objects: Map<object, number>; strings: Map<string, number>; shapes: Map<string, number>; next: number; }

/** @internal */
export class Encoder3 extends Writer {
  private begun = 0; // AMF3 values
  private w: Written = { objects: new Map(), strings: new Map(), shapes: new Map(), next: 0 };
  private plain = false;
  private nodes = 0;
  private open = new Set<object>(); // values that are being written

  /** Pays for a value. */
  protected spend(depth: number): void {
    if (depth > limits.depth) throw new AMFError("a value is nested too deep");
    if (++this.nodes > limits.nodes) throw new AMFError(`there are more than ${limits.nodes} values`);
    if (this.length > limits.bytes) throw new AMFError("the values are longer than a message can be");
  }

  /** The UTF-8 of a text that a message may hold. */
  protected encoded(s: string): Uint8Array {
    if (s.length > limits.bytes) throw new AMFError("a text is longer than a message can be");
    return utf8.encode(s);
  }

  /**
   * Writes a value with reference tables of its own. Readers disagree on whether the tables live as long as the message, so only the first
   * AMF3 value of one has references; another that contains itself cannot be written.
   */
  top3(v: Value, depth = 0): void {
    this.plain = this.begun++ > 0;
    this.w = { objects: new Map(), strings: new Map(), shapes: new Map(), next: 0 };
    this.value3(v, depth);
  }

  value3(v: Value, depth: number): void {
    this.spend(depth);
    switch (typeof v) {
      case "undefined": this.u8(Mark3.Undefined); return;
      case "boolean": this.u8(v ? Mark3.True : Mark3.False); return;
      case "number":
        if (Number.isInteger(v) && v >= -(2 ** 28) && v < 2 ** 28 && !Object.is(v, -0)) this.u8(Mark3.Integer).u29(v & 0x1fffffff);
        else this.u8(Mark3.Double).f64(v);
        return;
      case "string": this.u8(Mark3.String).string3(v); return;
      case "object": break;
      default: throw new AMFError(`a ${typeof v} cannot be sent`);
    }
    if (v === null) { this.u8(Mark3.Null); return; }
    const mark = markOf(v);
    this.u8(mark);
    const known = this.w.objects.get(v);
    if (known !== undefined) { this.u29(known << 1); return; }
    if (this.open.has(v)) throw new AMFError("a value contains itself");
    if (!this.plain) this.w.objects.set(v, this.w.next);
    this.w.next++;
    this.open.add(v);
    this.body(v, mark, depth);
    this.open.delete(v);
  }

  private u29(u: number): this {
    if (u < 0x80) return this.u8(u);
    if (u < 0x4000) return this.u8((u >>> 7) | 0x80).u8(u & 0x7f);
    if (u < 0x200000) return this.u8((u >>> 14) | 0x80).u8(((u >>> 7) & 0x7f) | 0x80).u8(u & 0x7f);
    return this.u8((u >>> 22) | 0x80).u8(((u >>> 15) & 0x7f) | 0x80).u8(((u >>> 8) & 0x7f) | 0x80).u8(u & 0xff);
  }

  // count writes a count or length, with the bit that says it is no reference.
  private count(n: number): this {
    if (n > limits.bytes) throw new AMFError("a value is longer than a message can be");
    return this.u29((n << 1) | 1);
  }

  private string3(s: string): void {
    if (s !== "" && !this.plain) {
      const known = this.w.strings.get(s);
      if (known !== undefined) { this.u29(known << 1); return; }
      this.w.strings.set(s, this.w.strings.size);
    }
    const b = this.encoded(s);
    this.count(b.length).bytes(b);
  }

  private body(v: object, mark: number, depth: number): void {
    if (v instanceof Date) this.u8(1).f64(v.getTime());
    else if (v instanceof XML) { const b = this.encoded(v.text); this.count(b.length).bytes(b); }
    else if (v instanceof Uint8Array) this.count(v.length).bytes(v);
    else if (v instanceof Map) {
      this.count(v.size).u8(0);
      for (const [key, value] of v) { this.value3(key, depth + 1); this.value3(value, depth + 1); }
    } else if (v instanceof Vector) {
      this.count(v.items.length).u8(v.fixed ? 1 : 0).string3(v.type);
      this.elements(v.items, depth);
    } else if (v instanceof Float64Array || v instanceof Int32Array || v instanceof Uint32Array) {
      this.count(v.length).u8(0);
      for (const x of v) { if (mark === Mark3.VectorDouble) this.f64(x); else this.u32(x); }
    } else if (Array.isArray(v)) {
      this.count(v.length).string3("");
      this.elements(v, depth);
    } else if (v instanceof ECMAArray) {
      this.count(v.dense.length);
      this.dynamic(v.members, Object.keys(v.members), depth);
      this.elements(v.dense, depth);
    } else this.object(v, depth);
  }

  private elements(list: Value[], depth: number): void {
    for (let i = 0; i < list.length; i++) this.value3(list[i], depth + 1); // what an array lacks is undefined
  }

  private dynamic(members: Members, names: string[], depth: number): void {
    for (const key of names) {
      if (typeof members[key] === "function") continue;
      if (key === "") throw new AMFError("AMF3 has no members without a name");
      this.string3(key);
      this.value3(members[key], depth + 1);
    }
    this.string3("");
  }

  private object(v: object, depth: number): void {
    if (v instanceof Externalizable) {
      this.shape(v.className, true, { sealed: [], dynamic: false });
      writeExternal(this, v, depth);
      return;
    }
    const typed = v instanceof TypedObject;
    const members = (typed ? v.members : v) as Members;
    const traits = (typed ? v.traits : undefined) ?? { sealed: [], dynamic: true };
    this.shape(typed ? v.className : "", false, traits);
    for (const key of traits.sealed) this.value3(members[key], depth + 1);
    if (!traits.dynamic) return;
    const sealed = new Set(traits.sealed);
    this.dynamic(members, Object.keys(members).filter((k) => !sealed.has(k)), depth);
  }

  private shape(className: string, external: boolean, t: Traits): void {
    const key = JSON.stringify([className, external, t.dynamic, t.sealed]);
    if (!this.plain) {
      const known = this.w.shapes.get(key);
      if (known !== undefined) { this.u29((known << 2) | 1); return; }
      this.w.shapes.set(key, this.w.shapes.size);
    }
    this.u29((t.sealed.length << 4) | (t.dynamic ? 8 : 0) | (external ? 4 : 0) | 3);
    this.string3(className);
    for (const name of t.sealed) this.string3(name);
  }
}

/** The marker of an object. @internal */
export function markOf(v: object): number {
  if (v instanceof Date) return Mark3.Date;
  if (v instanceof XML) return v.legacy ? Mark3.XMLDocument : Mark3.XML;
  if (Array.isArray(v) || v instanceof ECMAArray) return Mark3.Array;
  if (v instanceof Uint8Array) return Mark3.ByteArray;
  if (v instanceof Int32Array) return Mark3.VectorInt;
  if (v instanceof Uint32Array) return Mark3.VectorUint;
  if (v instanceof Float64Array) return Mark3.VectorDouble;
  if (v instanceof Vector) return Mark3.VectorObject;
  if (v instanceof Map) return Mark3.Dictionary;
  if (ArrayBuffer.isView(v) || v instanceof ArrayBuffer) throw new AMFError("of binary values a Uint8Array can be sent, or a vector of numbers");
  return Mark3.Object;
}

/** Writes AMF3 values one behind the other. */
export function encodeAMF3(...values: Value[]): Uint8Array {
  const w = new Encoder3();
  for (const v of values) w.top3(v);
  return w.done();
}

/** Reads all AMF3 values that are there. The error is an AMFError. */
export function decodeAMF3(b: Uint8Array): Value[] {
  const r = new Decoder3(b);
  const values: Value[] = [];
  while (r.more) values.push(r.value3());
  return values;
}
