// AMF0 (Adobe, "Action Message Format -- AMF 0", 2007), both ways, for values that JavaScript has.

/** What AMF0 can carry. undefined and null are not the same. A TypedObject has a class name. */
export type Value = undefined | null | boolean | number | string | Date | Value[] | TypedObject | { [key: string]: Value };

/** An object with a class name. Classes are names here: nothing is ever instantiated. */
export class TypedObject {
  constructor(public readonly className: string, public readonly members: { [key: string]: Value }) {}
}

/** Why bytes could not be read, or a value not written. */
export class AMFError extends Error {}

const maxDepth = 64;
const utf8 = new TextEncoder();
const fromUTF8 = new TextDecoder();

/** Collects bytes. @internal */
export class Writer {
  private b = new Uint8Array(256);
  private v = new DataView(this.b.buffer);
  private n = 0;

  private room(n: number): number {
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
  u8(x: number): this { const at = this.room(1); this.b[at] = x; return this; }
  u16(x: number): this { const at = this.room(2); this.v.setUint16(at, x); return this; }
  u24(x: number): this { return this.u8((x >>> 16) & 255).u16(x & 0xffff); }
  u32(x: number): this { const at = this.room(4); this.v.setUint32(at, x >>> 0); return this; }
  u32le(x: number): this { const at = this.room(4); this.v.setUint32(at, x >>> 0, true); return this; }
  f64(x: number): this { const at = this.room(8); this.v.setFloat64(at, x); return this; }
  bytes(x: Uint8Array): this { const at = this.room(x.length); this.b.set(x, at); return this; }
  /** UTF-8 with its length in two bytes. */
  text(s: string): this {
    const b = utf8.encode(s);
    if (b.length > 0xffff) throw new AMFError("a name is longer than 65535 bytes");
    return this.u16(b.length).bytes(b);
  }
  get length(): number { return this.n; }
  done(): Uint8Array { return this.b.slice(0, this.n); }
}

/** Writes values one behind the other. */
export function encode(...values: Value[]): Uint8Array {
  const w = new Writer();
  for (const v of values) write(w, v, 0);
  return w.done();
}

/** @internal */
export function write(w: Writer, v: Value, depth: number): void {
  if (depth > maxDepth) throw new AMFError("a value is nested too deep, or contains itself");
  switch (typeof v) {
    case "undefined": w.u8(6); return;
    case "boolean": w.u8(1).u8(v ? 1 : 0); return;
    case "number": w.u8(0).f64(v); return;
    case "string": {
      const b = utf8.encode(v);
      if (b.length <= 0xffff) w.u8(2).u16(b.length);
      else w.u8(12).u32(b.length);
      w.bytes(b);
      return;
    }
    case "object": break;
    default: throw new AMFError(`a ${typeof v} cannot be sent`);
  }
  if (v === null) { w.u8(5); return; }
  if (v instanceof Date) { w.u8(11).f64(v.getTime()).u16(0); return; }
  if (Array.isArray(v)) {
    w.u8(10).u32(v.length);
    for (const x of v) write(w, x, depth + 1);
    return;
  }
  let members = v as { [key: string]: Value };
  if (v instanceof TypedObject) { w.u8(16).text(v.className); members = v.members; } else w.u8(3);
  for (const key of Object.keys(members)) {
    if (key === "" || typeof members[key] === "function") continue;
    w.text(key);
    write(w, members[key], depth + 1);
  }
  w.u16(0).u8(9);
}

/** Reads bytes. Whatever is missing is an AMFError. @internal */
export class Reader {
  private v: DataView;
  private seen: Value[] = [];
  at = 0;
  constructor(private b: Uint8Array) { this.v = new DataView(b.buffer, b.byteOffset, b.byteLength); }

  private take(n: number): number {
    const at = this.at;
    if (at + n > this.b.length) throw new AMFError(`the value ends at byte ${this.b.length}, too early`);
    this.at += n;
    return at;
  }
  get more(): boolean { return this.at < this.b.length; }
  u8(): number { return this.b[this.take(1)]; }
  u16(): number { return this.v.getUint16(this.take(2)); }
  u24(): number { return (this.u8() << 16) | this.u16(); }
  u32(): number { return this.v.getUint32(this.take(4)); }
  f64(): number { return this.v.getFloat64(this.take(8)); }
  bytes(n: number): Uint8Array { const at = this.take(n); return this.b.subarray(at, at + n); }
  text(): string { return fromUTF8.decode(this.bytes(this.u16())); }

  value(depth = 0): Value {
    if (depth > maxDepth) throw new AMFError("a value is nested too deep");
    const marker = this.u8();
    switch (marker) {
      case 0: return this.f64();
      case 1: return this.u8() !== 0;
      case 2: return this.text();
      case 3: return this.members({}, depth);
      case 5: return null;
      case 6: case 13: return undefined;
      case 7: {
        const i = this.u16();
        if (i >= this.seen.length) throw new AMFError(`reference ${i} to nothing`);
        return this.seen[i];
      }
      case 8: this.u32(); return this.members({}, depth); // the count is a hint
      case 10: {
        const n = this.u32();
        if (n > this.b.length - this.at) throw new AMFError(`an array of ${n} values in ${this.b.length - this.at} bytes`);
        const list: Value[] = [];
        this.seen.push(list);
        for (let i = 0; i < n; i++) list.push(this.value(depth + 1));
        return list;
      }
      case 11: { const ms = this.f64(); this.u16(); return new Date(ms); }
      case 12: case 15: return fromUTF8.decode(this.bytes(this.u32()));
      case 16: {
        const o = new TypedObject(this.text(), Object.create(null));
        this.seen.push(o);
        this.read(o.members, depth);
        return o;
      }
    }
    throw new AMFError(`marker ${marker} at byte ${this.at - 1} is none that is understood here`);
  }
  private members(o: { [key: string]: Value }, depth: number): Value {
    Object.setPrototypeOf(o, null); // a member may have any name
    this.seen.push(o);
    this.read(o, depth);
    return o;
  }
  private read(o: { [key: string]: Value }, depth: number): void {
    for (;;) {
      const key = this.text();
      if (key === "" && this.b[this.at] === 9) { this.at++; return; }
      o[key] = this.value(depth + 1);
    }
  }
}

/** Reads all values that are there. */
export function decode(b: Uint8Array): Value[] {
  const r = new Reader(b);
  const values: Value[] = [];
  while (r.more) values.push(r.value());
  return values;
}
