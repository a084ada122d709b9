package amf

import "testing"

// connect is the command a broadcasting encoder sends first.
func connect() []Value {
	return vals("connect", 1.0, obj(
		"app", "live", "type", "nonprivate", "flashVer", "FMLE/3.0 (compatible; FMSc/1.0)",
		"swfUrl", "rtmp://media.example.org/live", "tcUrl", "rtmp://media.example.org/live",
		"fpad", false, "capabilities", 239.0, "audioCodecs", 3575.0, "videoCodecs", 252.0,
		"videoFunction", 1.0, "objectEncoding", 0.0, "fourCcList", NewArray("av01", "hvc1", "avc1")))
}

func metadata() []Value {
	return vals("@setDataFrame", "onMetaData", ecma(
		"duration", 0.0, "fileSize", 0.0, "width", 1920.0, "height", 1080.0, "videocodecid", 7.0,
		"videodatarate", 6000.0, "framerate", 60.0, "audiocodecid", 10.0, "audiodatarate", 160.0,
		"audiosamplerate", 48000.0, "audiosamplesize", 16.0, "audiochannels", 2.0, "stereo", true,
		"2.1", false, "3.1", false, "4.0", false, "4.1", false, "5.1", false, "7.1", false,
		"encoder", "obs-output module (libobs version 30.2.3)"))
}

func benchmarkDecode(b *testing.B, ver Version, vs []Value) {
	e := Encoder{Version: ver}
	in, err := e.Append(nil, vs...)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if _, err := NewDecoder(in, ver).DecodeAll(); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkEncode(b *testing.B, ver Version, vs []Value) {
	e := Encoder{Version: ver}
	buf, err := e.Append(nil, vs...)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		if _, err := e.Append(buf[:0], vs...); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeConnect(b *testing.B)   { benchmarkDecode(b, AMF0, connect()) }
func BenchmarkEncodeConnect(b *testing.B)   { benchmarkEncode(b, AMF0, connect()) }
func BenchmarkDecodeMetadata(b *testing.B)  { benchmarkDecode(b, AMF0, metadata()) }
func BenchmarkEncodeMetadata(b *testing.B)  { benchmarkEncode(b, AMF0, metadata()) }
func BenchmarkDecodeConnect3(b *testing.B)  { benchmarkDecode(b, AMF3, connect()) }
func BenchmarkEncodeConnect3(b *testing.B)  { benchmarkEncode(b, AMF3, connect()) }
func BenchmarkDecodeMetadata3(b *testing.B) { benchmarkDecode(b, AMF3, metadata()) }
func BenchmarkEncodeMetadata3(b *testing.B) { benchmarkEncode(b, AMF3, metadata()) }

func BenchmarkEqualMetadata(b *testing.B) {
	x, y := NewArray(metadata()...), NewArray(metadata()...)
	b.ReportAllocs()
	for b.Loop() {
		if !Equal(x, y) {
			b.Fatal("not equal")
		}
	}
}

// TestEncodeDoesNotAllocate keeps the path of every reply free of garbage.
func TestEncodeDoesNotAllocate(t *testing.T) {
	for name, vs := range map[string][]Value{"connect": connect(), "metadata": metadata()} {
		var e Encoder
		buf := make([]byte, 0, 4096)
		if n := testing.AllocsPerRun(100, func() {
			if _, err := e.Append(buf, vs...); err != nil {
				t.Fatal(err)
			}
		}); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
