import { ClientMethods, Emitter, InformationObject } from "./events.js";
import { NetStream } from "./stream.js";
import { SharedObject } from "./sharedobject.js";
import { Value } from "./value.js";
/** Options of a NetConnection. */
export interface NetConnectionOptions {
    /** Where RTMP over WebSocket is served: "/rtmp" of this page's server without it. */
    endpoint?: string | URL;
    /** Time for connect, and for the answer to a call, in ms (10000). */
    timeout?: number;
    /** Properties that are added to the object of connect. */
    properties?: {
        [key: string]: Value;
    };
    /** 3: objects, arrays and dates go in AMF3 both ways. 0, which is so without it: AMF0, and AMF3 for what only that can say. */
    objectEncoding?: 0 | 3;
    /** After how many ms of silence the server is asked for a sign of life; after as many without one the connection is over. 0: never (25000). */
    keepAlive?: number;
    /** Tells the server that this page moves when it gets NetConnection.Connect.ReconnectRequest, so that it may be asked to (false). */
    reconnect?: boolean;
}
/** The events of a NetConnection, with their details. */
export interface NetConnectionEvents {
    netstatus: InformationObject;
}
/**
 * A connection to an application, as Flash Player had it. Event "netstatus", whose detail is an InformationObject, for everything that is
 * said about the connection; NetConnection.Connect.Closed comes once, last, with the WebSocket's closeCode when the server's side ended it.
 */
export declare class NetConnection extends Emitter<NetConnectionEvents> {
    private readonly options;
    /** Methods that the server may call: own members only. */
    client: ClientMethods;
    private ws?;
    private reader;
    private shaken;
    private sendSize;
    private transaction;
    private waiting;
    private streams;
    private objects;
    private received;
    private acknowledged;
    private window;
    private state;
    private told?;
    private command;
    private watch?;
    private quiet;
    private networks;
    constructor(options?: NetConnectionOptions);
    get connected(): boolean;
    /**
     * Connects to an application, "chat" or "chat/lobby", with arguments for it. The promise is the information object of
     * NetConnection.Connect.Success, or is rejected with a NetStatusError: what the server refused with, or
     * NetConnection.Connect.Failed.
     */
    connect(application: string, ...args: Value[]): Promise<InformationObject>;
    /** Calls a method of the application. The promise is its result, or is rejected with a NetStatusError. */
    call(method: string, ...args: Value[]): Promise<Value>;
    /** Calls a method without wanting an answer. */
    notify(method: string, ...args: Value[]): void;
    /** Makes a stream, to publish or to play. */
    createStream(): Promise<NetStream>;
    /** The remote shared object of that name, used from now on: the same one for the same name. */
    sharedObject(name: string, persistent?: boolean): SharedObject;
    /** Ends the connection. */
    close(): void;
    private need;
    private ask;
    private expect;
    private settle;
    private control;
    private say;
    private attend;
    private ping;
    private take;
    private handle;
    private shared;
    private commanded;
    private called;
    private closed;
    private end;
}
