/** What AMF0 can carry. undefined and null are not the same. A TypedObject has a class name. */
export type Value = undefined | null | boolean | number | string | Date | Value[] | TypedObject | {
    [key: string]: Value;
};
/** An object with a class name. Classes are names here: nothing is ever instantiated. */
export declare class TypedObject {
    readonly className: string;
    readonly members: {
        [key: string]: Value;
    };
    constructor(className: string, members: {
        [key: string]: Value;
    });
}
/** Why bytes could not be read, or a value not written. */
export declare class AMFError extends Error {
}
/** Writes values one behind the other. */
export declare function encode(...values: Value[]): Uint8Array;
/** Reads all values that are there. */
export declare function decode(b: Uint8Array): Value[];
