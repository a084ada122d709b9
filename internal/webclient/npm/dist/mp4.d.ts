export declare function concat(parts: Uint8Array[]): Uint8Array;
/** The file header of H.264, from an AVCDecoderConfigurationRecord. */
export declare function videoInit(avcC: Uint8Array, width: number, height: number): Uint8Array;
/** The file header of AAC, from an AudioSpecificConfig. */
export declare function audioInit(config: Uint8Array): Uint8Array;
/** One sample of a track. Times are ms. */
export interface Sample {
    time: number;
    duration: number;
    offset: number;
    key: boolean;
    body: Uint8Array;
}
/** A fragment of samples that follow each other. */
export declare function fragment(sequence: number, samples: Sample[]): Uint8Array;
/** The codec of a config, as MediaSource names it. */
export declare const videoCodec: (avcC: Uint8Array) => string;
export declare const audioCodec: (config: Uint8Array) => string;
export declare const sampleRate: (c: Uint8Array) => number;
