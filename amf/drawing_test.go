package amf

import (
	"fmt"
	"strconv"
)

// drawer prints a decoded value as the oracle does: a pointer met again is a
// reference.
type drawer struct {
	amf3 bool
	next int
	seen map[Value]int
}

func (d *drawer) draw(v Value) string {
	if isPointer(v) {
		if i, ok := d.seen[v]; ok {
			return "#" + strconv.Itoa(i)
		}
		d.seen[v] = d.next
		d.next++
	}
	switch v := v.(type) {
	case nil:
		return "null"
	case UndefinedType:
		return "undefined"
	case bool:
		return fmt.Sprint(v)
	case float64:
		return oracleFloat(v)
	case int32:
		return fmt.Sprint(v)
	case string:
		return strconv.Quote(v)
	case XML:
		d.next++
		return "xml " + strconv.Quote(string(v))
	case XMLDocument:
		if d.amf3 {
			d.next++
		}
		return "xmldoc " + strconv.Quote(string(v))
	case Date:
		if d.amf3 {
			d.next++
			return "date " + oracleFloat(v.Millis)
		}
		return "date " + oracleFloat(v.Millis) + " " + fmt.Sprint(v.Zone)
	case *Object:
		return d.object(v)
	case *Array:
		switch {
		case d.amf3:
			return "array{" + d.props(v.Assoc) + "}" + d.values(v.Dense)
		case v.ECMA:
			return "ecma{" + d.props(v.Assoc) + "}"
		}
		return d.values(v.Dense)
	}
	return d.only3(v)
}

func (d *drawer) object(v *Object) string {
	class := strconv.Quote(v.Class)
	switch {
	case d.amf3:
		return class + "{" + d.props(v.Props[:v.Sealed]) + "|" + d.props(v.Props[v.Sealed:]) + "}"
	case v.Class == "":
		class = ""
	}
	return class + "{" + d.props(v.Props) + "}"
}

func (d *drawer) only3(v Value) string {
	bit := map[bool]int{true: 1}
	switch v := v.(type) {
	case *ByteArray:
		return fmt.Sprintf("bytes %x", v.Data)
	case *VectorInt:
		return fmt.Sprintf("vector 0xd %d %d", bit[v.Fixed], uint32(v.Data[0]))
	case *VectorUint:
		return fmt.Sprintf("vector 0xe %d %d", bit[v.Fixed], v.Data[0])
	case *VectorDouble:
		return fmt.Sprintf("vector 0xf %d %s %s", bit[v.Fixed], oracleFloat(v.Data[0]), oracleFloat(v.Data[1]))
	case *VectorObject:
		return fmt.Sprintf("vector 0x10 %d %s%s", bit[v.Fixed], strconv.Quote(v.Type), d.values(v.Data))
	case *Dictionary:
		s := fmt.Sprint("dictionary ", bit[v.Weak])
		for _, e := range v.Entries {
			s += " (" + d.draw(e.Key) + " " + d.draw(e.Value) + ")"
		}
		return s
	case *Externalizable:
		return strconv.Quote(v.Class) + "(" + d.draw(v.Props[0].Value) + ")"
	}
	return fmt.Sprintf("%T", v)
}

func (d *drawer) props(ps []Prop) string {
	s := ""
	for _, p := range ps {
		s += strconv.Quote(p.Key) + ":" + d.draw(p.Value) + " "
	}
	return s
}

func (d *drawer) values(vs []Value) string {
	s := "["
	for _, v := range vs {
		s += d.draw(v) + " "
	}
	return s + "]"
}
