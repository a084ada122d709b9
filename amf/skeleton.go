package amf

type Decoder struct{}

func NewDecoder(b []byte, v Version) *Decoder                 { panic("later") }
func NewDecoderLimits(b []byte, v Version, l Limits) *Decoder { panic("later") }
func (d *Decoder) Decode() (Value, error)                     { panic("later") }
func (d *Decoder) DecodeAll() ([]Value, error)                { panic("later") }
func (d *Decoder) More() bool                                 { panic("later") }
func (d *Decoder) Offset() int                                { panic("later") }
func (d *Decoder) Rest() []byte                               { panic("later") }

type Encoder struct {
	Version    Version
	References bool
	Avmplus    bool
	Limits     Limits
}

func (e *Encoder) Append(dst []byte, v ...Value) ([]byte, error) { panic("later") }
func Append0(dst []byte, v ...Value) ([]byte, error)             { panic("later") }
func Marshal(v any, ver Version) ([]byte, error)                 { panic("later") }
func Unmarshal(b []byte, ver Version, dst any) error             { panic("later") }
func ToValue(v any) (Value, error)                               { panic("later") }
func Assign(dst any, v Value) error                              { panic("later") }
func Format(v Value) string                                      { panic("later") }
func AppendJSON(dst []byte, v Value) ([]byte, error)             { panic("later") }
func FromJSON(b []byte) (Value, error)                           { panic("later") }
func Copy(v Value) (Value, error)                                { panic("later") }
func Equal(a, b Value) bool                                      { panic("later") }

var decodeLimits = Limits{}
