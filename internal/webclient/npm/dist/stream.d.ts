import { ClientMethods, DataMessage, Emitter, InformationObject } from "./events.js";
import type { Members, Value } from "./value.js";
/** The events of a NetStream, with their details. */
export interface NetStreamEvents {
    netstatus: InformationObject;
    data: DataMessage;
}
/**
 * A stream, as Flash Player had it. Events: "netstatus" with what the server says of it, and with NetStream.Buffer.Full,
 * NetStream.Buffer.Empty and NetStream.Video.DimensionChange of the media element; "data" for data messages: onMetaData, cue points,
 * whatever the publisher sends.
 */
export declare class NetStream extends Emitter<NetStreamEvents> {
    private nc;
    readonly id: number;
    /** The last onMetaData. */
    metadata: Members;
    /** Methods that data messages call, beside the event "data". */
    client: ClientMethods;
    private wait?;
    private sink?;
    private begun;
    /** Plays a live stream. The promise is the information object of NetStream.Play.Start; while nobody publishes it waits. */
    play(name: string): Promise<InformationObject>;
    /** Stops what is played for a while. The promise is the information object of NetStream.Pause.Notify. */
    pause(): Promise<InformationObject>;
    /** Goes on with what is played, at its live end. The promise is the information object of NetStream.Unpause.Notify. */
    resume(): Promise<InformationObject>;
    /** Whether the server sends sound. */
    receiveAudio(on: boolean): void;
    /** Whether the server sends pictures. */
    receiveVideo(on: boolean): void;
    /** Publishes data messages under a name (see send). The promise is the information object of NetStream.Publish.Start. */
    publish(name: string): Promise<InformationObject>;
    /** Sends a data message to every player of the stream that is published. */
    send(name: string, ...args: Value[]): void;
    /** Sends a data message that also whoever plays later gets first, such as onMetaData; another of its name replaces it. */
    setDataFrame(name: string, value: Value): void;
    /** Takes such a message back. */
    clearDataFrame(name: string): void;
    /** Shows what is played in a media element: H.264 and AAC. Call it before play. */
    attach(element: HTMLMediaElement): void;
    /** Ends what is played or published, and the stream. */
    close(): void;
    private ask;
}
