import { Reader, Value, Writer, write } from "./amf.js";
import type { NetConnection } from "./connection.js";

/** What has happened to one slot, as Flash Player's sync event has it. */
export interface Change {
  /** "change" by another client, "success" of a change of ours, "reject" of one, "delete" of a slot, "clear" of all. */
  code: "change" | "success" | "reject" | "delete" | "clear";
  name?: string;
  oldValue?: Value;
}

const enum Event { Use = 1, Release, RequestChange, Change, Success, Send, Status, Clear, Remove, RequestRemove, UseSuccess }

/**
 * A remote shared object. Events: "sync", a CustomEvent whose detail is a list of Change, the first of which comes when the object is
 * there; "netstatus" with an information object when the server refuses something; "message" for what is sent to all, its detail
 * {name, args}.
 */
export class SharedObject extends EventTarget {
  /** The slots. Read it; write with set and remove. */
  readonly data = new Map<string, Value>();
  /** Whether the server's first answer is there. */
  ready = false;
  private version = 0;
  private asked = new Map<string, Value>(); // changes of ours that are not answered yet

  /** @internal */
  constructor(private nc: NetConnection, readonly name: string, readonly persistent: boolean, private released: () => void) { super(); }

  /** Sets a slot. It is in data when the server has answered, with "success". */
  set(name: string, value: Value): void {
    this.asked.set(name, value);
    this.request(Event.RequestChange, (w) => write(w.text(name), value, 0));
  }

  /** Removes a slot. */
  remove(name: string): void { this.request(Event.RequestRemove, (w) => w.text(name)); }

  /** Sends a message to every client of the object, this one included. */
  send(name: string, ...args: Value[]): void {
    this.request(Event.Send, (w) => [name, ...args].forEach((v) => write(w, v, 0)));
  }

  /** Gives the object back: no more events come. */
  close(): void {
    this.request(Event.Release, () => {});
    this.released();
  }

  /** @internal */
  use(): void { this.request(Event.Use, () => {}); }

  private request(event: Event, body: (w: Writer) => void): void {
    const data = new Writer();
    body(data);
    const w = new Writer().text(this.name).u32(this.version).u32(this.persistent ? 2 : 0).u32(0);
    w.u8(event).u32(data.length).bytes(data.done());
    this.nc.send(19, 0, w.done());
  }

  /** @internal Takes what follows the name in a message. */
  take(r: Reader): void {
    this.version = r.u32();
    r.u32();
    r.u32();
    const changes: Change[] = [];
    while (r.more) {
      const event = r.u8();
      this.apply(event, new Reader(r.bytes(r.u32())), changes);
    }
    if (changes.length > 0) this.dispatchEvent(new CustomEvent("sync", { detail: changes }));
  }

  private apply(event: number, r: Reader, changes: Change[]): void {
    switch (event) {
      case Event.UseSuccess: this.ready = true; return;
      case Event.Clear:
        this.data.clear();
        changes.push({ code: "clear" });
        return;
      case Event.Change:
        while (r.more) {
          const name = r.text();
          const value = r.value();
          const oldValue = this.data.get(name);
          const rejected = this.asked.delete(name);
          this.data.set(name, value);
          changes.push({ code: rejected ? "reject" : "change", name, oldValue });
        }
        return;
      case Event.Success:
        while (r.more) {
          const name = r.text();
          const oldValue = this.data.get(name);
          this.data.set(name, this.asked.get(name));
          this.asked.delete(name);
          changes.push({ code: "success", name, oldValue });
        }
        return;
      case Event.Remove:
        while (r.more) {
          const name = r.text();
          const oldValue = this.data.get(name);
          this.data.delete(name);
          changes.push({ code: "delete", name, oldValue });
        }
        return;
      case Event.Status: {
        const code = r.text();
        const level = r.more ? r.text() : "error";
        this.dispatchEvent(new CustomEvent("netstatus", { detail: { level, code, description: "" } }));
        return;
      }
      case Event.Send: {
        const values: Value[] = [];
        while (r.more) values.push(r.value());
        const [name, ...args] = values;
        this.dispatchEvent(new CustomEvent("message", { detail: { name: String(name), args } }));
        return;
      }
    }
  }
}
