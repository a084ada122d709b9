// A WebSocket without a network, and the server's end of RTMP behind it, written with the module's own chunks and values.
import { NetConnection, internals } from "../dist/penstock.js";

const { ChunkReader, Decoder, Encoder, cut } = internals;
const handshakeBytes = 1536;

/** Lets promises and events that are due happen. */
export const settled = () => new Promise((r) => setImmediate(r));

export class Peer {
  messages = []; // from the client, not taken yet
  closed = false;
  #size = 128;
  #reader = new ChunkReader();
  #first = []; // C0, C1, C2

  constructor(socket) { this.socket = socket; }

  fromClient(bytes) {
    if (this.#first === null) {
      this.messages.push(...this.#reader.push(bytes));
      return;
    }
    this.#first.push(...bytes);
    if (this.#first.length === 1 + handshakeBytes) { // C0 and C1: S0, S1 and S2, in pieces
      const s = new Uint8Array(1 + 2 * handshakeBytes);
      s[0] = 3;
      s.set(this.#first.slice(1), 1 + handshakeBytes);
      for (let at = 0; at < s.length; at += 1000) this.bytes(s.subarray(at, at + 1000));
    } else if (this.#first.length >= 1 + 2 * handshakeBytes) {
      const rest = this.#first.slice(1 + 2 * handshakeBytes);
      this.#first = null;
      if (rest.length > 0) this.fromClient(Uint8Array.from(rest));
    }
  }

  bytes(b) { this.socket.onmessage?.({ data: b.slice().buffer }); }
  send(type, stream, body, time = 0) { this.bytes(cut({ type, stream, time, body }, type < 7 ? 2 : 5, this.#size)); }
  /** Sets the size of our chunks, which is below 2**24. */
  chunks(size) {
    this.send(1, 0, Uint8Array.of(0, size >> 16, size >> 8, size));
    this.#size = size;
  }
  values(type, stream, values, time = 0) {
    const e = new Encoder(type === 17);
    if (type === 15 || type === 17) e.u8(0);
    values.forEach((v) => e.value(v));
    this.send(type, stream, e.done(), time);
  }
  command(...values) { this.values(20, 0, values); }
  status(stream, code, level = "status", more = {}) { this.values(20, stream, ["onStatus", 0, null, { level, code, description: "", ...more }]); }

  /** The next message of a type, and what came before it is dropped. */
  next(...types) {
    for (let m; (m = this.messages.shift());) if (types.includes(m.type)) return m;
    throw new Error(`the client has sent nothing of type ${types}`);
  }
  /** The values of the next command. */
  nextCommand() {
    const m = this.next(17, 20);
    return all(m.type === 17 ? m.body.subarray(1) : m.body);
  }
}

/** All values of a message. */
export function all(body) {
  const d = new Decoder(body), values = [];
  while (d.more) values.push(d.value());
  return values;
}

/** Puts the WebSocket of Peers in place of the browser's; peers lists those that were opened. */
export function fakeWebSocket() {
  const peers = [];
  globalThis.WebSocket = class {
    static OPEN = 1;
    readyState = 0;
    constructor(url, protocol) {
      this.url = String(url);
      this.protocol = protocol;
      this.peer = new Peer(this);
      peers.push(this.peer);
      queueMicrotask(() => { this.readyState = 1; this.onopen?.(); });
    }
    send(bytes) { this.peer.fromClient(new Uint8Array(bytes)); }
    close() { this.readyState = 3; this.peer.closed = true; }
    /** The server's end, or the network's. */
    lose(code, reason = "") { this.readyState = 3; this.onclose?.({ code, reason }); }
  };
  return peers;
}

/** A connection that was accepted, its peer, and the codes and informations of its netstatus events. */
export async function connected(options = {}, ...args) {
  const peers = fakeWebSocket();
  const nc = new NetConnection({ endpoint: "ws://test/rtmp", keepAlive: 0, ...options });
  const said = [];
  nc.addEventListener("netstatus", (e) => said.push(e.detail));
  const promise = nc.connect("app/room", ...args);
  promise.catch(() => {});
  await settled();
  const peer = peers[0];
  const connect = peer.nextCommand();
  peer.command("_result", 1, { fmsVer: "T" }, { level: "status", code: "NetConnection.Connect.Success", description: "Yes.", objectEncoding: 0 });
  await promise;
  return { nc, peer, said, connect, codes: () => said.map((s) => s.code) };
}
