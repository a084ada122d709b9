import { ClientMethods, DataMessage, Emitter, InformationObject } from "./events.js";
import { Value } from "./value.js";
/** What has happened to one slot, as Flash Player's sync event has it. */
export interface Change {
    /** "change" by another client, "success" of a change of ours, "reject" of one, "delete" of a slot, "clear" of all. */
    code: "change" | "success" | "reject" | "delete" | "clear";
    name?: string;
    oldValue?: Value;
}
/** The events of a SharedObject, with their details. */
export interface SharedObjectEvents {
    sync: Change[];
    netstatus: InformationObject;
    message: DataMessage;
}
/**
 * A remote shared object. Events: "sync", whose detail is a list of Change, the first of which comes when the object is there: with
 * "clear" and all slots; "netstatus" with an information object when the server refuses something; "message" for what is sent to all.
 */
export declare class SharedObject extends Emitter<SharedObjectEvents> {
    private nc;
    readonly name: string;
    readonly persistent: boolean;
    private released;
    /** The slots. Read it; write with set and remove. */
    readonly data: Map<string, Value>;
    /** Methods that send calls at every client, beside the event "message". */
    client: ClientMethods;
    /** Whether the server's first answer is there, and the connection as well. */
    ready: boolean;
    private version;
    private waits;
    /** Sets a slot. It is in data at once; "success" confirms it, or "reject" replaces it with what the server has. */
    set(name: string, value: Value): void;
    /** Removes a slot. It is gone at once; "delete" confirms it, or "reject" brings it back. */
    remove(name: string): void;
    /** Removes all slots. They are gone at once; "clear" confirms it. */
    clear(): void;
    /** Sends a message to every client of the object, this one included. */
    send(name: string, ...args: Value[]): void;
    /** Gives the object back: no more events come. */
    close(): void;
    private request;
    private apply;
}
