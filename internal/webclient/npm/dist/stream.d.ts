import { Value } from "./amf.js";
import { InformationObject } from "./connection.js";
/**
 * A stream, as Flash Player had it. Events: "netstatus" with an InformationObject; "data" for data messages, its detail {name, args}:
 * onMetaData, cue points, whatever the publisher sends.
 */
export declare class NetStream extends EventTarget {
    private nc;
    readonly id: number;
    /** The last onMetaData. */
    metadata: {
        [key: string]: Value;
    };
    private wait?;
    private sink?;
    private begun;
    /** Plays a live stream. The promise is the information object of NetStream.Play.Start; while nobody publishes it waits. */
    play(name: string): Promise<InformationObject>;
    /** Publishes data messages under a name (see send). The promise is the information object of NetStream.Publish.Start. */
    publish(name: string): Promise<InformationObject>;
    /** Sends a data message to every player of the stream that is published. */
    send(name: string, ...args: Value[]): void;
    /** Shows what is played in a media element: H.264 and AAC. Call it before play. */
    attach(element: HTMLMediaElement): void;
    /** Ends what is played or published, and the stream. */
    close(): void;
    private ask;
}
