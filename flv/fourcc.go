package flv

import "fmt"

// FourCC names a codec by four ASCII characters, the first in the most
// significant byte (Enhanced RTMP v2, "Enhanced Video" and "Enhanced Audio").
// It is also the number that onMetaData carries in videocodecid and
// audiocodecid. Zero means that the codec is unknown or has no FourCC.
type FourCC uint32

// The FourCCs that Enhanced RTMP v2 defines. A legacy codec id for the same
// codec is mapped to the same constant.
const (
	FourCCAVC  FourCC = 'a'<<24 | 'v'<<16 | 'c'<<8 | '1'
	FourCCHEVC FourCC = 'h'<<24 | 'v'<<16 | 'c'<<8 | '1'
	FourCCVVC  FourCC = 'v'<<24 | 'v'<<16 | 'c'<<8 | '1'
	FourCCAV1  FourCC = 'a'<<24 | 'v'<<16 | '0'<<8 | '1'
	FourCCVP8  FourCC = 'v'<<24 | 'p'<<16 | '0'<<8 | '8'
	FourCCVP9  FourCC = 'v'<<24 | 'p'<<16 | '0'<<8 | '9'
	FourCCOpus FourCC = 'O'<<24 | 'p'<<16 | 'u'<<8 | 's'
	FourCCFLAC FourCC = 'f'<<24 | 'L'<<16 | 'a'<<8 | 'C'
	FourCCAC3  FourCC = 'a'<<24 | 'c'<<16 | '-'<<8 | '3'
	FourCCEAC3 FourCC = 'e'<<24 | 'c'<<16 | '-'<<8 | '3'
	FourCCMP3  FourCC = '.'<<24 | 'm'<<16 | 'p'<<8 | '3'
	FourCCAAC  FourCC = 'm'<<24 | 'p'<<16 | '4'<<8 | 'a'
)

// ParseFourCC returns the FourCC spelt by s, which must be four bytes long.
func ParseFourCC(s string) (FourCC, bool) {
	if len(s) != 4 {
		return 0, false
	}
	return FourCC(s[0])<<24 | FourCC(s[1])<<16 | FourCC(s[2])<<8 | FourCC(s[3]), true
}

// String returns the four characters, or a hexadecimal number when one of them
// is not printable ASCII, or "" for zero.
func (f FourCC) String() string {
	if f == 0 {
		return ""
	}
	b := [4]byte{byte(f >> 24), byte(f >> 16), byte(f >> 8), byte(f)}
	for _, c := range b {
		if c < 0x20 || c > 0x7e {
			return fmt.Sprintf("0x%08x", uint32(f))
		}
	}
	return string(b[:])
}

// Name returns the codec's usual name ("H.264", "AAC"), or String for a FourCC
// that this package does not know.
func (f FourCC) Name() string {
	switch f {
	case FourCCAVC:
		return "H.264"
	case FourCCHEVC:
		return "H.265"
	case FourCCVVC:
		return "H.266"
	case FourCCAV1:
		return "AV1"
	case FourCCVP8:
		return "VP8"
	case FourCCVP9:
		return "VP9"
	case FourCCOpus:
		return "Opus"
	case FourCCFLAC:
		return "FLAC"
	case FourCCAC3:
		return "AC-3"
	case FourCCEAC3:
		return "E-AC-3"
	case FourCCMP3:
		return "MP3"
	case FourCCAAC:
		return "AAC"
	}
	return f.String()
}

// composed reports whether coded frames of the codec begin with a composition
// time, as those of the NAL unit codecs do.
func (f FourCC) composed() bool {
	return f == FourCCAVC || f == FourCCHEVC || f == FourCCVVC
}
