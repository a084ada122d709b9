import { Value } from "./amf.js";
/** What has happened to one slot, as Flash Player's sync event has it. */
export interface Change {
    /** "change" by another client, "success" of a change of ours, "reject" of one, "delete" of a slot, "clear" of all. */
    code: "change" | "success" | "reject" | "delete" | "clear";
    name?: string;
    oldValue?: Value;
}
/**
 * A remote shared object. Events: "sync", a CustomEvent whose detail is a list of Change, the first of which comes when the object is
 * there; "netstatus" with an information object when the server refuses something; "message" for what is sent to all, its detail
 * {name, args}.
 */
export declare class SharedObject extends EventTarget {
    private nc;
    readonly name: string;
    readonly persistent: boolean;
    private released;
    /** The slots. Read it; write with set and remove. */
    readonly data: Map<string, Value>;
    /** Whether the server's first answer is there. */
    ready: boolean;
    private version;
    private asked;
    /** Sets a slot. It is in data when the server has answered, with "success". */
    set(name: string, value: Value): void;
    /** Removes a slot. */
    remove(name: string): void;
    /** Sends a message to every client of the object, this one included. */
    send(name: string, ...args: Value[]): void;
    /** Gives the object back: no more events come. */
    close(): void;
    private request;
    private apply;
}
