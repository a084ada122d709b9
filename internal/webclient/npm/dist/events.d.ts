import type { Value } from "./value.js";
/** What a server or this client says about a connection, a stream or a call: NetConnection.Connect.Rejected and why. */
export interface InformationObject {
    level: string;
    code: string;
    description: string;
    [key: string]: Value;
}
/** A call or a connect that was refused, with the information object that said so. */
export declare class NetStatusError extends Error {
    readonly info: InformationObject;
    constructor(info: InformationObject);
    get code(): string;
}
/** A message to all who share an object or play a stream: the name of a method, and its arguments. */
export interface DataMessage {
    name: string;
    args: Value[];
}
/** Methods that the other side may call. What they return, or the promise they return, is the answer to a call. */
export type ClientMethods = {
    [name: string]: (...args: any[]) => Value | void | Promise<Value | void>;
};
/** What takes an event with such a detail. */
export type Listener<D> = ((e: CustomEvent<D>) => void) | {
    handleEvent(e: CustomEvent<D>): void;
};
/** An EventTarget whose events are CustomEvents, the details of which M lists by name. */
export declare class Emitter<M extends {
    [K in keyof M]: unknown;
}> extends EventTarget {
    addEventListener<K extends keyof M & string>(type: K, listener: Listener<M[K]> | null, options?: boolean | AddEventListenerOptions): void;
    removeEventListener<K extends keyof M & string>(type: K, listener: Listener<M[K]> | null, options?: boolean | EventListenerOptions): void;
}
