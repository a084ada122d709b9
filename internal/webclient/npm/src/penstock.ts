/**
 * NetConnection, NetStream and SharedObject for web pages, as Flash Player had them: RTMP over WebSocket.
 * @packageDocumentation
 */
import { Decoder, Encoder } from "./amf0.js";
import { ChunkReader, cut } from "./chunk.js";
import * as mp4 from "./mp4.js";
import { limits } from "./value.js";

export { decodeAMF0, encodeAMF0 } from "./amf0.js";
export { decodeAMF3, encodeAMF3 } from "./amf3.js";
export { ProtocolError } from "./chunk.js";
export { NetConnection, type NetConnectionEvents, type NetConnectionOptions } from "./connection.js";
export { Emitter, NetStatusError, type ClientMethods, type DataMessage, type InformationObject, type Listener } from "./events.js";
export { externalizableClasses } from "./flex.js";
export { SharedObject, type Change, type SharedObjectEvents } from "./sharedobject.js";
export { NetStream, type NetStreamEvents } from "./stream.js";
export { AMFError, ArrayCollection, ECMAArray, Externalizable, TypedObject, Vector, XML, type Members, type Traits, type Value } from "./value.js";

/** What the tests of this module, which test the built file, look into. @internal */
export const internals = { ChunkReader, Decoder, Encoder, cut, limits, mp4 };
