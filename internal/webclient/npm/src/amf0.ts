// AMF0 (Adobe, "Action Message Format -- AMF 0", 2007), both ways, with the switch to AMF3 (§3.1).
import { Decoder3, Encoder3, Mark3, markOf } from "./amf3.js";
import { checkCount } from "./bytes.js";
import { AMFError, ECMAArray, Externalizable, Members, TypedObject, Value, XML } from "./value.js";

/** The type markers of AMF0 (§2.1). */
const enum Mark0 {
  Number, Boolean, String, Object, Null = 5, Undefined, Reference, ECMAArray, End, Array, Date, LongString, Unsupported, XML = 15,
  TypedObject, AMF3,
}

const maxReferences = 1 << 16;

/** Reads the values of one message. @internal */
export class Decoder extends Decoder3 {
  private seen: Value[] = []; // what references count (§2.9)
  private fresh = false; // the peer begins the tables of AMF3 afresh with each value

  value(depth = 0): Value {
    this.enter(depth);
    const mark = this.u8();
    switch (mark) {
      case Mark0.Number: return this.f64();
      case Mark0.Boolean: return this.u8() !== 0;
      case Mark0.String: return this.text();
      case Mark0.Null: return null;
      case Mark0.Undefined: case Mark0.Unsupported: return undefined;
      case Mark0.Date: { const ms = this.f64(); this.u16(); return new Date(ms); }
      case Mark0.LongString: return this.utf8(this.u32());
      case Mark0.XML: return new XML(this.utf8(this.u32()), true);
      case Mark0.AMF3: return this.switched(depth);
      case Mark0.Reference: {
        const i = this.u16();
        if (i >= this.seen.length) throw new AMFError(`reference ${i} to nothing`);
        return this.seen[i];
      }
      case Mark0.ECMAArray: this.u32(); return this.plainObject(depth); // the count is a hint
      case Mark0.Object: return this.plainObject(depth);
      case Mark0.TypedObject: {
        const o = new TypedObject(this.text(), Object.create(null));
        this.seen.push(o);
        this.read(o.members, depth);
        return o;
      }
      case Mark0.Array: {
        const n = this.u32();
        checkCount(n, this.left, "elements");
        const list: Value[] = [];
        this.seen.push(list);
        for (let i = 0; i < n; i++) list.push(this.value(depth + 1));
        return list;
      }
    }
    throw new AMFError(`marker ${mark} at byte ${this.at - 1} is none of AMF0`);
  }

  private plainObject(depth: number): Value {
    const o: Members = Object.create(null);
    this.seen.push(o);
    this.read(o, depth);
    return o;
  }

  private read(o: Members, depth: number): void {
    for (;;) {
      const key = this.text();
      if (key === "" && this.b[this.at] === Mark0.End) { this.at++; return; }
      o[key] = this.value(depth + 1);
    }
  }

  // switched reads an AMF3 value. Peers disagree on whether the tables live on from one such value to the next in the same message. They
  // do here until a value cannot be read that way, and is read again with fresh tables: then they are fresh for all that follow.
  private switched(depth: number): Value {
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
      try { return this.value3(depth); } catch { throw e; }
    }
  }
}

/** Writes the values of one message. @internal */
export class Encoder extends Encoder3 {
  private containers = new Map<object, number>(); // those that are being written, with what a reference to them says
  private next = 0;

  /** avmplus: every object, array and date is written in AMF3, as Flash does on connections with objectEncoding 3. */
  constructor(private readonly avmplus = false) { super(); }

  value(v: Value, depth = 0): void {
    this.spend(depth);
    switch (typeof v) {
      case "undefined": this.u8(Mark0.Undefined); return;
      case "boolean": this.u8(Mark0.Boolean).u8(v ? 1 : 0); return;
      case "number": this.u8(Mark0.Number).f64(v); return;
      case "string": this.string(v); return;
      case "object": break;
      default: throw new AMFError(`a ${typeof v} cannot be sent`);
    }
    if (v === null) { this.u8(Mark0.Null); return; }
    const mark = markOf(v);
    if (this.avmplus || mark > Mark3.Object || v instanceof Externalizable) {
      this.u8(Mark0.AMF3);
      this.top3(v, depth);
    } else if (v instanceof Date) this.u8(Mark0.Date).f64(v.getTime()).u16(0);
    else if (v instanceof XML) { const b = this.encoded(v.text); this.u8(Mark0.XML).u32(b.length).bytes(b); }
    else this.container(v, depth);
  }

  private string(s: string): void {
    const b = this.encoded(s);
    if (b.length <= 0xffff) this.u8(Mark0.String).u16(b.length);
    else this.u8(Mark0.LongString).u32(b.length);
    this.bytes(b);
  }

  // A reference stands only where a value contains itself; whatever else is met again is written again.
  private container(v: object, depth: number): void {
    const known = this.containers.get(v);
    if (known !== undefined) {
      if (known >= maxReferences) throw new AMFError("a value contains itself, and is too far away for a reference");
      this.u8(Mark0.Reference).u16(known);
      return;
    }
    this.containers.set(v, this.next++);
    if (Array.isArray(v)) {
      this.u8(Mark0.Array).u32(v.length);
      for (let i = 0; i < v.length; i++) this.value(v[i], depth + 1);
    } else if (v instanceof ECMAArray) {
      this.u8(Mark0.ECMAArray).u32(v.dense.length + Object.keys(v.members).length);
      v.dense.forEach((x, i) => { this.text(String(i)).value(x, depth + 1); });
      this.members(v.members, depth);
    } else if (v instanceof TypedObject) {
      this.u8(Mark0.TypedObject).text(v.className);
      this.members(v.members, depth);
    } else {
      this.u8(Mark0.Object);
      this.members(v as Members, depth);
    }
    this.containers.delete(v);
  }

  private members(members: Members, depth: number): void {
    for (const key of Object.keys(members)) {
      if (typeof members[key] === "function") continue;
      this.text(key).value(members[key], depth + 1);
    }
    this.u16(0).u8(Mark0.End);
  }
}

/** Writes AMF0 values one behind the other. */
export function encodeAMF0(...values: Value[]): Uint8Array { return encode(false, values); }

/** @internal */
export function encode(avmplus: boolean, values: Value[]): Uint8Array {
  const w = new Encoder(avmplus);
  for (const v of values) w.value(v);
  return w.done();
}

/** Reads all AMF0 values that are there, those behind the switch to AMF3 too. The error is an AMFError. */
export function decodeAMF0(b: Uint8Array): Value[] {
  const r = new Decoder(b);
  const values: Value[] = [];
  while (r.more) values.push(r.value());
  return values;
}
