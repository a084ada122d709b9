import { Value } from "./amf.js";
import { NetStream } from "./stream.js";
import { SharedObject } from "./sharedobject.js";
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
/** Methods that the server may call. What they return, or the promise they return, is the answer. */
export type ClientMethods = {
    [name: string]: (...args: any[]) => Value | void | Promise<Value | void>;
};
/** Options of a NetConnection. */
export interface NetConnectionOptions {
    /** Where RTMP over WebSocket is served: "/rtmp" of this page's server without it. */
    endpoint?: string;
    /** Time for connect, and for the answer to a call, in ms (10000). */
    timeout?: number;
    /** Properties that are added to the object of connect. */
    properties?: {
        [key: string]: Value;
    };
}
/**
 * A connection to an application, as Flash Player had it. Events, each a CustomEvent whose detail is an InformationObject:
 * "netstatus" for everything that is said about the connection; NetConnection.Connect.Closed comes once, last.
 */
export declare class NetConnection extends EventTarget {
    private readonly options;
    /** Methods that the server may call. */
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
    constructor(options?: NetConnectionOptions);
    get connected(): boolean;
    /**
     * Connects to an application, "chat" or "chat/lobby", with arguments for it. The promise is the information object of
     * NetConnection.Connect.Success, or is rejected with a NetStatusError: what the server refused with, or
     * NetConnection.Connect.Failed.
     */
    connect(application: string, ...args: Value[]): Promise<InformationObject>;
    private command;
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
    private expect;
    private settle;
    private control;
    private say;
    private take;
    private handle;
    private shared;
    private commanded;
    private called;
    private end;
}
