// The chunk stream (Adobe, "Real-Time Messaging Protocol", §5.3): bytes to messages and back.
import { Writer } from "./bytes.js";

/** One RTMP message. @internal */
export interface Message {
  type: number;
  stream: number; // message stream ID
  time: number; // ms, 32 bits
  body: Uint8Array;
}

/** Why the connection cannot be read any further. */
export class ProtocolError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ProtocolError";
  }
}

const maxChunkStreams = 64;
const maxBuffered = 32 << 20; // bytes of messages that are not complete, all chunk streams together
const maxHeader = 3 + 11 + 4; // bytes

interface Incoming {
  type: number;
  stream: number;
  time: number;
  length: number;
  delta: number;
  extended: number; // the value of the extended timestamp, -1 without
  body: Uint8Array; // grows with what comes, never by what is declared
  got: number;
}

/** Reads messages from bytes that come in any pieces. The error is a ProtocolError, after which it cannot be used. @internal */
export class ChunkReader {
  size = 128;
  private head = new Uint8Array(0); // the beginning of a header
  private streams = new Map<number, Incoming>();
  private current?: Incoming; // a chunk of which is being read
  private left = 0; // bytes of that chunk
  private buffered = 0;

  /** Takes bytes and returns the messages that are complete. A message may share memory with them. */
  push(bytes: Uint8Array): Message[] {
    const done: Message[] = [];
    let at = 0;
    for (;;) {
      if (this.current) {
        const n = Math.min(this.left, bytes.length - at);
        const m = this.payload(this.current, bytes.subarray(at, at + n));
        at += n;
        if (m) done.push(m);
        if (this.current) return done;
      }
      if (at >= bytes.length) return done;
      // A header that is cut is put together first.
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
  private header(b: Uint8Array): number {
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
    let field = format < 3 ? (b[at] << 16) | v.getUint16(at + 1) : 0;
    let { length, type, stream } = s;
    if (format < 2) { length = (b[at + 3] << 16) | v.getUint16(at + 4); type = b[at + 6]; }
    if (format === 0) stream = v.getUint32(at + 7, true);
    at += size;
    let extended = -1;
    if (format < 3 ? field === 0xffffff : s.extended >= 0) {
      if (b.length < at + 4) return 0;
      const value = v.getUint32(at);
      if (format < 3) { extended = field = value; at += 4; }
      else if (value === s.extended) { extended = value; at += 4; } // some leave it out in what continues
      else extended = s.extended;
    }
    this.streams.set(id, s);
    if (fresh) {
      if (format === 3) field = s.delta;
      s.time = format === 0 ? field : (s.time + field) >>> 0;
      s.delta = field;
      Object.assign(s, { length, type, stream, extended });
    }
    this.current = s;
    this.left = Math.min(this.size, s.length - s.got);
    return at;
  }

  private stream(id: number, format: number): Incoming {
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
  private payload(s: Incoming, bytes: Uint8Array): Message | undefined {
    this.left -= bytes.length;
    if (this.left === 0) this.current = undefined;
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
      if (s.got < s.length) return undefined;
      body = s.body.subarray(0, s.length);
      this.drop(s);
    }
    const m: Message = { type: s.type, stream: s.stream, time: s.time, body };
    if (body.length >= 4 && m.type < 3) this.obey(m.type, new DataView(body.buffer, body.byteOffset).getUint32(0));
    return m;
  }

  private drop(s: Incoming): void {
    this.buffered -= s.got;
    s.got = 0;
    s.body = new Uint8Array(0);
  }

  // obey does what Set Chunk Size and Abort Message say, which holds from the next chunk on.
  private obey(type: number, value: number): void {
    if (type === 1) {
      this.size = value & 0x7fffffff;
      if (this.size === 0) throw new ProtocolError("a chunk size of 0");
    } else if (type === 2) {
      const s = this.streams.get(value);
      if (s) this.drop(s);
    }
  }
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
