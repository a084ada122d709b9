// The chunk stream (Adobe, "Real-Time Messaging Protocol", §5.3): bytes to messages and back.
import { Writer } from "./amf.js";

/** One RTMP message. @internal */
export interface Message {
  type: number;
  stream: number; // message stream ID
  time: number; // ms, 32 bits
  body: Uint8Array;
}

/** Why the connection cannot be read any further. */
export class ProtocolError extends Error {}

const maxMessage = 16 << 20; // bytes; a longer message than fits its length field does not exist
const maxChunkStreams = 64;

interface Incoming extends Message {
  length: number;
  delta: number;
  extended: number; // the value of the extended timestamp, -1 without
  parts: Uint8Array[];
  got: number;
}

/** Reads messages from bytes that come in any pieces. @internal */
export class ChunkReader {
  size = 128;
  private rest = new Uint8Array(0);
  private streams = new Map<number, Incoming>();

  /** Takes bytes and returns the messages that are complete. The bytes are kept as long as a message of theirs lives. */
  push(bytes: Uint8Array): Message[] {
    let b = bytes;
    if (this.rest.length > 0) {
      b = new Uint8Array(this.rest.length + bytes.length);
      b.set(this.rest);
      b.set(bytes, this.rest.length);
    }
    const done: Message[] = [];
    let at = 0;
    for (;;) {
      const n = this.chunk(b, at, done);
      if (n === 0) break;
      at += n;
    }
    this.rest = b.slice(at);
    return done;
  }

  // chunk reads one chunk and returns its length, 0 when it is not whole yet.
  private chunk(b: Uint8Array, start: number, done: Message[]): number {
    const v = new DataView(b.buffer, b.byteOffset);
    const left = b.length - start;
    if (left < 1) return 0;
    const format = b[start] >> 6;
    let id = b[start] & 63;
    const basic = id === 0 ? 2 : id === 1 ? 3 : 1;
    if (left < basic) return 0;
    if (id === 0) id = 64 + b[start + 1];
    else if (id === 1) id = 64 + b[start + 1] + 256 * b[start + 2];
    let at = start + basic;
    const header = [11, 7, 3, 0][format];
    if (b.length - at < header) return 0;
    let s = this.streams.get(id);
    if (!s) {
      if (format !== 0) throw new ProtocolError(`chunk stream ${id} begins without a whole header`);
      if (this.streams.size >= maxChunkStreams) throw new ProtocolError("too many chunk streams");
      s = { type: 0, stream: 0, time: 0, body: new Uint8Array(0), length: 0, delta: 0, extended: -1, parts: [], got: 0 };
    }
    const fresh = s.got === 0;
    if (!fresh && format !== 3) throw new ProtocolError(`a new header within a message of chunk stream ${id}`);
    let field = format < 3 ? (b[at] << 16) | v.getUint16(at + 1) : 0;
    let length = s.length, type = s.type, stream = s.stream;
    if (format < 2) { length = (b[at + 3] << 16) | v.getUint16(at + 4); type = b[at + 6]; }
    if (format === 0) stream = v.getUint32(at + 7, true);
    at += header;
    let extended = -1;
    if (format < 3 ? field === 0xffffff : s.extended >= 0) {
      if (b.length - at < 4) return 0;
      const value = v.getUint32(at);
      if (format < 3) { extended = field = value; at += 4; }
      else if (value === s.extended) { extended = value; at += 4; } // some leave it out in what continues
      else extended = s.extended;
    }
    const size = Math.min(this.size, length - s.got);
    if (b.length - at < size) return 0;

    this.streams.set(id, s);
    if (fresh) {
      if (format === 3) field = s.delta;
      if (format === 0) { s.time = field; s.delta = field; } else { s.time = (s.time + field) >>> 0; s.delta = field; }
      Object.assign(s, { length, type, stream, extended });
      if (length > maxMessage) throw new ProtocolError(`a message of ${length} bytes`);
    }
    s.parts.push(b.subarray(at, at + size));
    s.got += size;
    if (s.got >= s.length) {
      done.push({ type: s.type, stream: s.stream, time: s.time, body: join(s.parts, s.got) });
      if (s.type === 1 && s.got === 4) this.resize(s.parts);
      s.parts = [];
      s.got = 0;
    }
    return at + size - start;
  }

  // resize obeys Set Chunk Size, which holds from the next chunk on.
  private resize(parts: Uint8Array[]): void {
    const b = join(parts, 4);
    const n = new DataView(b.buffer, b.byteOffset).getUint32(0) & 0x7fffffff;
    if (n === 0) throw new ProtocolError("a chunk size of 0");
    this.size = n;
  }
}

function join(parts: Uint8Array[], length: number): Uint8Array {
  if (parts.length === 1) return parts[0];
  const b = new Uint8Array(length);
  let at = 0;
  for (const p of parts) { b.set(p, at); at += p.length; }
  return b;
}

/** Cuts a message into chunks of that size, each message with a whole header. @internal */
export function cut(m: Message, csid: number, size: number): Uint8Array {
  const w = new Writer();
  const long = m.time >= 0xffffff;
  w.u8(csid).u24(long ? 0xffffff : m.time).u24(m.body.length).u8(m.type).u32le(m.stream);
  if (long) w.u32(m.time);
  for (let at = 0; at < m.body.length || at === 0; at += size) {
    if (at > 0) { w.u8(0xc0 | csid); if (long) w.u32(m.time); }
    w.bytes(m.body.subarray(at, at + size));
  }
  return w.done();
}
