/**
 * A value of AMF0 or AMF3. undefined and null are not the same. A Uint8Array is a ByteArray; Int32Array, Uint32Array and Float64Array
 * are Vector.<int>, Vector.<uint> and Vector.<Number>; a Map is a Dictionary. What only AMF3 has is written behind the switch to it
 * on any connection. Objects that are read have no prototype, so that a member may have any name.
 */
export type Value = undefined | null | boolean | number | string | Date | Uint8Array | Int32Array | Uint32Array | Float64Array | Value[] | Map<Value, Value> | TypedObject | ECMAArray | Vector | XML | Externalizable | {
    [key: string]: Value;
};
/** Named values. */
export type Members = {
    [key: string]: Value;
};
/** Which members of a class AMF3 names once for all its objects, and whether there may be others. */
export interface Traits {
    readonly sealed: readonly string[];
    readonly dynamic: boolean;
}
/** An object with a class name. Classes are names here: nothing is ever instantiated. Without traits all members are dynamic. */
export declare class TypedObject {
    readonly className: string;
    readonly members: Members;
    readonly traits?: Traits | undefined;
    constructor(className: string, members: Members, traits?: Traits | undefined);
}
/** An array of Flash with named members beside its elements. (An ECMA array of AMF0 is read as a plain object.) */
export declare class ECMAArray {
    readonly dense: Value[];
    readonly members: Members;
    constructor(dense: Value[], members: Members);
}
/** Vector of anything but numbers: a class name, "" or "*" for any, and the elements. */
export declare class Vector {
    readonly type: string;
    readonly items: Value[];
    readonly fixed: boolean;
    constructor(type: string, items: Value[], fixed?: boolean);
}
/** The text of an XML value, never parsed: legacy is XMLDocument, else E4X. */
export declare class XML {
    readonly text: string;
    readonly legacy: boolean;
    constructor(text: string, legacy?: boolean);
    toString(): string;
}
/** An object of a class that writes its own body. Which classes can be read and written is said by externalizableClasses. */
export declare class Externalizable {
    readonly className: string;
    readonly members: Members;
    constructor(className: string, members: Members);
}
/** Flex's ArrayCollection or ArrayList: its elements are in source. */
export declare class ArrayCollection extends Externalizable {
    constructor(source?: Value[], className?: string);
    get source(): Value[];
    get length(): number;
    [Symbol.iterator](): Iterator<Value>;
}
/** Why bytes could not be read, or a value not written. */
export declare class AMFError extends Error {
    constructor(message: string);
}
