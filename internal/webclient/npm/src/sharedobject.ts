import { Decoder, Encoder } from "./amf0.js";
import { Writer } from "./bytes.js";
import { ClientMethods, DataMessage, Emitter, InformationObject, callOwn, info } from "./events.js";
import type { NetConnection } from "./connection.js";
import { AMFError, Value } from "./value.js";

/** What has happened to one slot, as Flash Player's sync event has it. */
export interface Change {
  /** "change" by another client, "success" of a change of ours, "reject" of one, "delete" of a slot, "clear" of all. */
  code: "change" | "success" | "reject" | "delete" | "clear";
  name?: string;
  oldValue?: Value;
}

/** The events of a SharedObject, with their details. */
export interface SharedObjectEvents { sync: Change[]; netstatus: InformationObject; message: DataMessage; }

const enum Event {
  Use = 1, Release, RequestChange, Change, Success, Send, Status, Clear, Remove, RequestRemove, UseSuccess, SlotVersion, ChangeEcho, RequestClear,
}
const persistentFlag = 2;

/**
 * A remote shared object. Events: "sync", whose detail is a list of Change, the first of which comes when the object is there: with
 * "clear" and all slots; "netstatus" with an information object when the server refuses something; "message" for what is sent to all.
 */
export class SharedObject extends Emitter<SharedObjectEvents> {
  /** The slots. Read it; write with set and remove. */
  readonly data = new Map<string, Value>();
  /** Methods that send calls at every client, beside the event "message". */
  client: ClientMethods = {};
  /** Whether the server's first answer is there, and the connection as well. */
  ready = false;
  private version = 0;
  private waits = new Set<string>(); // slots with changes of ours that are not answered yet

  /** @internal */
  constructor(private nc: NetConnection, readonly name: string, readonly persistent: boolean, private released: () => void) { super(); }

  /** Sets a slot. It is in data at once; "success" confirms it, or "reject" replaces it with what the server has. */
  set(name: string, value: Value): void {
    this.request(Event.RequestChange, (w) => w.text(name).value(value));
    this.data.set(name, value);
    this.waits.add(name);
  }

  /** Removes a slot. It is gone at once; "delete" confirms it, or "reject" brings it back. */
  remove(name: string): void {
    this.request(Event.RequestRemove, (w) => w.text(name));
    this.data.delete(name);
    this.waits.add(name);
  }

  /** Removes all slots. They are gone at once; "clear" confirms it. */
  clear(): void {
    this.request(Event.RequestClear, () => {});
    this.data.clear();
  }

  /** Sends a message to every client of the object, this one included. */
  send(name: string, ...args: Value[]): void {
    this.request(Event.Send, (w) => [name, ...args].forEach((v) => w.value(v)));
  }

  /** Gives the object back: no more events come. */
  close(): void {
    this.request(Event.Release, () => {});
    this.ended();
    this.released();
  }

  /** @internal */
  use(): void { this.request(Event.Use, () => {}); }

  /** @internal */
  ended(): void { this.ready = false; }

  private request(event: Event, body: (w: Encoder) => void): void {
    const data = new Encoder(this.nc.amf3);
    body(data);
    const w = new Writer();
    if (this.nc.amf3) w.u8(0); // the values switch to AMF3 one by one
    w.text(this.name).u32(this.version).u32(this.persistent ? persistentFlag : 0).u32(0);
    w.u8(event).u32(data.length).bytes(data.done());
    this.nc.send(this.nc.amf3 ? 16 : 19, 0, w.done());
  }

  /** Takes what follows the name in a message; all3: its values are AMF3 without a switch. @internal */
  take(r: Decoder, all3: boolean): void {
    this.version = r.u32() || this.version;
    r.u32();
    r.u32();
    const changes: Change[] = [];
    while (r.more) {
      const event = r.u8();
      const body = new Decoder(r.bytes(r.u32()));
      try {
        this.apply(event, body, () => (all3 ? body.value3() : body.value()), changes);
      } catch (e) { // another client's value that cannot be read is no reason to lose the others
        if (!(e instanceof AMFError)) throw e;
        this.emit("netstatus", info("NetConnection.Call.BadVersion", `An event of ${this.name} could not be read: ${e.message}.`));
      }
    }
    if (changes.length > 0) this.emit("sync", changes);
  }

  private apply(event: number, r: Decoder, value: () => Value, changes: Change[]): void {
    const each = (f: (name: string) => Change["code"]) => {
      while (r.more) {
        const name = r.text(), oldValue = this.data.get(name), code = f(name);
        changes.push(code === "success" ? { code, name } : { code, name, oldValue });
      }
    };
    switch (event) {
      case Event.UseSuccess: this.ready = true; return;
      case Event.Clear:
        this.data.clear();
        this.waits.clear();
        changes.push({ code: "clear" });
        return;
      case Event.Change: return each((name) => {
        this.data.set(name, value());
        return this.waits.delete(name) ? "reject" : "change";
      });
      case Event.ChangeEcho: return each((name) => {
        this.data.set(name, value());
        this.waits.delete(name);
        return "success";
      });
      case Event.Success: return each((name) => { this.waits.delete(name); return "success"; });
      case Event.Remove: return each((name) => { this.waits.delete(name); this.data.delete(name); return "delete"; });
      case Event.Status: {
        const code = r.text();
        this.emit("netstatus", info(code, "", r.more ? r.text() : "error"));
        return;
      }
      case Event.Send: {
        const name = String(value()), args: Value[] = [];
        while (r.more) args.push(value());
        const m = { name, args };
        this.emit("message", m);
        callOwn(this.client, m);
        return;
      }
    }
  }
}
