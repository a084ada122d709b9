// Bytes: written one after the other, and read with every length checked against what is there.
import { AMFError, limits } from "./value.js";

/** @internal */
export const utf8 = new TextEncoder();
const fromUTF8 = new TextDecoder("utf-8", { ignoreBOM: true }); // a text may begin with U+FEFF

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
    const b = s.length > 0xffff ? undefined : utf8.encode(s);
    if (!b || b.length > 0xffff) throw new AMFError("a name is longer than 65535 bytes");
    return this.u16(b.length).bytes(b);
  }
  get length(): number { return this.n; }
  done(): Uint8Array { return this.b.slice(0, this.n); }
}

/** Reads bytes. Whatever is missing is an AMFError. @internal */
export class Reader {
  private v: DataView;
  at = 0;
  protected nodes = limits.nodes;
  constructor(protected readonly b: Uint8Array) { this.v = new DataView(b.buffer, b.byteOffset, b.byteLength); }

  private take(n: number): number {
    const at = this.at;
    if (n > this.left) throw new AMFError(`the value ends at byte ${this.b.length}, too early`);
    this.at += n;
    return at;
  }
  get more(): boolean { return this.at < this.b.length; }
  get left(): number { return this.b.length - this.at; }
  u8(): number { return this.b[this.take(1)]; }
  u16(): number { return this.v.getUint16(this.take(2)); }
  u24(): number { return (this.u8() << 16) | this.u16(); }
  u32(): number { return this.v.getUint32(this.take(4)); }
  i32(): number { return this.v.getInt32(this.take(4)); }
  f64(): number { return this.v.getFloat64(this.take(8)); }
  bytes(n: number): Uint8Array { const at = this.take(n); return this.b.subarray(at, at + n); }
  utf8(n: number): string { return fromUTF8.decode(this.bytes(n)); }
  text(): string { return this.utf8(this.u16()); }

  /** Pays for a value. @internal */
  protected enter(depth: number): void {
    if (depth > limits.depth) throw new AMFError("a value is nested too deep");
    if (--this.nodes < 0) throw new AMFError(`there are more than ${limits.nodes} values`);
  }
}

/** Checks a count of things that take a byte each, or more, against what is left. @internal */
export function checkCount(n: number, left: number, what: string): void {
  if (n > left) throw new AMFError(`${n} ${what} in ${left} bytes`);
}
