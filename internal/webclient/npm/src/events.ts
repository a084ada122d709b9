// Events whose names and details TypeScript knows, and what they and refusals carry.
import type { Value } from "./value.js";

/** What a server or this client says about a connection, a stream or a call: NetConnection.Connect.Rejected and why. */
export interface InformationObject {
  level: string;
  code: string;
  description: string;
  [key: string]: Value;
}

/** A call or a connect that was refused, with the information object that said so. */
export class NetStatusError extends Error {
  constructor(public readonly info: InformationObject) {
    super(`${info.code}: ${info.description}`);
    this.name = "NetStatusError";
  }
  get code(): string { return this.info.code; }
}

/** @internal */
export function info(code: string, description: string, level = "error"): InformationObject { return { level, code, description }; }

/** @internal */
export function informationOf(v: Value): InformationObject | undefined {
  if (typeof v !== "object" || v === null || typeof (v as { code?: unknown }).code !== "string") return undefined;
  const o = v as { [key: string]: Value };
  return { ...o, level: String(o.level ?? "error"), code: String(o.code), description: String(o.description ?? "") };
}

/** A message to all who share an object or play a stream: the name of a method, and its arguments. */
export interface DataMessage { name: string; args: Value[]; }

/** Methods that the other side may call. What they return, or the promise they return, is the answer to a call. */
export type ClientMethods = { [name: string]: (...args: any[]) => Value | void | Promise<Value | void> };

/** What takes an event with such a detail. */
export type Listener<D> = ((e: CustomEvent<D>) => void) | { handleEvent(e: CustomEvent<D>): void };

/** An EventTarget whose events are CustomEvents, the details of which M lists by name. */
export class Emitter<M extends { [K in keyof M]: unknown }> extends EventTarget {
  override addEventListener<K extends keyof M & string>(type: K, listener: Listener<M[K]> | null,
    options?: boolean | AddEventListenerOptions): void {
    super.addEventListener(type, listener as EventListener | null, options);
  }
  override removeEventListener<K extends keyof M & string>(type: K, listener: Listener<M[K]> | null,
    options?: boolean | EventListenerOptions): void {
    super.removeEventListener(type, listener as EventListener | null, options);
  }
  /** @internal */
  emit<K extends keyof M & string>(type: K, detail: M[K]): void { this.dispatchEvent(new CustomEvent(type, { detail })); }
}

/** Calls a method of a page's own, as an event and not as a call: what it throws is the page's to see. @internal */
export function callOwn(client: ClientMethods, m: DataMessage): void {
  if (!Object.hasOwn(client, m.name) || typeof client[m.name] !== "function") return;
  try {
    void Promise.resolve(client[m.name](...m.args)).catch((e) => console.error(e));
  } catch (e) {
    console.error(e);
  }
}
