import { Value } from "./value.js";
/** Writes AMF3 values one behind the other. */
export declare function encodeAMF3(...values: Value[]): Uint8Array;
/** Reads all AMF3 values that are there. The error is an AMFError. */
export declare function decodeAMF3(b: Uint8Array): Value[];
